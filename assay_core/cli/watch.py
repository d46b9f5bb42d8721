"""`assay watch`: run again whenever a file changes."""

from __future__ import annotations

import click

from assay_core.cli.words import Words, report_words

__all__ = ["command"]


@click.command("watch")
@click.option("--clear", is_flag=True, help="Clear the terminal before each run.")
@click.option(
    "--debounce-ms",
    type=click.IntRange(50, 60_000),
    default=350,
    show_default=True,
    metavar="N",
    help="How long files have to be quiet before they are run again.",
)
@click.option("--poll", is_flag=True, help="Look at the files four times a second; use no events of the file system.")
@report_words
@click.pass_context
def command(context: click.Context, clear: bool, debounce_ms: int, poll: bool, words: Words) -> None:
    """Run as `assay run` does, and again whenever a file changes that the run depends on.

    Watches the suite, the policy, the trace, the baseline, pyproject.toml, and the files that these name. Takes the
    options of `assay run`, but for --format and --output. A run that fails, or cannot even begin, ends nothing: the
    next change is another chance. Ctrl-C ends it, exit code 0.
    """
    from assay_core.cli.watch_command import forwarded_words, watch

    watch(words, forwarded_words(context), clear=clear, debounce_s=debounce_ms / 1000, poll=poll)
