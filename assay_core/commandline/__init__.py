"""What command authors need: output, errors, formats, progress.

Names are imported when they are first asked for: `formats` alone, which every command needs for its options, is light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay_core.commandline.errors import error_document, error_json, main_guard, render_error
    from assay_core.commandline.formats import Report, report_options
    from assay_core.commandline.output import (
        color_wanted,
        echo_notice,
        json_text,
        paint,
        write_bytes_out,
        write_err,
        write_out,
    )
    from assay_core.commandline.progress import Progress
    from assay_core.commandline.visible import excerpt, sanitise

__all__ = [
    "Progress",
    "Report",
    "color_wanted",
    "echo_notice",
    "error_document",
    "error_json",
    "excerpt",
    "json_text",
    "main_guard",
    "paint",
    "render_error",
    "report_options",
    "sanitise",
    "write_bytes_out",
    "write_err",
    "write_out",
]

_HOMES = {
    "errors": ("error_document", "error_json", "main_guard", "render_error"),
    "formats": ("Report", "report_options"),
    "output": ("color_wanted", "echo_notice", "json_text", "paint", "write_bytes_out", "write_err", "write_out"),
    "progress": ("Progress",),
    "visible": ("excerpt", "sanitise"),
}


def __getattr__(name: str) -> object:
    """Import what is asked for."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
