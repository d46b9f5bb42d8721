"""`assay version`: which assay this is. The plain form is answered in app.py before this is imported."""

from __future__ import annotations

import click

from assay_core import API_VERSION, __version__

__all__ = ["command"]


@click.command("version")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to print it.")
def command(form: str) -> None:
    """Print the version."""
    if form == "text":
        click.echo(f"assay {__version__}")
        return
    import json
    import platform

    facts = {
        "api_version": API_VERSION,
        "platform": f"{platform.system().lower()} {platform.machine()}",
        "python": platform.python_version(),
        "version": __version__,
    }
    click.echo(json.dumps(facts, indent=2))
