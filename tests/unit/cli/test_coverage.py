"""`assay coverage`, in this process, on files as users have them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import pytest

from assay_core.cli.app import main
from assay_core.testing.hostile import HOSTILE_TEXTS, UNSAFE_ON_TERMINALS
from tests.vectors import vectors_dir

pytest.importorskip("assay_importer_jsonl", reason="assay-importer-jsonl is not installed here")
pytest.importorskip("assay_metric_standard", reason="assay-metric-standard is not installed here")

POLICY = """\
version: "2.0"
name: p
tools: {allow: [read, write], deny: [wipe]}
schemas:
  read: {type: object, properties: {path: {type: string}, mode: {enum: [text, bytes]}}}
sequences:
  - {type: before, first: read, then: write}
  - {id: checked, type: after, trigger: deploy, then: check, within: 2}
enforcement: {unconstrained_tools: allow}
"""
SUITE = """\
configVersion: 1
suite: mine
policy: policy.yaml
tests:
  - id: one
    input: {match: all}
    expected: {type: must_not_contain, must_not_contain: [never]}
"""
CALLS = [("read", {"path": "a", "mode": "text"}), ("write", {})]


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


class Project:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def trace(self, name: str, *calls: tuple[str, Any], response: str = "") -> Path:
        lines = [{"prompt": "p", "response": response, "tool_calls": [
            {"tool": tool, "args": args, "result": {}} for tool, args in calls
        ]}]  # fmt: skip
        return self.write(name, "".join(json.dumps(line) + "\n" for line in lines))

    def coverage(self, *words: str | Path) -> Done:
        self._capsys.readouterr()
        try:
            code = main(["coverage", *map(str, words)])
        except SystemExit as end:
            code = int(end.code or 0)
        found = self._capsys.readouterr()
        return Done(code, found.out, found.err)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Project:
    for name in list(os.environ):
        if name.startswith("ASSAY_") and name != "ASSAY_VECTORS":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    made = Project(tmp_path, capsys)
    made.write("eval.yaml", SUITE)
    made.write("policy.yaml", POLICY)
    made.trace("traces/one.jsonl", *CALLS)
    return made


@pytest.fixture(scope="module")
def published() -> Any:
    path = vectors_dir() / "upstream" / "schemas" / "coverage_report_v1.schema.json"
    return jsonschema.Draft202012Validator(json.loads(path.read_text()))


def test_a_project_needs_no_arguments_and_is_told_what_was_found(project: Project) -> None:
    done = project.coverage()

    assert done.code == 0
    assert done.err == "suite: eval.yaml\npolicy: policy.yaml\ntrace: traces/one.jsonl\n"
    assert "tools      40.00 %  2 of 5 named in the policy were called" in done.out
    assert "rules      66.67 %  2 of 3 were exercised" in done.out
    assert "schemas    75.00 %  3 of 4 branches were reached" in done.out
    assert 'read /properties/mode/enum/1 (value "bytes")' in done.out
    assert "  wipe: tools.deny names it" in done.out
    assert "  1  read -> write" in done.out
    assert done.out.endswith("PASS: overall coverage 53.33 %\n")


def test_every_trace_of_the_folder_counts_and_a_link_counts_once(project: Project) -> None:
    project.trace("traces/two.jsonl", ("deploy", {}), ("check", {}), ("read", {"mode": "bytes"}))
    (project.folder / "traces" / "zlink.jsonl").symlink_to("two.jsonl")

    done = project.coverage("--format", "json")

    assert done.document["traces"] == ["traces/one.jsonl", "traces/two.jsonl"]
    assert done.document["episodes"] == 2
    assert done.document["rule_coverage"]["untriggered_rules"] == []


def test_a_trace_beside_the_suite_is_found_where_there_is_no_folder(project: Project) -> None:
    (project.folder / "traces" / "one.jsonl").rename(project.folder / "trace.jsonl")

    assert project.coverage("--format", "json").document["traces"] == ["trace.jsonl"]
    (project.folder / "trace.jsonl").unlink()
    done = project.coverage()
    assert done.code == 2
    assert "error[E_TRACE_NOT_FOUND]: no trace was named" in done.err


def test_a_folder_may_be_named_and_so_may_several_traces(project: Project) -> None:
    other = project.trace("more.jsonl", ("check", {}))

    assert project.coverage("traces", "--format", "json").document["traces"] == ["traces/one.jsonl"]
    done = project.coverage("policy.yaml", "traces/one.jsonl", "--traces", other, "--format", "json")
    assert done.document["episodes"] == 2


def test_the_documents_keys_are_those_of_the_format(project: Project) -> None:
    found = project.coverage("--format", "json").document

    assert set(found["tool_coverage"]) == {
        "total_tools_in_policy", "tools_seen_in_traces", "coverage_pct", "unseen_tools", "unexpected_tools",
    }  # fmt: skip
    assert set(found["rule_coverage"]) == {"total_rules", "rules_triggered", "coverage_pct", "untriggered_rules"}
    assert found["high_risk_gaps"] == [
        {"tool": "wipe", "reason": "tools.deny names it, and no trace shows that it is refused", "severity": "high"}
    ]
    assert (found["overall_coverage_pct"], found["meets_threshold"], found["threshold"]) == (53.33, True, 0.0)
    states = {rule["rule"]: rule["state"] for rule in found["rules"]}
    assert states["checked"] == "not_exercised"
    assert states["before:read->write"] == "held"
    assert found["routes"]["routes_seen"] == [{"from": "read", "to": "write", "count": 1}]


def test_a_violation_is_exit_1_in_every_format_and_is_listed(project: Project) -> None:
    project.trace("bad.jsonl", ("wipe", {}), ("write", {}))

    for name in ("text", "json", "report-v1", "markdown", "github"):
        done = project.coverage("bad.jsonl", "--format", name)
        assert done.code == 1, name
        assert "E_POLICY_VIOLATION" in done.out + done.err
    found = project.coverage("bad.jsonl", "--format", "json").document
    assert [(each["tool"], each["error_code"]) for each in found["policy_violations"]] == [
        ("wipe", "E_TOOL_DENIED"),
        ("write", "E_SEQUENCE_VIOLATION"),
    ]
    assert {rule["rule"]: rule["state"] for rule in found["rules"]}["before:read->write"] == "violated"


def test_a_gap_fails_only_under_its_flag(project: Project) -> None:
    assert project.coverage("--min-coverage", "0").code == 0
    done = project.coverage("--fail-on-gaps")
    assert done.code == 1
    assert "FAIL E_COVERAGE_GAPS: no trace shows that the policy refuses 'wipe'" in done.out


def test_a_threshold_that_is_not_reached_is_exit_1_and_never_rounded_up(project: Project) -> None:
    assert project.coverage("--min-coverage", "53.3").code == 0
    done = project.coverage("--min-coverage", "53.334")
    assert done.code == 1
    assert "FAIL E_COVERAGE_LOW: overall coverage is 53.33 %, less than 53.334 %" in done.out


@pytest.mark.parametrize("value", ["-1", "101", "nan", "inf", "many"])
def test_a_threshold_that_is_no_percentage_is_refused(project: Project, value: str) -> None:
    done = project.coverage("--min-coverage", value, "--format", "json")

    assert (done.code, done.document["error"]["code"]) == (2, "E_INVALID_ARGS")


def test_a_baseline_that_was_exported_holds_and_a_drop_is_a_regression(project: Project) -> None:
    project.trace("all.jsonl", *CALLS, ("deploy", {}), ("check", {}))
    assert project.coverage("all.jsonl", "--export-baseline", "b.json").code == 1  # deploy is not allowed
    written = json.loads((project.folder / "b.json").read_text())
    assert written["suite"] == "mine"
    assert [(each["test_id"], each["metric"], each["score"]) for each in written["entries"]] == [
        ("coverage", "overall", 90.0), ("coverage", "rule", 100.0), ("coverage", "tool", 80.0),
    ]  # fmt: skip

    done = project.coverage("--baseline", "b.json", "--format", "json")

    assert done.code == 1
    assert [reason["code"] for reason in done.document["reasons"]] == ["E_COVERAGE_DROPPED"] * 3
    assert done.document["baseline"]["changes"][0] == {
        "metric": "overall", "before": 90.0, "after": 53.33, "delta": -36.67, "regression": True,
    }  # fmt: skip
    assert "overall: 90 % -> 53.33 % (-36.67)" in project.coverage("--baseline", "b.json").out
    project.coverage("--export-baseline", "b.json")  # a baseline may be replaced
    assert project.coverage("--baseline", "b.json").code == 0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[]", "E_BASELINE_INVALID"),
        ('{"schema_version":1,"suite":"other","entries":[]}', "E_BASE_MISMATCH"),
        ('{"schema_version":1,"suite":"mine","entries":[{"test_id":"t","metric":"m","score":1}]}', "E_BASE_MISMATCH"),
    ],
)
def test_a_baseline_that_cannot_be_compared_is_refused(project: Project, text: str, code: str) -> None:
    project.write("b.json", text)

    done = project.coverage("--baseline", "b.json", "--format", "json")

    assert (done.code, done.document["error"]["code"]) == (2, code)


def test_no_output_takes_the_place_of_what_is_read_or_of_another_output(project: Project) -> None:
    for words, code in (
        (("--output", "policy.yaml"), "E_OUTPUT_IS_INPUT"),
        (("--out-md", "traces/one.jsonl"), "E_OUTPUT_IS_INPUT"),
        (("--export-baseline", "eval.yaml"), "E_OUTPUT_IS_INPUT"),
        (("--out-md", "x", "--output", "./x"), "E_INVALID_ARGS"),
        (("--out-md", "-"), "E_INVALID_ARGS"),
        (("--out", "x", "--output", "y"), "E_INVALID_ARGS"),
    ):
        done = project.coverage(*words)
        assert done.code == 2
        assert f"error[{code}]" in done.err
    project.write("notes.json", "[1]")
    assert "error[E_FILE_EXISTS]" in project.coverage("--export-baseline", "notes.json").err
    assert (project.folder / "policy.yaml").read_text() == POLICY


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("none.jsonl",), "E_TRACE_NOT_FOUND"),
        (("empty",), "E_TRACE_NOT_FOUND"),
        (("none.yaml",), "E_PATH_NOT_FOUND"),
        (("--policy", "none.yaml"), "E_PATH_NOT_FOUND"),
        (("--config", "none.yaml"), "E_MISSING_CONFIG"),
        (("traces/one.jsonl", "./traces/../traces/one.jsonl"), "E_INVALID_ARGS"),
        (("policy.yaml", "--policy", "policy.yaml"), "E_INVALID_ARGS"),
        (("--declared-tools-file", "none.txt"), "E_PATH_NOT_FOUND"),
        (("--declared-tools-file", "binary"), "E_CFG_PARSE"),
        (("--declared-tool", "  "), "E_INVALID_ARGS"),
        (("binary",), "E_TRACE_FORMAT"),
        (("nothing.jsonl",), "E_TRACE_EMPTY"),
        (("prompt.jsonl",), "E_NO_CHECKS"),
        (("--input", "list.jsonl", "--min-coverage", "3"), "E_INVALID_ARGS"),
        (("--input", "list.jsonl", "--policy", "policy.yaml"), "E_INVALID_ARGS"),
        (("--input", "list.jsonl", "traces/one.jsonl"), "E_INVALID_ARGS"),
        (("--input", "none.jsonl"), "E_TRACE_NOT_FOUND"),
        (("--input", "nothing.jsonl"), "E_TRACE_EMPTY"),
        (("--input", "prompt.jsonl"), "E_TRACE_INVALID"),
        (("--format", "xml"), "E_INVALID_ARGS"),
    ],
)
def test_what_cannot_be_measured_is_exit_2_and_one_document(project: Project, words: Any, code: str) -> None:
    (project.folder / "empty").mkdir()
    (project.folder / "binary").write_bytes(b"\xff\xfe\x00")
    project.write("nothing.jsonl", "")
    project.write("prompt.jsonl", '{"prompt":"hi","response":"x"}\n')
    project.write("list.jsonl", '{"tool":"a"}\n')
    if "prompt.jsonl" in words:
        project.write("policy.yaml", 'version: "2.0"\ntools: {deny: [x]}\n')

    done = project.coverage(*words, "--format", "json") if "--format" not in words else project.coverage(*words)

    assert done.code == 2
    assert f"error[{code}]" in done.err
    if "--format" not in words:
        assert done.document["error"]["code"] == code


def test_an_error_in_the_published_format_is_one_document_too(project: Project) -> None:
    done = project.coverage("none.jsonl", "--format", "report-v1")

    assert (done.code, done.document["ok"]) == (2, False)


def test_the_first_policy_of_a_test_serves_a_suite_without_one(project: Project) -> None:
    project.write(
        "eval.yaml",
        "configVersion: 1\nsuite: s\npolicy: null\ntests:\n  - id: t\n    input: {match: all}\n"
        "    expected: {type: args_valid, policy: policy.yaml}\n",
    )

    assert project.coverage("--format", "json").document["policy"] == "policy.yaml"


def test_declared_tools_are_not_unexpected(project: Project) -> None:
    project.write("policy.yaml", POLICY.replace("allow: [read, write], ", ""))
    project.trace("t.jsonl", ("read", {}), ("fly", {}), ("swim", {}))
    project.write("tools.txt", "# known\n\nswim\r\n")

    found = project.coverage("t.jsonl", "--declared-tools-file", "tools.txt", "--format", "json").document

    assert found["tool_coverage"]["unexpected_tools"] == ["fly"]
    assert "swim" in found["tools_declared"]


def test_the_published_schema_holds_with_a_policy_without_one_and_for_a_list(project: Project, published: Any) -> None:
    project.write("list.jsonl", '{"tool":"a","tool_classes":["sink"]}\n{"tool_name":"b"}\n{"tool":"a"}\n')
    with_policy = project.coverage("--format", "report-v1").document
    listed = project.coverage("--input", "list.jsonl", "--declared-tool", "a", "--format", "json").document
    for name in ("eval.yaml", "policy.yaml"):
        (project.folder / name).unlink()
    bare = project.coverage("traces/one.jsonl", "--format", "json").document

    for document in (with_policy, listed, bare):
        published.validate(document)
    assert with_policy["tools"] == {
        "tools_seen": ["read", "write"],
        "tools_declared": ["check", "deploy", "read", "wipe", "write"],
        "tools_unknown": [],
    }
    assert listed["taxonomy"] == {"tool_classes_seen": ["sink"], "tool_classes_missing": ["b"]}
    assert [each["kind"] for each in listed["findings"]] == ["missing_taxonomy", "unknown_tool"]
    assert listed["routes"]["routes_seen"] == [
        {"from": "a", "to": "b", "count": 1}, {"from": "b", "to": "a", "count": 1},
    ]  # fmt: skip
    assert bare["tools"]["tools_unknown"] == ["read", "write"]


def test_the_published_examples_are_read(project: Project, published: Any) -> None:
    folder = vectors_dir() / "upstream" / "scripts" / "ci" / "fixtures" / "coverage"
    declared = folder / "declared_tools_basic.txt"
    found = {}
    for path in sorted(folder.glob("*.jsonl")):
        done = project.coverage(
            "--input", path, "--declared-tools-file", declared, "--out", "o.json", "--out-md", "o.md"
        )
        found[path.stem] = done.code
        if not done.code:
            published.validate(json.loads((project.folder / "o.json").read_text()))
            assert (project.folder / "o.md").read_text().startswith("# Coverage report\n")
    assert found == {
        "decision_event_basic": 0, "input_basic": 0, "input_missing_tool_fields": 2, "input_tool_name_fallback": 0,
    }  # fmt: skip


def test_a_list_names_the_line_that_names_no_tool(project: Project) -> None:
    for line, text in (
        ('{"tool":""}', "no tool is named"),
        ('{"tool":1}', "no tool is named"),
        ("[1]", "not a JSON object"),
        ('{"tool":"a","tool":"b"}', "stands twice"),
        ('{"tool":"a","tool_classes":"x"}', "tool_classes is a list of names"),
        ('{"tool":', "line 2"),
    ):
        project.write("list.jsonl", f'{{"tool":"a"}}\n{line}\n')
        done = project.coverage("--input", "list.jsonl")
        assert done.code == 2
        assert "list.jsonl:2" in done.err
        assert text in done.err


@pytest.mark.parametrize("name", ["text", "json", "report-v1", "markdown", "github"])
def test_hostile_names_are_harmless_in_every_format(project: Project, name: str) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in HOSTILE_TEXTS if text.strip()]
    named = [text for text in texts if text == text.strip() and len(text) < 1_000 and not set("*?\x00") & set(text)]
    project.write("policy.yaml", json.dumps({
        "version": "2.0", "tools": {"deny": named}, "schemas": {
            text: {"properties": {text: {"enum": [text, 1]}}} for text in named
        },
    }))  # fmt: skip
    project.trace("t.jsonl", *((text, {text: text}) for text in texts))

    done = project.coverage("t.jsonl", "--format", name)

    assert done.code == 1, done.err
    assert not UNSAFE_ON_TERMINALS & set(done.out + done.err)
    if name in ("json", "report-v1"):
        assert "x" * 20_000 in json.dumps(done.document)
    else:
        assert max(map(len, done.out.splitlines())) < 2_000
    if name in ("markdown", "github"):
        _check_markdown(done.out)


def _check_markdown(text: str) -> None:
    """Every row of a table has as many cells as its head, and outside code spans nothing is live."""
    import re

    cells = 0
    for line in text.splitlines():
        bare = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "CODE", line)
        if not line.startswith("|"):
            cells = 0
            assert not re.search(r"[@#]\w|\]\(|<script", bare.lstrip("#")), line
            continue
        found = len(re.findall(r"(?<!\\)\|", bare))
        cells = cells or found
        assert found == cells, line
        assert not re.search(r"<|\]\(|@", bare), line


def test_equal_inputs_give_equal_bytes(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")

    first = project.coverage("--format", "report-v1").out
    assert first == project.coverage("--format", "report-v1").out
    assert json.loads(first)["run"]["generated_at"] == "1970-01-01T00:00:00Z"


def test_an_ending_chooses_the_format_and_a_named_format_wins(project: Project) -> None:
    project.coverage("-o", "a.json")
    project.coverage("-o", "a.md")
    project.coverage("-o", "b.json", "--format", "text")

    assert json.loads((project.folder / "a.json").read_text())["episodes"] == 1
    assert (project.folder / "a.md").read_text().startswith("# Coverage\n")
    assert (project.folder / "b.json").read_text().startswith("policy.yaml by traces/one.jsonl")


def test_a_report_that_cannot_be_written_is_exit_3(project: Project) -> None:
    done = project.coverage("-o", "no/such/folder/a.json")

    assert done.code == 3
    assert "error[E_IO]" in done.err


def test_standard_input_is_a_trace_too(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with (project.folder / "traces" / "one.jsonl").open("rb") as stream:
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": stream})())
        assert project.coverage("policy.yaml", "-", "--format", "json").document["traces"] == ["<stdin>"]


def test_routes_top_limits_what_people_see_and_nothing_else(project: Project) -> None:
    project.trace("t.jsonl", *[(name, {}) for name in ("read", "write", "read", "write", "read", "read")])

    assert "  2  write -> read\n  … and 1 more" in project.coverage("t.jsonl", "--routes-top", "2").out
    assert "routes" not in project.coverage("t.jsonl", "--routes-top", "0").out
    found = project.coverage("t.jsonl", "--routes-top", "0", "--format", "json").document
    assert len(found["routes"]["routes_seen"]) == 3


def test_an_episode_without_an_end_is_announced(project: Project) -> None:
    start = '{"type":"episode_start","episode_id":"e","timestamp":1,"input":{"prompt":"p"}}\n'
    call = '{"type":"tool_call","episode_id":"e","step_id":"s","timestamp":2,"tool_name":"read","args":{}}\n'
    project.write("t.jsonl", start + call)

    done = project.coverage("t.jsonl", "--format", "json")

    assert (done.code, done.document["incomplete_episodes"]) == (0, 1)
    assert "warning[W_TRACE_INCOMPLETE]" in done.err


def test_a_github_summary_folds_what_is_long(project: Project) -> None:
    out = project.coverage("--format", "github").out

    assert out.count("<details>") == out.count("</details>") >= 4
