"""Listens to a hook that does not exist."""

from assay_core.hookspecs import hookimpl


@hookimpl
def assay_run_startet(suite):
    pass
