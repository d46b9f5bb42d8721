"""One entry point of one installed distribution, as its metadata states it."""

# No typing, attrs or re here: `assay --help` reads records, and each of these costs more than the whole scan.
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    PluginState: TypeAlias = Literal["ready", "colliding", "incompatible", "broken", "denied"]

__all__ = ["DRIVER_GROUPS", "GROUPS", "PluginRecord", "normalise"]

DRIVER_GROUPS = (
    "assay.importers",
    "assay.metrics",
    "assay.checks",
    "assay.reporters",
    "assay.enforcers",
    "assay.embedders",
    "assay.judges",
    "assay.executors",
    "assay.stores",
    "assay.lint",
)
GROUPS = (*DRIVER_GROUPS, "assay.commands", "assay.hooks")


class PluginRecord:
    """What is known of a plugin before any of its code is imported. Frozen; two records with equal fields are equal.

    Every string comes from a file that anybody may have written: sinks sanitise what they show.

    Attributes:
        group: The entry-point group, e.g. `assay.metrics`.
        name: What users write: an `expected` type, a format, a command.
        dist: The distribution, spelt in the normalised way (lower case, `-`).
        version: The distribution's version, "" where the metadata has none.
        summary: The distribution's one-line summary.
        requires_core: The version specifiers it sets for assay-core, e.g. `>=1.0.0a1,<2`; "" where it sets none.
        state: ready, colliding, incompatible, broken or denied.
        target: `module:attribute`.
        reason: Why the state is not ready; "" when it is.
        location: The path entry it was found on.
    """

    __slots__ = (
        "dist",
        "group",
        "location",
        "name",
        "reason",
        "requires_core",
        "state",
        "summary",
        "target",
        "version",
    )

    group: str
    name: str
    dist: str
    version: str
    summary: str
    requires_core: str
    state: PluginState
    target: str
    reason: str
    location: str

    def __init__(
        self,
        *,
        group: str,
        name: str,
        dist: str,
        version: str = "",
        summary: str = "",
        requires_core: str = "",
        state: PluginState = "ready",
        target: str = "",
        reason: str = "",
        location: str = "",
    ) -> None:
        put = object.__setattr__
        put(self, "group", group)
        put(self, "name", name)
        put(self, "dist", dist)
        put(self, "version", version)
        put(self, "summary", summary)
        put(self, "requires_core", requires_core)
        put(self, "state", state)
        put(self, "target", target)
        put(self, "reason", reason)
        put(self, "location", location)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: a record is frozen."""
        raise AttributeError(f"a PluginRecord is frozen; cannot set {name!r}")

    def __eq__(self, other: object) -> bool:
        """Compare all fields."""
        return isinstance(other, PluginRecord) and self._values() == other._values()

    def __hash__(self) -> int:
        """Hash all fields."""
        return hash(self._values())

    def __repr__(self) -> str:
        """Name what identifies the record."""
        return f"<PluginRecord {self.group}:{self.name}@{self.dist} {self.version} {self.state}>"

    def __reduce__(self) -> tuple[object, ...]:
        """Keep every field across processes."""
        return (_rebuild, self._values())

    def _values(self) -> tuple[str, ...]:
        return tuple([getattr(self, name) for name in PluginRecord.__slots__])

    @property
    def distribution(self) -> str:
        """The distribution and its version, as errors name them: `acme-latency 1.2`."""
        return f"{self.dist} {self.version}".strip()

    @property
    def qualified_name(self) -> str:
        """`name@dist`: what chooses this record where several distributions offer the name."""
        return f"{self.name}@{self.dist}"

    def put_in_state(self, state: PluginState, reason: str) -> PluginRecord:
        """Return a copy in another state."""
        fields = dict(zip(PluginRecord.__slots__, self._values(), strict=True))
        return PluginRecord(**{**fields, "state": state, "reason": reason})  # type: ignore[arg-type]  # all are str

    def answers_to(self, word: str) -> bool:
        """Tell whether a word in `plugins.require`, `allow` or `deny` means it: its name, dist or `name@dist`."""
        name, at, dist = word.rpartition("@")
        if at:
            return self.name == name and self.dist == normalise(dist)
        return word == self.name or normalise(word) == self.dist


def normalise(name: str) -> str:
    """Return a distribution's name in lower case with each run of `-`, `_`, `.` as one `-` (PEP 503)."""
    parts = name.strip().lower().replace("_", "-").replace(".", "-").split("-")
    return "-".join([part for part in parts if part])


def _rebuild(*values: str) -> PluginRecord:
    return PluginRecord(**dict(zip(PluginRecord.__slots__, values, strict=True)))  # type: ignore[arg-type]  # all are str
