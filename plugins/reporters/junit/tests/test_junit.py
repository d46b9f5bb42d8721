"""JUnit files: what CI systems read, whatever stands in a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from xml.etree import ElementTree

import pytest
from assay_reporter_junit import JunitReporter

from assay_core import testing
from assay_core.contracts import Receipt, Reporter
from assay_core.model import (
    Finding,
    Performance,
    ResultRow,
    RunReport,
    Seeds,
    SourcePlace,
)
from assay_core.testing import MemoryOutputs, ReporterContract

HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "abc\u202egpj.exe",
    "line\nbreak\r\x00\x07\x85",
    "lone \ud800 surrogate \ufffe\uffff",
    "]]><failure message='spoofed'/><!-- ",
    "<cases />",
    "&lt;&#0;\"'",
    "x" * 1_000_000,
    "\u200b",
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


def parse(run: RunReport) -> ElementTree.Element:
    data, _ = write(JunitReporter(), run)
    return ElementTree.fromstring(data)


def case_of(run: RunReport) -> ElementTree.Element:
    (case,) = parse(run).iter("testcase")
    return case


def mixed_run() -> RunReport:
    order = make_finding(
        "E_SEQUENCE_VIOLATION", message="refund was called before lookup", rule="sequences.before", pointer="/amount"
    )
    rows = [
        make_row("a-pass", source=SourcePlace("traces/agent.jsonl", 1), duration_ms=12.3456),
        make_row("b-error", "error", message="no answer in 30 s", error_code="E_TIMEOUT"),
        make_row("c-skipped", "skipped", message="not exercised: nothing to check in this trace"),
        make_row("d-allowed", "allowed_on_error", message="rate limited", error_code="E_RATE_LIMIT"),
        make_row("e-unstable", "unstable", message="attempts disagree: 1 of 2 passed", error_code="E_UNSTABLE"),
        make_row("f-warn", "warn", findings=(make_finding(severity="warning"),)),
        make_row(
            "policy:ep-1",
            "fail",
            kind="policy",
            message="2 of 5 tool call(s) break the policy",
            error_code="E_POLICY_VIOLATION",
            findings=(order, make_finding()),
            source=SourcePlace("traces/agent.jsonl", 3),
        ),
    ]
    return make_run(
        rows,
        seeds=Seeds(order_seed="17390767342376325021"),
        policy_digest="sha256:" + "0" * 64,
        performance=Performance(total_ms=1234.5),
    )


def test_file_is_the_golden_one(golden: Callable[[str, bytes], None]) -> None:
    data, receipt = write(JunitReporter(), mixed_run())

    golden("mixed.junit.xml", data)
    assert receipt == Receipt(files=("junit.xml",))


def test_counts_agree_with_the_cases() -> None:
    root = parse(mixed_run())

    (suite,) = root.findall("testsuite")
    for element in (root, suite):
        assert {name: element.get(name) for name in ("tests", "failures", "errors", "skipped", "time")} == {
            "tests": "7",
            "failures": "2",
            "errors": "1",
            "skipped": "1",
            "time": "1.234",
        }
    assert len(suite.findall("testcase")) == 7
    assert len(suite.findall("testcase/failure")) == 2


@pytest.mark.parametrize(
    ("status", "child"),
    [
        ("pass", None),
        ("fail", "failure"),
        ("unstable", "failure"),
        ("error", "error"),
        ("skipped", "skipped"),
        ("warn", "system-out"),
        ("flaky", "system-out"),
        ("allowed_on_error", "system-out"),
    ],
)
def test_status_becomes_the_child_that_tools_know(status: str, child: str | None) -> None:
    case = case_of(make_run([make_row("t", status, message="because")]))

    assert [element.tag for element in case] == ([child] if child else [])


@pytest.mark.parametrize(
    ("status", "text"),
    [("warn", "WARNING: because"), ("flaky", "FLAKY: because"), ("allowed_on_error", "ALLOWED ON ERROR: because")],
)
def test_note_says_what_passed_only_just(status: str, text: str) -> None:
    case = case_of(make_run([make_row("t", status, message="because")]))

    assert case.findtext("system-out") == text


@pytest.mark.parametrize("status", ["warn", "flaky"])
def test_warning_is_a_failure_when_the_run_is_strict(status: str) -> None:
    run = make_run([make_row("t", status, message="because")], exit_code=1, reason_code="E_STRICT")

    root = parse(run)

    assert [failure.get("type") for failure in root.iter("failure")] == ["E_STRICT"]
    assert root.get("failures") == "1"


def test_failure_names_code_place_rule_and_remedy() -> None:
    run = make_run([make_row("policy:ep-1", "fail", kind="policy", findings=(make_finding(),))])

    failure = case_of(run).find("failure")

    assert failure is not None
    assert failure.get("type") == "E_TOOL_DENIED"
    assert failure.get("message") == "the tool delete_user is denied"
    assert failure.text == (
        "E_TOOL_DENIED at traces/agent.jsonl:14 rule tools.deny:delete_*\n"
        "  the tool delete_user is denied\n"
        "  fix: use another tool, or change tools.deny\n"
    )


def test_case_carries_place_and_time() -> None:
    row = make_row("t", source=SourcePlace("traces/agent.jsonl", 9), duration_ms=12.3456)

    case = case_of(make_run([row]))

    assert case.attrib == {
        "name": "t",
        "classname": "checkout.test",
        "file": "traces/agent.jsonl",
        "line": "9",
        "time": "0.012",
    }


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_strings_end_up_visible_and_short(text: str) -> None:
    finding = make_finding(text, test_id=text, message=text, rule=text, source=SourcePlace(text, 1))
    rows = [
        make_row(text, status, message=text, findings=(finding,), source=SourcePlace(text, 1), error_code=text)
        for status in ("fail", "error", "skipped", "warn", "pass")
    ]
    run = make_run(rows, suite=text, message=text, seeds=Seeds(order_seed=text), policy_digest=text)

    data, _ = write(JunitReporter(), run)

    root = ElementTree.fromstring(data)
    assert [case.tag for case in root[0]] == ["properties"] + ["testcase"] * 5
    assert [[child.tag for child in case] for case in root[0][1:]] == [
        ["failure"],
        ["error"],
        ["skipped"],
        ["system-out"],
        ["system-out"],
    ]
    assert len(data) < 60_000
    assert data.decode("utf-8").replace("\n", "").isprintable()


def test_hostile_broken_run_is_still_xml() -> None:
    text = "]]>\x00<error/>\ud800"

    root = parse(make_run(exit_code=2, reason_code=text, message=text, next_step=text, suite=text))

    assert [error.get("message") for error in root.iter("error")] == ["]]>\\x00<error/>\\ud800"]


def test_findings_beyond_the_limit_are_counted() -> None:
    run = make_run([make_row("t", "fail", findings=tuple(make_finding(call_index=at) for at in range(5_000)))])

    text = case_of(run).findtext("failure") or ""

    shown = text.count("E_TOOL_DENIED at")
    assert shown > 10
    assert text.endswith(f"… and {5_000 - shown:,} more findings of this test, not shown here\n")
    assert len(text) < 10_000


@pytest.mark.parametrize(
    ("rows", "reason"),
    [([], "E_TRACE_NOT_FOUND"), ([make_row("t", "skipped")], "E_NO_CHECKS"), ([make_row("t")], "E_STRICT")],
)
def test_run_that_failed_as_a_whole_is_not_green(rows: list[ResultRow], reason: str) -> None:
    root = parse(make_run(rows, exit_code=2, reason_code=reason, message="because", next_step="do this"))

    (error,) = root.iter("error")
    assert (error.get("type"), error.get("message"), error.text) == (reason, "because", "do this")
    assert root.get("errors") == "1"
    assert root.get("tests") == str(len(rows) + 1)


def test_empty_passing_run_is_an_empty_suite() -> None:
    root = parse(make_run())

    assert root.get("tests") == "0"
    assert not list(root.iter("testcase"))


def test_times_are_absent_where_the_run_has_none() -> None:
    data, _ = write(JunitReporter(), make_run([make_row("t")]))

    assert b"time=" not in data
    assert b"timestamp" not in data


def test_another_parser_reads_the_same() -> None:
    junitparser = pytest.importorskip("junitparser", reason="junitparser is the oracle here: pip install junitparser")
    data, _ = write(JunitReporter(), mixed_run())

    document = junitparser.JUnitXml.fromstring(data)

    (suite,) = list(document)
    assert (suite.name, suite.tests, suite.failures, suite.errors, suite.skipped) == ("checkout", 7, 2, 1, 1)
    results = {case.name: [type(result).__name__ for result in case.result] for case in suite}
    assert results["policy:ep-1"] == ["Failure"]
    assert results["b-error"] == ["Error"]
    assert results["c-skipped"] == ["Skipped"]
    assert results["a-pass"] == []


class TestJunitReporter(ReporterContract):
    """The rules that hold for every reporter."""

    @pytest.fixture
    def reporter(self) -> Reporter:
        return JunitReporter()
