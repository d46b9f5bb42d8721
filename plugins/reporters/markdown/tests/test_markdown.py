"""Markdown reports: what they say, and that nothing in a trace can speak through them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from assay_reporter_markdown import (
    JobSummaryReporter,
    MarkdownOptions,
    MarkdownReporter,
    PrCommentReporter,
)

from assay_core import testing
from assay_core.contracts import Receipt, Reporter
from assay_core.errors import Place
from assay_core.model import (
    Counts,
    Finding,
    Notice,
    Provenance,
    ResultRow,
    RuleSummary,
    RunReport,
    Seeds,
    SourcePlace,
)
from assay_core.testing import MemoryOutputs, ReporterContract

MARKER = "<!-- assay-governance-report -->"
REPORTERS: list[type[Reporter]] = [MarkdownReporter, PrCommentReporter, JobSummaryReporter]
HOSTILE = [
    "`` ` code ``` fence",
    "`",
    "a | b \\| c",
    "<script>alert(1)</script>",
    "</details><h1>spoofed</h1>",
    "@everyone look #123 org/repo#1",
    "[click](https://evil.example) ![x](https://evil.example/x.png)",
    "https://evil.example www.evil.example mail@evil.example",
    f"{MARKER} all green",
    "<!-- hidden",
    "line\n\n# heading\r\n/close",
    "abc\u202egpj \x1b[31m \u200b \ud800",
    " padded ",
    "&lt;b&gt; $x$ :tada: ~~no~~ \\",
    "x" * 1_000_000,
    "",
]


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


def write(reporter: Reporter, run: RunReport) -> tuple[bytes, Receipt]:
    outputs = MemoryOutputs()
    receipt = reporter.report(run, outputs)
    return outputs.files[""], receipt


def text_of(run: RunReport, reporter: Reporter | None = None) -> str:
    data, _ = write(reporter or MarkdownReporter(), run)
    return data.decode("utf-8")


def mixed_run(**fields: Any) -> RunReport:
    rows = [
        make_row("a-pass"),
        make_row("b-warn", "warn", message="1 warning(s)", findings=(make_finding(severity="warning"),)),
        make_row("c-error", "error", message="no answer in 30 s", error_code="E_TIMEOUT"),
        make_row("d-skipped", "skipped", message="not exercised"),
        make_row(
            "policy:ep-1",
            "fail",
            kind="policy",
            message="2 of 5 tool call(s) break the policy",
            findings=(make_finding(), make_finding("ACME_SLOW", rule="", message="took 9 s")),
        ),
    ]
    given: dict[str, Any] = {
        "message": "1 test(s) failed, 1 episode(s) break the policy",
        "next_step": "run `assay explain E_TEST_FAILED`",
        "counts": Counts(
            passed=1, failed=1, errored=1, warned=1, skipped=1, total=5, episodes=2, tool_calls=12, findings=3
        ),
        "policy_name": "support",
        "policy_digest": "sha256:" + "0" * 64,
        "rules": (
            RuleSummary(rule="files.deny:/etc/**", section="files", decided_by="sandbox"),
            RuleSummary(rule="schemas:refund", section="schemas", held=2),
            RuleSummary(rule="sequences.never", section="sequences", not_exercised=2),
            RuleSummary(rule="tools.deny:delete_*|drop", section="tools.deny", held=1, violated=1),
        ),
        "unrestricted": ("network", "processes"),
        "notices": (Notice(code="W_POLICY_VERSION", message="no version", place=Place("policy.yaml", 2, 1)),),
        "seeds": Seeds(order_seed="17390767342376325021"),
    }
    return make_run(**{"rows": rows, **given, **fields})


@pytest.mark.parametrize("reporter", REPORTERS)
def test_file_is_the_golden_one(reporter: type[Reporter], golden: Callable[[str, bytes], None]) -> None:
    data, receipt = write(reporter(), mixed_run())

    golden(f"{reporter.__name__}.md", data)
    assert receipt.omitted == 0


def test_comment_begins_with_its_marker() -> None:
    assert text_of(make_run(), PrCommentReporter()).startswith(MARKER + "\n")


@pytest.mark.parametrize("reporter", [MarkdownReporter, JobSummaryReporter])
def test_other_reports_have_no_marker(reporter: type[Reporter]) -> None:
    assert MARKER not in text_of(make_run(), reporter())


def test_job_summary_is_added_to() -> None:
    assert JobSummaryReporter.appends
    assert not PrCommentReporter.appends
    assert not MarkdownReporter.appends


@pytest.mark.parametrize("reporter", REPORTERS)
def test_seeds_are_stated(reporter: type[Reporter]) -> None:
    seeded = text_of(make_run(seeds=Seeds(order_seed="42", judge_seed="7")), reporter())

    assert "`seed_version=1 order_seed=42 judge_seed=7`" in seeded
    assert "`seed_version=1 order_seed=— judge_seed=—`" in text_of(make_run(), reporter())


def test_failure_shows_code_place_rule_and_remedy() -> None:
    text = text_of(make_run([make_row("t", "fail", message="no", findings=(make_finding(),))]))

    assert "- ❌ fail `t`: `no`" in text
    assert (
        "`E_TOOL_DENIED` at `traces/agent.jsonl:14` rule `tools.deny:delete_*`: `the tool delete_user is denied`"
        in text
    )
    assert "fix: `use another tool, or change tools.deny`" in text


def test_errors_stand_before_warnings() -> None:
    warnings = (make_finding("E_TOOL_UNCONSTRAINED", severity="warning"),) * 5

    text = text_of(make_run([make_row("t", "fail", findings=(*warnings, make_finding()))]))

    assert text.index("`E_TOOL_DENIED`") < text.index("`E_TOOL_UNCONSTRAINED`")
    assert "… and 1 more finding\n" in text


def test_passing_run_has_nothing_to_look_at() -> None:
    text = text_of(make_run([make_row("t")]))

    assert "✅ **Passed**" in text
    assert "to look at" not in text
    assert "Next step" not in text


def test_blocking_rows_come_before_doubtful_ones() -> None:
    rows = [make_row("a", "warn"), make_row("b", "flaky"), make_row("c", "unstable"), make_row("d", "fail")]

    shown = re.findall(r"^- \S+ ([a-z ]+) `(.)`", text_of(make_run(rows)), re.MULTILINE)

    assert shown == [("unstable", "c"), ("fail", "d"), ("warn", "a"), ("flaky", "b")]


@pytest.mark.parametrize("reporter", REPORTERS)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_inside_code(text: str, reporter: type[Reporter]) -> None:
    markdown_it = pytest.importorskip("markdown_it", reason="markdown-it-py is the oracle here")
    finding = make_finding(text, test_id=text, message=text, rule=text, source=SourcePlace(text, 1))
    run = mixed_run(
        rows=(make_row(text, "fail", message=text, findings=(finding,)),),
        suite=text,
        message=text,
        next_step=text,
        exit_code=1,
        reason_code=text,
        policy_name=text,
        rules=(RuleSummary(rule=text, section=text, held=1, violated=1, decided_by=text),),
        unrestricted=(text, text),
        notices=(Notice(code=text, message=text, place=Place(text, 1)),),
        seeds=Seeds(order_seed=text, judge_seed=text),
        provenance=Provenance(assay_version=text),
    )

    written = text_of(run, reporter())

    tokens = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(written)
    inline = [child for token in tokens for child in token.children or ()]
    prose = "".join(token.content for token in inline if token.type == "text")
    html = "".join(token.content for token in [*tokens, *inline] if token.type.startswith("html"))
    assert not {token.type for token in inline} & {"link_open", "image", "s_open", "html_inline"}
    assert not re.search("evil|script|everyone|spoofed|hidden|padded|close|[@#`<|]", prose.replace("test_id", ""))
    assert re.sub(r"</?(details|summary)( open)?>|[\d,]+ (to look at|notices?)|Policy rules: [\w ,]+|\s", "", html) in (
        "",
        MARKER.replace(" ", ""),
    )
    assert written.count(MARKER) == (reporter is PrCommentReporter)
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h2"]
    assert len(written) < 20_000
    assert written.replace("\n", "").isprintable()
    rows = [line for line in written.splitlines() if line.startswith("|")]
    assert all(token.attrs.get("style") is not None for token in tokens if token.type == "td_open")
    assert sum(token.type == "tr_open" for token in tokens) == len(rows) - 2


def test_hostile_text_is_shown_as_it_is() -> None:
    markdown_it = pytest.importorskip("markdown_it", reason="markdown-it-py is the oracle here")
    name = "a | b \\| `c` ``d`"

    tokens = markdown_it.MarkdownIt("commonmark").enable("table").parse(text_of(make_run(suite=name)))

    codes = [child.content for token in tokens for child in token.children or () if child.type == "code_inline"]
    assert name in codes


@pytest.mark.parametrize(
    ("reporter", "limit"), [(MarkdownReporter, 1_000_000), (PrCommentReporter, 65_536), (JobSummaryReporter, 250_000)]
)
def test_report_stays_below_the_limit_and_counts_what_it_leaves_out(reporter: type[Reporter], limit: int) -> None:
    finding = make_finding(message="ü" * 10_000, rule="|" * 500)
    rows = [make_row(f"policy:{at:05d}", "fail", message="`" * 999, findings=(finding,) * 7) for at in range(5_000)]

    data, receipt = write(reporter(), make_run(rows))

    text = data.decode("utf-8")
    assert len(data) <= limit
    shown = text.count("- ❌ fail")
    assert 0 < shown < 5_000
    assert receipt.omitted == 5_000 - shown
    assert f"… and {5_000 - shown:,} more, not shown here; run.json lists them all." in text
    assert text.count("<details") == text.count("</details>")
    assert "Seeds: `seed_version=1" in text
    assert "… and 2 more findings" in text


def test_validate_points_at_its_own_full_list() -> None:
    rows = [make_row(str(at), "fail") for at in range(3)]

    text = text_of(make_run(rows, command="validate"), MarkdownReporter(MarkdownOptions(max_rows=1)))

    assert "… and 2 more, not shown here; `assay validate --format json` lists them all." in text


def test_rules_and_notices_beyond_the_limit_are_counted() -> None:
    run = make_run(
        rules=tuple(RuleSummary(rule=f"r{at:03d}", section="tools", held=1) for at in range(80)),
        notices=tuple(Notice(code="W_CFG_UNUSED", message=str(at)) for at in range(30)),
    )

    text = text_of(run)

    assert "… and 30 more rules" in text
    assert "… and 10 more notices" in text


def test_options_bound_the_rows() -> None:
    with pytest.raises(ValueError):
        MarkdownOptions(max_rows=-1)

    assert "- ❌" not in text_of(mixed_run(), MarkdownReporter(MarkdownOptions(max_rows=0)))


class TestMarkdownReporter(ReporterContract):
    """The rules that hold for every reporter."""

    @pytest.fixture
    def reporter(self) -> Reporter:
        return MarkdownReporter()


class TestPrCommentReporter(ReporterContract):
    """The rules that hold for every reporter."""

    @pytest.fixture
    def reporter(self) -> Reporter:
        return PrCommentReporter()


class TestJobSummaryReporter(ReporterContract):
    """The rules that hold for every reporter."""

    @pytest.fixture
    def reporter(self) -> Reporter:
        return JobSummaryReporter()
