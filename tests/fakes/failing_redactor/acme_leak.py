"""Fails to redact."""

from assay_core.hookspecs import hookimpl


@hookimpl
def assay_redact(event):
    raise OSError("out of ink")
