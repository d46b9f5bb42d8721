"""Fails whatever it is told, and changes what it is shown."""

import sys

from assay_core.hookspecs import hookimpl

told = []


@hookimpl
def assay_run_started(suite):
    sys.exit(0)


@hookimpl
def assay_episode_imported(episodes):
    told.append(len(episodes))
    raise ValueError("boom")
