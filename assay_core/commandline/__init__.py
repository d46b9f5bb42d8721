"""What command authors need: output, errors, formats, progress. `formats` is not re-exported: it imports click."""

from assay_core.commandline.errors import error_document, error_json, main_guard, render_error
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
    "color_wanted",
    "echo_notice",
    "error_document",
    "error_json",
    "excerpt",
    "json_text",
    "main_guard",
    "paint",
    "render_error",
    "sanitise",
    "write_bytes_out",
    "write_err",
    "write_out",
]
