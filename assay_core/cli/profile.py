"""`assay profile`: what many runs saw, folded into one file."""

from __future__ import annotations

import click

from assay_core.commandline.formats import Report, report_options

__all__ = ["command"]


@click.group("profile")
def command() -> None:
    """Fold what many runs saw into one profile, from which `assay generate --profile` learns."""


@command.command("init")
@click.option("-o", "--output", default="assay-profile.yaml", show_default=True, metavar="FILE", help="Where to.")
@click.option("--name", default="default", show_default=True, metavar="NAME", help="The profile's name.")
@click.option("--scope", metavar="NAME", help="What its runs have in common; runs of another scope are refused.")
def init(output: str, name: str, scope: str | None) -> None:
    """Write a profile of no runs. A file that is there is never replaced. YAML, or JSON where it ends in .json."""
    from assay_core.cli.profile_command import init_profile

    init_profile(output, name, scope)


@command.command("update")
@click.option("--profile", required=True, metavar="FILE", help="The profile.")
@click.option("-i", "--input", "inputs", multiple=True, metavar="FILE", help="A trace or a file of learning events.")
@click.option(
    "--run-id", required=True, metavar="ID", help="The run's own id; a run that is known is not counted twice."
)
@click.option("--strict", is_flag=True, help="A run that is known is an error.")
@click.option("--scope", metavar="NAME", help="The run's scope. The first one locks the profile.")
@click.option("--force", is_flag=True, help="Take a run of another scope all the same.")
@click.option("--trace-format", metavar="NAME", help="The importer, where the content does not tell.")
@click.option("-v", "--verbose", is_flag=True, help="Say what is new.")
@click.argument("traces", nargs=-1, metavar="[TRACE]...")
def update(
    profile: str,
    inputs: tuple[str, ...],
    run_id: str,
    strict: bool,
    scope: str | None,
    force: bool,
    trace_format: str | None,
    verbose: bool,
    traces: tuple[str, ...],
) -> None:
    """Fold one run in: its file, network and process events, and its tool calls."""
    from assay_core.cli.profile_command import update_profile

    update_profile(
        profile, (*traces, *inputs), run_id,
        strict=strict, scope=scope, force=force, trace_format=trace_format, verbose=verbose,
    )  # fmt: skip


@command.command("show")
@click.option("--profile", metavar="FILE", help="The profile, as an option.")
@click.option("--top", type=click.IntRange(0), default=10, show_default=True, metavar="N", help="Rows of each kind.")
@click.argument("path", required=False, metavar="[PROFILE]")
@report_options("summary", "yaml", "json", default="summary")
def show(report: Report, profile: str | None, top: int, path: str | None) -> None:
    """Show a profile: in short, or the whole of it."""
    from assay_core.cli.profile_command import show_profile

    show_profile(report, profile, path, top=top)


@command.command("merge")
@click.argument("profiles", nargs=-1, required=True, metavar="PROFILE...")
@click.option("-o", "--output", required=True, metavar="FILE", help="Where to.")
@click.option("--force", is_flag=True, help="Replace the output if it is there; never an input.")
def merge(profiles: tuple[str, ...], output: str, force: bool) -> None:
    """Fold profiles of different runs into one."""
    from assay_core.cli.profile_command import merge_profiles

    merge_profiles(profiles, output, force=force)
