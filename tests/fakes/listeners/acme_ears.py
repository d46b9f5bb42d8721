"""Listens."""

from assay_core.hookspecs import hookimpl

heard = []


@hookimpl
def assay_run_started(command):
    heard.append(command)


@hookimpl
def assay_episode_imported(episodes):
    heard.append(len(episodes))


@hookimpl
def assay_redact(event):
    return {**event, "seen_by_ears": event.get("secret")}
