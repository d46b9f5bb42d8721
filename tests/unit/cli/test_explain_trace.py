"""`assay explain` of traces and tests: four formats, hostile content, exit codes, long traces."""

from __future__ import annotations

import html
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from assay_core.cli.app import main

pytest.importorskip("assay_importer_jsonl", reason="assay-importer-jsonl is not installed here")
pytest.importorskip("assay_metric_standard", reason="assay-metric-standard is not installed here")

POLICY = """\
version: "2.0"
name: demo
tools:
  allow: [read, write]  # the tools
  deny: ["*_secret"]
schemas:
  read: {type: object, properties: {path: {type: string, pattern: "^/srv/"}}}
  write: {type: object}
sequences:
  - {type: require, tool: write, id: ends-in-a-write}
"""
SUITE = """\
configVersion: 1
suite: s
model: trace
policy: policy.yaml
tests:
  - id: first
    input: {episode: a}
    assertions: [{type: trace_must_call_tool, tool: write}]
  - id: second
    input: {episode: b}
    assertions: [{type: trace_must_call_tool, tool: write}]
  - id: E_LOOKS_LIKE_A_CODE
    input: {episode: b}
    assertions: [{type: trace_must_call_tool, tool: write}]
"""
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><b onmouseover="x">',
    "\u001b[31mred\u001b[0m",
    "\u202egnp.exe\u202c",
    "zero\u200bwidth",
    "| a | `b` | ![x](http://evil) @everyone #1 |",
    "```\n# head\n```",
    "</style><style>*{}",
    "line\r\nbreak\tand tab",
    "&lt;script&gt;",
    "www.evil.example",
)


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("policy.yaml").write_text(POLICY, encoding="utf-8")


