"""What a real run writes is valid by the schemas that `assay schema` prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from assay_core.cli.app import main
from assay_core.config import json_schema
from assay_core.plugins.catalogue import Catalogue

SUITE = """\
configVersion: 1
suite: s
settings: {cache: false}
tests:
  - {id: one, input: hi, expected: {type: must_contain, must_contain: [yes]}}
  - {id: two, input: {match: all}, expected: {type: sequence_valid, rules: [{type: require, tool: read}]}}
"""
POLICY = "version: '2.0'\nname: p\ntools: {allow: [read], deny: [exec]}\nschemas: {read: {type: object}}\n"


def line(response: str, tool: str) -> str:
    record = {"prompt": "hi", "response": response, "episode_id": "e1", "meta": {"tool_calls": [{"tool_name": tool}]}}
    return json.dumps(record) + "\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    names = {each.name for each in Catalogue.scan().all}
    if not {"jsonl", "must_contain", "sequence_valid"} <= names:
        pytest.skip("assay-importer-jsonl and assay-metric-standard are not both installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    (tmp_path / "eval.yaml").write_text(SUITE)
    (tmp_path / "policy.yaml").write_text(POLICY)
    return tmp_path


def errors(name: Any, body: object) -> list[str]:
    validator = Draft202012Validator(json_schema(name))
    return [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(body)]


@pytest.mark.parametrize(
    ("trace", "code"),
    [(line("yes", "read"), 0), (line("no\x1b", "exec"), 1), ("not json\n", 2), (None, 2)],
    ids=["passes", "fails", "broken-trace", "no-trace"],
)
def test_run_json_and_summary_json_are_valid(project: Path, trace: str | None, code: int) -> None:
    if trace is not None:
        (project / "trace.jsonl").write_text(trace)

    assert main(["run", "--trace-file", "trace.jsonl", "--quiet"]) == code

    for name in ("run", "summary"):
        body = json.loads((project / f"{name}.json").read_text())
        assert body["exit_code"] == code
        assert errors(name, body) == []


def test_the_schemas_notice_what_is_wrong(project: Path) -> None:
    (project / "trace.jsonl").write_text(line("yes", "read"))
    main(["run", "--trace-file", "trace.jsonl", "--quiet"])
    run, summary = (json.loads((project / f"{name}.json").read_text()) for name in ("run", "summary"))

    run["results"][0]["status"] = "passed"
    summary["seeds"]["order_seed"] = 7

    assert errors("run", run)
    assert errors("summary", summary)
