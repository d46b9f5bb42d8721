"""SARIF files: what is in them, and that viewers can read them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from assay_reporter_sarif import SarifOptions, SarifReporter

from assay_core import testing
from assay_core.contracts import Receipt, Reporter
from assay_core.errors import Place
from assay_core.model import Finding, Notice, Provenance, ResultRow, RunReport, SourcePlace
from assay_core.testing import MemoryOutputs, ReporterContract

HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "abc\u202egpj.exe",
    "line\nbreak\r\x00\x07",
    "lone \ud800 surrogate",
    "<script>alert(1)</script>",
    "[click](https://evil.example)",
    "x" * 1_000_000,
    "\ufffe\uffff \u200b",
    "../../etc/passwd",
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


@pytest.fixture(autouse=True)
def _stable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(reporter: Reporter, run: RunReport) -> tuple[bytes, Receipt]:
    outputs = MemoryOutputs()
    receipt = reporter.report(run, outputs)
    return outputs.files[""], receipt


def parse(run: RunReport, options: SarifOptions | None = None) -> dict[str, Any]:
    data, _ = write(SarifReporter(options), run)
    return json.loads(data)["runs"][0]  # type: ignore[no-any-return]  # one run per file


def messages(value: Any) -> list[str]:
    """Every text that a viewer renders."""
    if isinstance(value, list):
        return [text for item in value for text in messages(item)]
    if isinstance(value, dict):
        own = [value["text"]] if isinstance(value.get("text"), str) else []
        return own + [text for item in value.values() for text in messages(item)]
    return []


def mixed_run() -> RunReport:
    denied = make_finding()
    order = make_finding(
        "E_SEQUENCE_VIOLATION",
        severity="warning",
        message="refund was called before lookup",
        rule="sequences.before",
        tool="refund",
        pointer="/amount",
        source=SourcePlace("traces/agent one.jsonl", 7),
        column=5,
    )
    rows = [
        make_row("a-pass"),
        make_row("b-error", "error", message="no answer in 30 s", error_code="E_TIMEOUT"),
        make_row("c-skipped", "skipped", message="nothing to check"),
        make_row("d-allowed", "allowed_on_error", message="rate limited", error_code="E_RATE_LIMIT"),
        make_row("policy:ep-1", "fail", kind="policy", findings=(order, denied)),
    ]
    notice = Notice(code="W_POLICY_VERSION", message="no version", place=Place("policy.yaml", 2, 1))
    return make_run(rows, notices=(notice,), provenance=Provenance(assay_version="1.0.0a1", plugins=("acme-x 1.2",)))


@pytest.fixture(scope="module")
def validator() -> jsonschema_rs.Draft4Validator:
    """The schema of OASIS, from the interoperability vectors."""
    place = os.environ.get("ASSAY_VECTORS") or Path(__file__).parents[4].parent / "shared" / "vectors"
    schema = Path(place) / "sarif" / "sarif-schema-2.1.0.json"
    if not schema.is_file():
        pytest.skip("the SARIF schema is not here: set ASSAY_VECTORS to the folder of the vectors")
    return jsonschema_rs.Draft4Validator(json.loads(schema.read_text(encoding="utf-8")))


def test_file_is_the_golden_one(golden: Callable[[str, bytes], None]) -> None:
    data, receipt = write(SarifReporter(), mixed_run())

    golden("mixed.sarif.json", data)
    assert receipt.files == ("sarif.json",)
    assert receipt.omitted == 0


@pytest.mark.parametrize(
    "run",
    [
        mixed_run(),
        make_run(),
        make_run(exit_code=2, reason_code="E_TRACE_NOT_FOUND", message="there is no trace"),
        make_run([make_row(f"t{number}", "unstable") for number in range(30)]),
    ],
)
def test_file_is_valid_sarif(run: RunReport, validator: jsonschema_rs.Draft4Validator) -> None:
    data, _ = write(SarifReporter(SarifOptions(max_results=20, base_uri="file:///srv/agent")), run)

    assert [error.message for error in validator.iter_errors(json.loads(data))] == []


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_strings_end_up_visible_and_short(text: str, validator: jsonschema_rs.Draft4Validator) -> None:
    finding = make_finding(
        text, test_id=text, message=text, rule=text, tool=text, pointer=text, source=SourcePlace(text, 1)
    )
    notice = Notice(code=text, message=text, place=Place(text, 1))
    run = make_run(
        [make_row(text, "fail", message=text, findings=(finding,))],
        suite=text,
        message=text,
        notices=(notice,),
        provenance=Provenance(assay_version=text, plugins=(text,)),
        exit_code=2,
        reason_code=text,
    )

    data, _ = write(SarifReporter(), run)

    document = json.loads(data)
    assert [error.message for error in validator.iter_errors(document)] == []
    assert len(data) < 40_000
    shown = data.decode("utf-8").replace("\n", "")
    assert shown.isprintable()
    assert not [message for message in messages(document) if "](" in message]


def test_rule_per_reason_code_says_cause_and_remedy() -> None:
    rules = parse(mixed_run())["tool"]["driver"]["rules"]

    assert [rule["id"] for rule in rules] == ["E_SEQUENCE_VIOLATION", "E_TIMEOUT", "E_TOOL_DENIED", "W_ON_ERROR_ALLOW"]
    assert rules[2]["shortDescription"]["text"] == "The policy denies this tool by name or by class."
    assert rules[2]["help"]["text"] == "Use another tool, or change tools.deny."
    assert rules[2]["fullDescription"]["text"].endswith("class. Use another tool, or change tools.deny.")
    assert [rule["defaultConfiguration"]["level"] for rule in rules] == ["error", "error", "error", "note"]


def test_code_of_a_plugin_is_a_rule_too() -> None:
    run = make_run([make_row("t", "fail", findings=(make_finding("ACME_SLOW"),))])

    (rule,) = parse(run)["tool"]["driver"]["rules"]

    assert rule["id"] == "ACME_SLOW"
    assert "ACME_SLOW" in rule["shortDescription"]["text"]
    assert rule["help"]["text"]


def test_decision_code_is_explained_as_a_decision_when_it_is_a_run_code_too() -> None:
    run = make_run([make_row("t", "fail", findings=(make_finding("E_RATE_LIMIT"),))])

    (rule,) = parse(run)["tool"]["driver"]["rules"]

    assert rule["shortDescription"]["text"] == "A limit of the policy is used up."


def test_result_points_at_the_line_of_the_trace() -> None:
    results = parse(mixed_run())["results"]

    place = next(result for result in results if result["ruleId"] == "E_SEQUENCE_VIOLATION")["locations"][0]

    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": "traces/agent%20one.jsonl", "uriBaseId": "SRCROOT"},
        "region": {"startLine": 7, "startColumn": 5},
    }


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("a:b.jsonl", "a%3Ab.jsonl"),
        ("./traces//x.jsonl", "traces/x.jsonl"),
        ("traces/ü#?.jsonl", "traces/%C3%BC%23%3F.jsonl"),
        ("/srv/elsewhere/x.jsonl", "file:///srv/elsewhere/x.jsonl"),
        ("<stdin>", "%3Cstdin%3E"),
        ("bad\udcff.jsonl", "bad%FF.jsonl"),
        ("lone\ud800.jsonl", "lone%3F.jsonl"),
    ],
)
def test_file_name_becomes_a_uri(file: str, uri: str) -> None:
    finding = make_finding(source=SourcePlace(file, 1))

    result = parse(make_run([make_row("t", "fail", findings=(finding,))]))["results"][0]

    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_absolute_name_under_the_working_directory_becomes_relative(tmp_path: Path) -> None:
    finding = make_finding(source=SourcePlace(str(tmp_path / "traces" / "x.jsonl"), 1))

    result = parse(make_run([make_row("t", "fail", findings=(finding,))]))["results"][0]

    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "traces/x.jsonl"


def test_base_uri_is_put_before_paths_or_becomes_the_root() -> None:
    folder = parse(mixed_run(), SarifOptions(base_uri="agent"))
    absolute = parse(mixed_run(), SarifOptions(base_uri="file:///srv/agent"))

    uris = [result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in folder["results"]]
    assert all(uri.startswith("agent/traces/") for uri in uris)
    assert absolute["originalUriBaseIds"] == {"SRCROOT": {"uri": "file:///srv/agent/"}}


def test_result_without_a_place_shows_the_trace_since_viewers_need_one() -> None:
    run = make_run([make_row("t", "error", error_code="E_TIMEOUT")])

    (result,) = parse(run)["results"]

    physical = result["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"]["uri"] == "traces/agent.jsonl"
    assert physical["region"] == {"startLine": 1}


def test_result_of_standard_input_says_so() -> None:
    (result,) = parse(make_run([make_row("t", "error")], trace_file="-"))["results"]

    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "%3Cstdin%3E"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("pass", None),
        ("skipped", None),
        ("fail", ("E_TEST_FAILED", "error")),
        ("error", ("E_TEST_FAILED", "error")),
        ("unstable", ("E_UNSTABLE", "error")),
        ("flaky", ("E_UNSTABLE", "warning")),
        ("warn", ("E_TEST_FAILED", "warning")),
        ("allowed_on_error", ("W_ON_ERROR_ALLOW", "note")),
    ],
)
def test_row_without_findings_is_shown_by_its_status(status: str, expected: tuple[str, str] | None) -> None:
    results = parse(make_run([make_row("t", status)]))["results"]

    assert [(result["ruleId"], result["level"]) for result in results] == ([expected] if expected else [])


def test_level_is_written_even_where_it_is_the_default_of_sarif() -> None:
    levels = {result["ruleId"]: result["level"] for result in parse(mixed_run())["results"]}

    assert levels["E_SEQUENCE_VIOLATION"] == "warning"


def test_fingerprint_stays_while_lines_move() -> None:
    def fingerprint(line: int) -> str:
        finding = make_finding(source=SourcePlace("traces/agent.jsonl", line), call_index=line)
        result = parse(make_run([make_row("t", "fail", findings=(finding,))]))["results"][0]
        return str(result["partialFingerprints"]["assayFingerprint/v1"])

    assert fingerprint(3) == fingerprint(99) == make_finding().fingerprint


def test_invocation_tells_findings_from_a_broken_run() -> None:
    failed = parse(mixed_run())["invocations"][0]
    broken = parse(make_run(exit_code=2, reason_code="E_TRACE_NOT_FOUND", message="there is no trace"))["invocations"][
        0
    ]

    assert (failed["executionSuccessful"], failed["exitCode"]) == (True, 1)
    assert (broken["executionSuccessful"], broken["exitCode"]) == (False, 2)
    assert broken["toolExecutionNotifications"] == [
        {"level": "error", "message": {"text": "there is no trace"}, "descriptor": {"id": "E_TRACE_NOT_FOUND"}}
    ]


def test_run_that_failed_without_an_error_among_its_results_says_why() -> None:
    run = make_run([make_row("t", "warn")], exit_code=1, reason_code="E_STRICT", message="1 row with warnings")

    invocation = parse(run)["invocations"][0]

    assert invocation["executionSuccessful"] is True
    assert [told["descriptor"]["id"] for told in invocation["toolExecutionNotifications"]] == ["E_STRICT"]


def test_notices_are_configuration_notifications_and_bounded() -> None:
    notices = tuple(Notice(code="W_CFG_UNUSED", message=f"key {number}") for number in range(1_500))

    told = parse(make_run(notices=notices))["invocations"][0]["toolConfigurationNotifications"]

    assert len(told) == 1_001
    assert told[0]["descriptor"] == {"id": "W_CFG_UNUSED"}
    assert told[-1]["message"]["text"].startswith("500 more notices")


def test_truncation_keeps_errors_first_and_counts_the_rest() -> None:
    rows = [
        make_row("a", "warn", findings=(make_finding(test_id="a", severity="warning"),) * 3),
        make_row("b", "fail", findings=(make_finding(test_id="b"),) * 3),
        make_row("c", "pass", findings=(make_finding(test_id="c", severity="note"),)),
        make_row("d", "error"),
    ]
    run = make_run(rows)

    data, receipt = write(SarifReporter(SarifOptions(max_results=5)), run)

    told = json.loads(data)["runs"][0]
    assert [result["properties"]["testId"] for result in told["results"]] == ["b", "b", "b", "d", "a"]
    assert told["properties"] == {"assay": {"truncated": True, "omitted_count": 3}}
    assert receipt.omitted == 3


def test_nothing_is_said_of_truncation_when_nothing_was_left_out() -> None:
    assert "properties" not in parse(mixed_run())


def test_default_limit_is_the_one_of_github() -> None:
    findings = tuple(make_finding(call_index=number) for number in range(25_001))

    data, receipt = write(SarifReporter(), make_run([make_row("policy:ep-1", "fail", findings=findings)]))

    assert receipt.omitted == 1
    assert len(json.loads(data)["runs"][0]["results"]) == 25_000


@pytest.mark.parametrize("options", [{"max_results": 0}, {"information_uri": "not a uri"}])
def test_senseless_option_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        SarifOptions(**options)


def test_information_uri_is_the_home_page_of_the_tool() -> None:
    run = parse(make_run(), SarifOptions(information_uri="https://example.org/gate"))

    assert run["tool"]["driver"]["informationUri"] == "https://example.org/gate"


def test_object_model_is_confined_to_one_module() -> None:
    import assay_reporter_sarif

    folder = Path(assay_reporter_sarif.__file__).parent
    users = [path.name for path in folder.glob("*.py") if "import sarif_om" in path.read_text(encoding="utf-8")]

    assert users == ["objects.py"]


def test_plugin_is_imported_without_the_object_model() -> None:
    code = "import sys, assay_reporter_sarif; sys.exit('sarif_om' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestSarifReporter(ReporterContract):
    """The rules that hold for every reporter."""

    @pytest.fixture
    def reporter(self) -> Reporter:
        return SarifReporter()
