"""Distributions made up for a test, found by the real discovery."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["fake_dist"]


def fake_dist(
    folder: Path,
    name: str,
    entry_points: Mapping[str, Mapping[str, str]],
    modules: Mapping[str, str] | None = None,
    *,
    version: str = "1.0",
    requires: tuple[str, ...] = ("assay-core>=1.0.0a1,<2",),
    summary: str = "A distribution made up for a test",
) -> Path:
    """Write an installed distribution into a folder and return the folder, ready for `sys.path`.

    Args:
        folder: Where to; several distributions may share it.
        name: The distribution's name, e.g. "acme-latency".
        entry_points: Group to name to target, e.g. {"assay.metrics": {"acme.latency": "acme_latency:Latency"}}.
        modules: Module name to its source.
        version: The distribution's version.
        requires: Its Requires-Dist lines.
        summary: Its summary.
    """
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    headers = [f"Name: {name}", f"Version: {version}", f"Summary: {summary}"]
    headers += [f"Requires-Dist: {each}" for each in requires]
    (info / "METADATA").write_text("\n".join(["Metadata-Version: 2.4", *headers, "", ""]), encoding="utf-8")
    lines: list[str] = []
    for group, entries in entry_points.items():
        lines += [f"[{group}]", *(f"{key} = {target}" for key, target in entries.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    for module, source in (modules or {}).items():
        path = folder / (module.replace(".", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return folder
