"""Commands: a group, one below it, one below a group of the core, and two that fail."""

import click


@click.group("tools")
def tools():
    """Tools of acme."""


@tools.command("near")
def near():
    """Say where it is."""
    click.echo("near")


@click.command("deep")
@click.option("--code", type=int, default=0)
def deep(code):
    """Say where it is."""
    click.echo("deep")
    return code


@click.command("extra")
def extra():
    """Say where it is."""
    click.echo("extra")


@click.command("failing")
def failing():
    """Fail."""
    raise LookupError("no such thing")


wrong = "no command"
