"""What stands below the rows: remedies, the policy's rules, counts, seeds, the next step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Set

from assay_core.errors import find_code
from assay_core.model import RuleSummary, RunReport
from assay_reporter_console.lines import BLANK, Line, Span, Style, line, shown

__all__ = ["fix_lines", "policy_lines", "total_lines"]

_FIXES = 10
_RULES = 20
_COLUMNS = (("held", 6), ("violated", 10), ("not exercised", 15), ("open", 6))
_JUDGE = ("abstain_rate", "flip_rate", "consensus_rate", "unavailable_count")


def fix_lines(codes: Counter[str], errors: Set[str]) -> Iterator[Line]:
    """Yield the remedy of each code that was found: errors first, then the most frequent."""
    ranked = sorted(codes.items(), key=lambda each: (each[0] not in errors, -each[1], each[0]))
    known = [
        (code, count, found) for code, count in ranked if (found := find_code(code, "decision") or find_code(code))
    ]
    if not known:
        return
    yield BLANK
    yield line(Span("What to do", "strong"))
    for code, count, found in known[:_FIXES]:
        times = f" ({count:,})" if count > 1 else ""
        yield line(Span(shown(code) + times, "strong"), f"  {shown(found.remedy, 300)}", indent=2, hang=6)
    if len(known) > _FIXES:
        yield line(Span(f"… and {len(known) - _FIXES:,} more codes; `assay explain CODE` tells", "quiet"), indent=2)


def policy_lines(run: RunReport, *, width: int, verbose: bool) -> Iterator[Line]:
    """Yield what became of each rule, violated ones first, then what this policy or this run does not decide."""
    if not run.rules:
        return
    yield BLANK
    name = f" {shown(run.policy_name)}" if run.policy_name else ""
    digest = f"  {shown(run.policy_digest, 80)}" if run.policy_digest else ""
    yield line(Span(f"Policy{name}", "strong"), Span(digest, "quiet"), hang=2)
    decided = sorted((rule for rule in run.rules if rule.decided_by == "trace"), key=_rank)
    listed = decided if verbose else decided[:_RULES]
    if listed:
        yield from _table(listed, width)
    if len(decided) > len(listed):
        rest = decided[len(listed) :]
        idle = sum(_rank(rule)[0] == 3 for rule in rest)
        text = f"… and {len(rest):,} more rules, {idle:,} of them not exercised; -v shows them"
        yield line(Span(text, "quiet"), indent=2)
    elsewhere = [
        f"{shown(rule.rule, 60)} ({shown(rule.decided_by, 40)})" for rule in run.rules if rule.decided_by != "trace"
    ]
    for title, names in (
        ("decided elsewhere", elsewhere),
        ("unrestricted", [shown(each, 60) for each in run.unrestricted]),
    ):
        if names:
            kept = names if verbose else names[:_RULES]
            more = f", … and {len(names) - len(kept):,} more" if len(names) > len(kept) else ""
            yield line(Span(f"{title}: ", "quiet"), ", ".join(kept) + more, indent=2, hang=4)


def total_lines(run: RunReport, *, quiet: bool) -> Iterator[Line]:
    """Yield counts, seeds and the next step."""
    counts = run.counts
    numbers: list[tuple[int, str, Style]] = [
        (counts.passed, "passed", "good"),
        (counts.failed, "failed", "bad"),
        (counts.skipped, "skipped", "quiet"),
        (counts.flaky, "flaky", "doubtful"),
        (counts.unstable, "unstable", "bad"),
        (counts.warned, "warn", "doubtful"),
        (counts.errored, "error", "bad"),
    ]
    if counts.allowed_on_error:
        numbers.append((counts.allowed_on_error, "allowed on error", "doubtful"))
    if not quiet:
        yield BLANK
        yield line("━" * 40)
    spans: list[Span | str] = ["Summary: "]
    for number, name, style in numbers:
        spans += [Span(f"{number:,} {name}", style if number else ""), ", "]
    yield line(*spans[:-1], hang=9)
    if quiet:
        return
    seeds = run.seeds
    order, judge = (shown(seed, 40) if seed else "—" for seed in (seeds.order_seed, seeds.judge_seed))
    yield line(Span(f"Seeds: seed_version={seeds.seed_version} order_seed={order} judge_seed={judge}", "quiet"), hang=7)
    if isinstance(run.judge_metrics, Mapping):
        rates = " ".join(f"{name}={_rate(run.judge_metrics.get(name))}" for name in _JUDGE)
        yield line(Span(f"Judge metrics: {rates}", "quiet"), hang=15)
    if run.next_step and run.exit_code:
        yield line(Span("Next: ", "strong"), shown(run.next_step, 500), hang=6)


def _table(rules: list[RuleSummary], width: int) -> Iterator[Line]:
    """Yield a table as wide as its widest rule, or as the terminal."""
    numbers = sum(size for _, size in _COLUMNS)
    longest = max(len(shown(rule.rule, 200)) for rule in rules)
    room = max(20, min(longest, width - numbers - 2))
    yield line(Span(f"{'rule':<{room}}" + "".join(f"{name:>{size}}" for name, size in _COLUMNS), "quiet"), indent=2)
    for rule in rules:
        style: Style = ("bad", "doubtful", "", "quiet")[_rank(rule)[0]]
        counts = (rule.held, rule.violated, rule.not_exercised, rule.open)
        cells = "".join(f"{number:>{size},}" for number, (_, size) in zip(counts, _COLUMNS, strict=True))
        yield line(Span(f"{shown(rule.rule, room):<{room}}{cells}", style), indent=2)


def _rank(rule: RuleSummary) -> tuple[int, str]:
    """Return violated, open, held, not exercised as 0 to 3, and the name."""
    return (0 if rule.violated else 1 if rule.open else 2 if rule.held else 3), rule.rule


def _rate(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else shown(str(value), 20)
