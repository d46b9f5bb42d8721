"""`assay generate`: a policy from recorded behaviour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import click

__all__ = ["GenerateWords", "command"]

F = TypeVar("F", bound=Callable[..., Any])  # Any: click's callbacks


class GenerateWords(NamedTuple):  # attrs costs more than the help of a command may
    """What the command line said, as click decoded it."""

    traces: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    profile: str | None = None
    trace_format: str | None = None
    output: str | None = None
    name: str = ""
    format: str = "yaml"
    dry_run: bool = False
    diff: str | None = None
    force: bool = False
    review: str | None = None
    review_out: str | None = None
    generalise: str = "balanced"
    min_support: int = 10
    include_denied: bool = False
    heuristics: bool = False
    entropy_threshold: float = 3.8
    min_stability: float = 0.7
    review_threshold: float = 0.6
    new_is_risky: bool = False
    alpha: float = 1.0
    min_runs: int = 1
    wilson_z: float = 1.96


_OPTIONS = (
    click.argument("traces", nargs=-1, metavar="[TRACE]..."),
    click.option("-i", "--input", "inputs", multiple=True, metavar="FILE", help="A trace, as an option. Repeatable."),
    click.option("--profile", metavar="FILE", help="Learn from a profile of many runs instead."),
    click.option("--trace-format", metavar="NAME", help="The importer, where the content does not tell."),
    click.option("-o", "--output", metavar="FILE", help="Where to; - is standard output. Default: policy.yaml."),
    click.option("--name", default="Generated Policy", show_default=True, metavar="NAME", help="The policy's name."),
    click.option(
        "--format", "format", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True,
        help="Format of the policy; with json what is said on standard output is JSON too.",
    ),
    click.option("--dry-run", is_flag=True, help="Write the policy to standard output and no file."),
    click.option(
        "--diff", is_flag=False, flag_value="", metavar="[OLD]",
        help="Say what differs from OLD, or from the output that is there, and write no file.",
    ),
    click.option("--force", is_flag=True, help="Replace the output if it is there; never an input."),
    click.option("--review", metavar="FILE", help="Apply the decisions in a review file."),
    click.option("--review-out", metavar="FILE", help="Write a review file with every rule, nothing decided."),
    click.option(
        "--generalise", "--generalize", type=click.Choice(["strict", "balanced", "loose"]), default="balanced",
        show_default=True, help="How far to go beyond what was seen.",
    ),
    click.option(
        "--min-support", type=int, default=10, show_default=True, metavar="N",
        help="Calls behind an enum or a range, episodes behind a sequence.",
    ),
    click.option("--include-denied", is_flag=True, help="Learn from calls that were recorded as denied, too."),
    click.option("--heuristics", is_flag=True, help="Put doubtful files, destinations and processes under review."),
    click.option(
        "--entropy-threshold", type=float, default=3.8, show_default=True, metavar="BITS",
        help="Bits per byte from which a name looks random.",
    ),
    click.option(
        "--min-stability", type=float, default=0.7, show_default=True, metavar="X",
        help="Profile: lower bound of the share of runs that is enough to be allowed.",
    ),
    click.option(
        "--review-threshold", type=float, default=0.6, show_default=True, metavar="X",
        help="Profile: … that is enough to be put under review.",
    ),
    click.option("--new-is-risky", is_flag=True, help="Profile: put what is rarer under review; do not drop it."),
    click.option(
        "--alpha", type=float, default=1.0, show_default=True, metavar="X",
        help="Profile: imagined runs of each kind.",
    ),
    click.option(
        "--min-runs", type=int, default=1, show_default=True, metavar="N",
        help="Profile: what fewer runs saw is never allowed.",
    ),
    click.option(
        "--wilson-z", type=float, default=1.96, show_default=True, metavar="Z",
        help="Quantile of the confidence that is shown and asked for.",
    ),
)  # fmt: skip


def _with_options(function: F) -> F:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.command("generate")
@_with_options
def command(**words: Any) -> None:  # Any: click's values
    """Learn a policy from recorded behaviour: traces, files of learning events, or a profile of many runs.

    Tools, the form of their arguments, orders that always held and limits are learnt from tool calls; file, network
    and process events become `files`, `network` and `processes`. Every rule says what speaks for it. The policy
    allows what it was learnt from; at the end it is said how many of the runs a policy learnt from the others would
    have denied. A file that is there is never replaced without --force.
    """
    from assay_core.cli.generate_command import generate

    generate(GenerateWords(**words))
