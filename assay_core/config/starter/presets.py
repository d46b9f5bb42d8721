"""The policies that `assay init` starts from."""

from __future__ import annotations

import difflib
from importlib.resources import files

import attrs

from assay_core.errors import UsageError

__all__ = ["PRESETS", "Preset", "find_preset"]


@attrs.frozen(kw_only=True)
class Preset:
    """One starting policy."""

    name: str
    description: str

    def text(self) -> str:
        """Return the policy as it will stand in the file, without the line for editors."""
        return (files(__package__) / "templates" / f"policy-{self.name}.yaml").read_text(encoding="utf-8")


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(name="default", description="any tool but shells; paths stay in their folder and away from keys"),
        Preset(name="hardened", description="a few reading tools with closed schemas; everything else is refused"),
        Preset(name="dev", description="warns where default refuses; for finding out what an agent does"),
    )
}


def find_preset(name: str) -> Preset:
    """Return a preset by its name, in any case.

    Raises:
        UsageError: E_INVALID_ARGS with the nearest name.
    """
    if preset := PRESETS.get(name.lower()):
        return preset
    near = difflib.get_close_matches(name.lower(), PRESETS, n=1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(
        code="E_INVALID_ARGS",
        message=f"there is no preset {name!r}",
        remedy=f"{guess}`assay init --list-presets` lists them: {', '.join(PRESETS)}",
    )