def write_trace(*episodes: tuple[str, list[tuple[str, Any]]], path: str = "trace.jsonl") -> None:
    lines = []
    for name, calls in episodes:
        lines.append({"type": "episode_start", "episode_id": name, "timestamp": 1, "input": {"prompt": name}})
        for tool, args in calls:
            call = {"type": "tool_call", "episode_id": name, "step_id": "s", "tool_name": tool, "args": args}
            lines.append({**call, "timestamp": 2})
        lines.append({"type": "episode_end", "episode_id": name, "timestamp": 3})
    Path(path).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["explain", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def document(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    code, out, _ = run(capsys, *words, "--format", "json")
    return code, json.loads(out)


def test_one_episode_has_the_flat_document_of_the_format(capsys: pytest.CaptureFixture[str]) -> None:
    write_trace(("a", [("read", {"path": "/srv/x"}), ("read", {"path": "/etc/x"}), ("write", {})]))

    code, found = document(capsys, "trace.jsonl")

    assert code == 1
    keys = ("policy_name", "policy_version", "total_steps", "allowed_steps", "blocked_steps", "first_block_index")
    assert [found[key] for key in keys] == ["demo", "2.0", 3, 2, 1, 1]
    assert [step["verdict"] for step in found["steps"]] == ["allowed", "blocked", "allowed"]
    assert found["steps"][1]["state_snapshot"] == {"calls:read": "1", "ends-in-a-write": "not called yet"}
    assert found["blocking_rules"] == ["schemas:read"]
    (patch,) = found["patches"]
    assert found["steps"][1]["fix"] == patch["id"]
    assert patch["apply"] == f"assay fix --trace trace.jsonl {patch['id']}"
    assert patch["diff"].startswith("--- a/policy.yaml\n")


def test_several_episodes_are_listed_under_their_ids(capsys: pytest.CaptureFixture[str]) -> None:
    write_trace(("a", [("write", {})]), ("b", [("read_secret", {}), ("write", {})]))

    code, found = document(capsys, "--trace", "trace.jsonl", "--policy", "policy.yaml")

    assert code == 1
    assert [each["episode_id"] for each in found["episodes"]] == ["a", "b"]
    assert (found["total_steps"], found["blocked_steps"], found["first_block_episode"]) == (3, 1, "b")
    assert found["patches"][0]["apply"].startswith("assay fix --policy policy.yaml --trace trace.jsonl ")


def test_only_the_end_being_unmet_is_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    write_trace(("a", [("read", {"path": "/srv/x"})]))

    code, found = document(capsys, "trace.jsonl")

    assert (code, found["blocked_steps"], found["blocking_rules"]) == (1, 0, ["ends-in-a-write"])
    assert found["end_of_trace"][0]["fix"].startswith("relax_rule:")


def test_nothing_denied_is_exit_0(capsys: pytest.CaptureFixture[str]) -> None:
    write_trace(("a", [("write", {})]))

    code, out, _ = run(capsys, "trace.jsonl", "--blocked-only")

    assert code == 0
    assert "All steps allowed" in out


def test_a_test_is_explained_with_its_checks_and_its_episodes_alone(capsys: pytest.CaptureFixture[str]) -> None:
    Path("eval.yaml").write_text(SUITE, encoding="utf-8")
    write_trace(("a", [("write", {})]), ("b", [("read", {"path": "/etc/x"})]))

    code, found = document(capsys, "first", "--trace", "trace.jsonl")
    assert (code, found["episode_id"], found["test"]["status"]) == (0, "a", "pass")

    code, found = document(capsys, "second", "trace.jsonl")
    assert (code, found["episode_id"], found["test"]["status"]) == (1, "b", "fail")
    (finding,) = found["test"]["findings"]
    assert (finding["file"], finding["line"]) == ("trace.jsonl", 4)

    code, out, _ = run(capsys, "E_LOOKS_LIKE_A_CODE", "trace.jsonl")
    assert code == 1
    assert "Test: E_LOOKS_LIKE_A_CODE: fail" in out
    assert run(capsys, "policy:a", "trace.jsonl")[0] == 0


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["nosuch", "trace.jsonl"], "E_MISSING_CONFIG", "no test of that name"),
        (["", "trace.jsonl"], "E_MISSING_CONFIG", "'' is no file"),
        (["nosuch.jsonl"], "E_PATH_NOT_FOUND", "does not exist"),
        (["--policy", "policy.yaml"], "E_TRACE_NOT_FOUND", "assay explain TRACE"),
        (["trace.jsonl", "--episode", "aa"], "E_TRACE_MISS", "did you mean 'a'?"),
        (["trace.jsonl", "--format", "pdf"], "E_INVALID_ARGS", "'pdf'"),
        (["trace.jsonl", "--limit", "-3"], "E_INVALID_ARGS", "neither a number nor"),
        (["trace.jsonl", "-o", "trace.jsonl"], "E_OUTPUT_IS_INPUT", "trace.jsonl"),
        (["one", "two", "trace.jsonl"], "E_INVALID_ARGS", "one test at a time"),
        (["E_RATE_LIMIT", "--format", "html"], "E_INVALID_ARGS", "text or json"),
        (["empty.jsonl"], "E_TRACE_EMPTY", "no episode"),
    ],
)
def test_mistakes_are_named(words: list[str], code: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_trace(("a", [("write", {})]))
    Path("empty.jsonl").touch()
    before = Path("trace.jsonl").read_bytes()

    exit_code, out, err = run(capsys, *words)

    assert (exit_code, out) == (2, "")
    assert f"error[{code}]" in err
    assert text in err
    assert Path("trace.jsonl").read_bytes() == before


def test_a_test_that_is_misspelt_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    Path("eval.yaml").write_text(SUITE, encoding="utf-8")
    write_trace(("a", [("write", {})]))

    code, _, err = run(capsys, "frist", "--trace", "trace.jsonl")

    assert code == 2
    assert "did you mean 'first'?" in err


def test_a_long_trace_shows_what_is_denied_and_counts_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    calls = [("read", {"path": "/etc/x" if place % 100 == 7 else "/srv/x"}) for place in range(600)]
    write_trace(("a", [*calls, ("write", {})]))

    code, out, _ = run(capsys, "trace.jsonl")
    assert code == 1
    assert out.count("BLOCKED") == 6
    assert "601 steps (595 allowed, 6 blocked)" in out
    assert "595 allowed steps are not shown" in out

    _, out, _ = run(capsys, "trace.jsonl", "--limit", "2")
    assert out.count("BLOCKED") == 2
    assert "4 further blocked steps are not shown" in out

    _, out, _ = run(capsys, "trace.jsonl", "--limit", "all")
    assert len(re.findall(r"^  \[\d+\]", out, re.MULTILINE)) == 601

    _, found = document(capsys, "trace.jsonl", "--blocked-only")
    assert (len(found["steps"]), found["total_steps"], found["omitted_steps"]) == (6, 601, 595)


class _Tags(HTMLParser):
    """Collects every element, attribute and text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update((name, value or "") for name, value in attrs if name != "content")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parsed(text: str) -> _Tags:
    found = _Tags()
    found.feed(text)
    found.close()
    return found


def hostile_trace() -> None:
    Path("policy.yaml").write_text(
        POLICY.replace("name: demo", f"name: {json.dumps(HOSTILE[0])}")
        + f"  - {{type: blocklist, pattern: {json.dumps(HOSTILE[1])}, reason: {json.dumps(HOSTILE[6])}}}\n",
        encoding="utf-8",
    )
    calls = [(name, {name: name}) for name in HOSTILE] + [("read", {"path": name}) for name in HOSTILE]
    write_trace((f"id {HOSTILE[0]}", [*calls, ("write", {})]), (HOSTILE[6], [("write", {})]))


def test_html_is_one_static_file_in_which_no_data_is_markup(capsys: pytest.CaptureFixture[str]) -> None:
    write_trace(("a", [("read", {"path": "/etc/x"}), ("write", {})]))
    _, plain, _ = run(capsys, "trace.jsonl", "--format", "html")
    hostile_trace()

    _, out, _ = run(capsys, "trace.jsonl", "--format", "html")

    known, found = parsed(plain), parsed(out)
    assert found.tags <= known.tags | {"br"}
    assert found.attributes <= known.attributes | {("class", "allowed"), ("class", "warning verdict")}
    assert not found.tags & {"script", "img", "b", "a", "iframe", "link", "object"}
    assert "default-src 'none'" in html.unescape(out)
    assert "<script>alert(1)</script>" in "".join(found.text)
    assert out.count("<style>") == 1
    assert out.isprintable() or all(each.isprintable() or each == "\n" for each in out)


def test_the_style_of_the_page_is_the_one_that_its_policy_lets_through(capsys: pytest.CaptureFixture[str]) -> None:
    import base64
    import hashlib

    write_trace(("a", [("write", {})]))
    _, out, _ = run(capsys, "trace.jsonl", "--format", "html")

    style = re.search(r"<style>(.*?)</style>", out, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    assert f"'sha256-{digest}'" in out


@pytest.mark.parametrize("name", ["markdown", "md"])
def test_markdown_escapes_all_that_was_recorded(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    hostile_trace()

    _, out, _ = run(capsys, "trace.jsonl", "--format", name)

    prose = re.sub(r"^(`{3,})diff\n.*?\n\1$", "", out, flags=re.DOTALL | re.MULTILINE)
    assert not set(prose) & set("[]@~*_\"'!")
    assert not re.search(r"https?:|www\.|`", prose)
    assert set(re.findall(r"<[^>]*>", prose)) <= {"<br>"}
    rows = [line for line in prose.splitlines() if line.startswith("| ")]
    assert len(rows) >= len(HOSTILE)
    assert {line.count("|") for line in rows} == {6}
    assert all(each.isprintable() or each == "\n" for each in out)


@pytest.mark.parametrize("name", ["text", "terminal"])
def test_text_shows_what_is_invisible(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    hostile_trace()

    _, out, _ = run(capsys, "trace.jsonl", "--format", name, "--verbose")

    assert all(each.isprintable() or each == "\n" for each in out)
    assert "\\u202egnp.exe\\u202c" in out
    assert "\\x1b[31mred" in out


def test_a_report_goes_to_its_file_whole(capsys: pytest.CaptureFixture[str]) -> None:
    write_trace(("a", [("read_secret", {}), ("write", {})]))

    code, out, _ = run(capsys, "trace.jsonl", "--format", "html", "--output", "report.html")

    assert (code, out) == (1, "")
    assert Path("report.html").read_text(encoding="utf-8").endswith("</html>\n")


def test_help_is_light() -> None:
    import subprocess

    code = "import sys; from assay_core.cli.explain import command; print('assay_core.analysis' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout == "False\n"
