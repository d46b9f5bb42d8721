"""The console: what people see, in colour, in a log, and when a trace wants to fool them."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any, TextIO

import attrs
import pytest
from assay_reporter_console import ConsoleOptions, ConsoleReporter

from assay_core import testing
from assay_core.contracts import Reporter
from assay_core.model import (
    Attempt,
    Counts,
    Finding,
    MetricRow,
    Outcome,
    ResultRow,
    RuleSummary,
    RunReport,
    Seeds,
    SourcePlace,
)
from assay_core.testing import ReporterContract

HOSTILE = [
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J",
    "[red]markup[/red] [link=https://evil.example]x[/link] :warning: \\[bold]",
    "abc\u202egpj.exe \u200b",
    "line\nPASS      spoofed\r\x00",
    "lone \ud800 surrogate",
    "你好" * 50,
    "x" * 1_000_000,
    "",
]


class Terminal(io.StringIO):
    def __init__(self, *, tty: bool) -> None:
        super().__init__()
        self.tty = tty

    def isatty(self) -> bool:
        return self.tty


@attrs.define
class Screen:
    """Outputs on a terminal, or in a log."""

    stream: TextIO
    color: bool = False
    width: int = 80
    quiet: bool = False
    verbose: int = 0

    def open(self, name: str = "") -> Any:
        raise AssertionError("this reporter writes no files")

    def terminal(self) -> TextIO:
        return self.stream


def make_finding(code: str = "E_TOOL_DENIED", test_id: str = "policy:ep-1", **fields: Any) -> Finding:
    given: dict[str, Any] = {
        "message": "the tool delete_user is denied",
        "rule": "tools.deny:delete_*",
        "source": SourcePlace("traces/agent.jsonl", 14),
        "tool": "delete_user",
        "call_index": 3,
    }
    return testing.make_finding(code=code, test_id=test_id, **{**given, **fields})


def make_row(test_id: str = "greets", status: str = "pass", **fields: Any) -> ResultRow:
    given: dict[str, Any] = {"score": 1.0 if status == "pass" else 0.0, "message": "", "source": None}
    return testing.make_result(test_id=test_id, status=status, **{**given, **fields})


def make_run(rows: Sequence[ResultRow] = (), **fields: Any) -> RunReport:
    return testing.make_run(rows, **{"suite": "checkout", "trace_file": "traces/agent.jsonl", **fields})


def show(run: RunReport, *, tty: bool = False, options: ConsoleOptions | None = None, **screen: Any) -> str:
    terminal = Terminal(tty=tty)
    ConsoleReporter(options).report(run, Screen(terminal, **screen))
    return terminal.getvalue()


def mixed_run() -> RunReport:
    denied = tuple(
        make_finding(call_index=at, source=SourcePlace("traces/agent.jsonl", 14 + at), message=f"delete_{at} is denied")
        for at in range(5)
    )
    order = make_finding(
        "E_SEQUENCE_VIOLATION", rule="sequence_valid", message="refund_order before lookup_order", pointer="/order/id"
    )
    limit = make_finding(
        "E_ARG_SCHEMA",
        rule="schemas:refund_order",
        message="amount: 5000 is greater than the maximum of 100, which schemas.refund_order sets",
        source=SourcePlace("traces/agent.jsonl", 19),
    )
    rows = [
        make_row("answers-greeting", duration_ms=120.0),
        make_row("b-warn", "warn", message="1 warning(s)", findings=(make_finding(severity="warning"),)),
        make_row("c-error", "error", score=None, message="no answer in 30 s", error_code="E_TIMEOUT", prompt="Hello?"),
        make_row("d-skipped", "skipped", score=None, message="not exercised: nothing to check in this trace"),
        make_row(
            "policy:ep-1",
            "fail",
            kind="policy",
            message="6 of 9 tool call(s) break the policy",
            findings=(*denied, limit),
        ),
        make_row("policy:ep-2", kind="policy", message="ok"),
        make_row(
            "refund-needs-lookup",
            "fail",
            message="failed: sequence_valid",
            prompt="Refund order 17",
            findings=(order,),
            metrics=(MetricRow(type="sequence_valid", outcome=Outcome.VIOLATED, score=0.0, details={"count": 2}),),
            attempts=(Attempt(number=1, status="fail", message="once", episode_id="ep-7"),),
        ),
    ]
    return make_run(
        rows,
        message="1 test(s) failed, 1 episode(s) break the policy",
        next_step="run `assay explain E_TEST_FAILED`",
        counts=Counts(passed=2, failed=2, errored=1, warned=1, skipped=1, total=7, episodes=2, tool_calls=12),
        policy_name="support",
        policy_digest="sha256:" + "0" * 64,
        rules=(
            RuleSummary(rule="files.deny:/etc/**", section="files", decided_by="sandbox"),
            RuleSummary(rule="schemas:refund_order", section="schemas", held=1, violated=1),
            RuleSummary(rule="sequences.eventually", section="sequences", open=1),
            RuleSummary(rule="sequences.never", section="sequences", not_exercised=2),
            RuleSummary(rule="tools.deny:delete_*", section="tools.deny", held=1, violated=1),
        ),
        unrestricted=("network", "processes"),
        seeds=Seeds(order_seed="17390767342376325021"),
    )


@pytest.mark.parametrize(
    ("name", "screen"),
    [
        ("log.txt", {}),
        ("terminal.txt", {"tty": True}),
        ("color.ansi", {"tty": True, "color": True}),
        ("quiet.txt", {"quiet": True}),
        ("verbose.txt", {"verbose": 1}),
    ],
)
def test_output_is_the_golden_one(name: str, screen: dict[str, Any], golden: Callable[[str, str], None]) -> None:
    golden(name, show(mixed_run(), **screen))


def test_color_changes_nothing_but_colors() -> None:
    colored = show(mixed_run(), tty=True, color=True)

    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == show(mixed_run(), tty=True)


def test_log_has_neither_colors_nor_wrapped_lines() -> None:
    text = show(mixed_run())

    assert "\x1b" not in text
    assert "amount: 5000 is greater than the maximum of 100, which schemas.refund_order sets\n" in text


@pytest.mark.parametrize("width", [40, 60, 80, 132])
def test_terminal_is_never_overrun(width: int) -> None:
    rows = [
        make_row("n" * 300, "fail", message="m " * 200, findings=(make_finding(rule="r" * 300, message="w" * 500),))
    ]

    text = show(make_run(rows, rules=mixed_run().rules, next_step="do " * 50), tty=True, width=width)

    assert max(map(len, text.splitlines())) <= max(width, 61)  # a table needs 61 columns


@pytest.mark.parametrize("screen", [{}, {"tty": True}, {"tty": True, "color": True}])
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_strings_are_visible_short_and_never_markup(text: str, screen: dict[str, Any]) -> None:
    finding = make_finding(
        text, test_id=text, message=text, rule=text, tool=text, pointer=text, source=SourcePlace(text, 1)
    )
    row = make_row(
        text,
        "fail",
        message=text,
        prompt=text,
        findings=(finding,),
        error_code=text,
        metrics=(MetricRow(type=text, outcome=Outcome.VIOLATED, score=0.0, details={text: text}),),
        attempts=(Attempt(number=1, status="fail", message=text, episode_id=text),),
    )
    run = make_run(
        [row, make_row(text, "skipped", message=text)],
        policy_name=text,
        policy_digest=text,
        rules=(
            RuleSummary(rule=text, section=text, violated=1),
            RuleSummary(rule=text, section=text, decided_by=text or "x"),
        ),
        unrestricted=(text,),
        next_step=text,
        seeds=Seeds(order_seed=text, judge_seed=text),
        judge_metrics={"abstain_rate": text},
    )

    written = show(run, verbose=1, **screen)

    plain = re.sub(r"\x1b\[[0-9;]*m", "", written) if screen.get("color") else written
    assert plain.replace("\n", "").isprintable()
    assert len(written) < 20_000
    assert "\nPASS      spoofed" not in plain
    assert "https://evil.example" not in re.sub(r"\[link=https://evil.example\]", "", plain)
    if "[red]" in text:
        assert "[red]markup[/red]" in plain
        assert ":warning:" in plain


def test_findings_of_one_rule_stand_together() -> None:
    text = show(mixed_run())

    assert text.count("E_TOOL_DENIED (5)  tools.deny:delete_*") == 1
    assert "            traces/agent.jsonl:14  delete_0 is denied" in text
    assert "            … and 2 more" in text
    assert "delete_4" not in text


def test_errors_stand_before_warnings() -> None:
    warning = make_finding("E_TOOL_UNCONSTRAINED", severity="warning", rule="a")
    run = make_run([make_row("t", "fail", findings=(warning, warning, make_finding()))])

    text = show(run)

    found = re.findall(r"^ +(E_[A-Z_]+)", text, re.MULTILINE)
    assert found == ["E_TOOL_DENIED", "E_TOOL_UNCONSTRAINED"] * 2


def test_many_rules_in_one_row_are_bounded() -> None:
    findings = tuple(make_finding(rule=f"r{at:03d}") for at in range(90))

    text = show(make_run([make_row("t", "fail", findings=findings)]))

    assert "… and 85 more findings under other rules" in text


def test_remedy_is_told_once_per_code_with_its_count() -> None:
    text = show(mixed_run())

    assert text.count("use another tool, or change tools.deny") == 1
    assert "  E_TOOL_DENIED (6)  use another tool, or change tools.deny\n" in text
    assert "  E_TIMEOUT  raise the timeout, or look at the service\n" in text


def test_verbose_shows_calls_metrics_and_attempts() -> None:
    text = show(mixed_run(), verbose=1)

    assert "delete_4 is denied  (tool delete_user, call 4)" in text
    assert "(tool delete_user, call 3, at /order/id)" in text
    assert 'sequence_valid: violated 0.00  {"count": 2}' in text
    assert "attempt 1: fail, ep-7: once" in text


def test_quiet_shows_failures_and_the_summary_only() -> None:
    text = show(mixed_run(), quiet=True)

    assert re.findall(r"^[A-Z]+(?= )", text, re.MULTILINE) == ["ERROR", "FAIL", "FAIL"]
    assert text.endswith("Summary: 2 passed, 2 failed, 1 skipped, 0 flaky, 0 unstable, 1 warn, 1 error\n")
    assert "Seeds" not in text


@pytest.mark.parametrize(
    ("status", "label"),
    [
        ("pass", "PASS"),
        ("fail", "FAIL"),
        ("error", "ERROR"),
        ("unstable", "UNSTABLE"),
        ("skipped", "SKIP"),
        ("warn", "WARN"),
        ("flaky", "FLAKY"),
        ("allowed_on_error", "ALLOWED"),
    ],
)
def test_each_status_has_a_word(status: str, label: str) -> None:
    text = show(make_run([make_row("t", status, message="because")]))

    assert text.startswith(f"{label:<10}t")
    assert "because" in text


def test_summary_tells_what_was_allowed_on_error() -> None:
    text = show(make_run(counts=Counts(allowed_on_error=3)))

    assert "0 error, 3 allowed on error\n" in text


def test_seeds_are_stated_and_unknown_ones_are_a_dash() -> None:
    assert "Seeds: seed_version=1 order_seed=17390767342376325021 judge_seed=—\n" in show(mixed_run())
    assert "Seeds: seed_version=1 order_seed=— judge_seed=—\n" in show(make_run())


def test_judge_metrics_are_rounded() -> None:
    metrics = {"abstain_rate": 0.125, "flip_rate": 0.0, "consensus_rate": 1.0, "unavailable_count": 2}

    text = show(make_run(judge_metrics=metrics))

    assert "Judge metrics: abstain_rate=0.12 flip_rate=0.00 consensus_rate=1.00 unavailable_count=2\n" in text


def test_next_step_stands_where_the_run_failed_only() -> None:
    assert "Next: run `assay explain E_TEST_FAILED`\n" in show(mixed_run())
    assert "Next:" not in show(make_run([make_row("t")], next_step="nothing"))


def test_policy_table_puts_violated_rules_first_and_names_what_is_not_decided() -> None:
    text = show(mixed_run())

    table = text[text.index("Policy support") :].splitlines()
    assert [row.split()[0] for row in table[2:6]] == [
        "schemas:refund_order",
        "tools.deny:delete_*",
        "sequences.eventually",
        "sequences.never",
    ]
    assert "  decided elsewhere: files.deny:/etc/** (sandbox)" in table
    assert "  unrestricted: network, processes" in table


def test_long_policy_is_bounded_unless_more_is_asked_for() -> None:
    run = make_run(rules=tuple(RuleSummary(rule=f"rule-{at:02d}", section="x", not_exercised=1) for at in range(50)))

    assert "  … and 30 more rules, 30 of them not exercised; -v shows them\n" in show(run)
    assert "rule-49" in show(run, verbose=1)


def test_large_run_is_bounded_and_says_what_is_not_shown() -> None:
    kinds = ("fail", "warn", "skipped", "pass")
    rows = [make_row(f"policy:{at:05d}", kinds[at % 4], kind="policy", message="m") for at in range(20_000)]

    text = show(make_run(rows))

    assert text.count("\n") < 400
    assert text.count("FAIL ") == 50
    assert (
        "Not shown: 4,950 failed, 4,980 warned, 4,980 skipped, 5,000 passed; run.json has every row, -v shows them"
        in text
    )


def test_limit_of_failures_can_be_set() -> None:
    run = make_run([make_row(str(at), "fail") for at in range(5)])

    text = show(run, options=ConsoleOptions(max_failures=2))

    assert text.count("FAIL ") == 2
    assert "Not shown: 3 failed;" in text
    with pytest.raises(ValueError):
        ConsoleOptions(max_failures=0)


def test_verbose_shows_every_row_of_a_large_run() -> None:
    rows = [make_row(f"t{at:05d}", "fail" if at % 2 else "pass", message="m") for at in range(3_000)]

    text = show(make_run(rows), verbose=1)

    assert len(re.findall(r"^(?:PASS|FAIL) ", text, re.MULTILINE)) == 3_000
    assert "Not shown" not in text


def test_stream_without_utf8_gets_signs_that_it_knows() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)

    ConsoleReporter().report(make_run([make_row("Grüße")]), Screen(stream))

    text = raw.getvalue().decode("ascii")
    assert "Gr\\xfc\\xdfe" in text
    assert "-" * 40 in text
    assert "judge_seed=-\n" in text


def test_empty_run_is_a_summary() -> None:
    assert show(make_run()).splitlines()[2].startswith("Summary: 0 passed")


def test_same_run_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = show(mixed_run(), tty=True, color=True)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "33")
    monkeypatch.setenv("COLORTERM", "truecolor")

    assert show(mixed_run(), tty=True, color=True) == before


@pytest.mark.parametrize("code", ["import assay_reporter_console", "from assay_reporter_console.reporter import *"])
def test_rich_is_not_imported_before_it_is_needed(code: str) -> None:
    check = f"import sys; {code}; sys.exit('rich' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


class TestConsoleReporter(ReporterContract):
    """The rules that hold for every reporter."""

    @pytest.fixture
    def reporter(self) -> Reporter:
        return ConsoleReporter()
