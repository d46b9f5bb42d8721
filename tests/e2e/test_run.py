"""`assay run`, `ci` and `validate` as users meet them: real processes, real files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.e2e.command import Finished, assay

FAKES = Path(__file__).parents[1] / "fakes"
POLICY = """\
version: "2.0"
name: shop
tools: {deny: ["delete_*"]}
schemas:
  refund: {type: object, required: [amount], properties: {amount: {type: number, maximum: 50}}}
enforcement: {unconstrained_tools: allow}
"""
SUITE = """\
configVersion: 1
suite: shop
policy: policy.yaml
tests:
  - id: polite
    input: hello
    expected: {type: must_contain, must_contain: [thank]}
"""
GOOD = '{"prompt":"hello","response":"thank you","tool":"refund","args":{"amount":5}}\n'
BAD = '{"prompt":"hello","response":"no","tool":"refund","args":{"amount":90}}\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "eval.yaml").write_text(SUITE)
    (tmp_path / "good.jsonl").write_text(GOOD)
    (tmp_path / "bad.jsonl").write_text(BAD)
    return tmp_path


def summary(folder: Path) -> dict[str, object]:
    loaded: dict[str, object] = json.loads((folder / "summary.json").read_bytes())
    return loaded


def test_run_passes_a_good_trace_and_writes_both_documents(project: Path) -> None:
    done = assay("run", "good.jsonl", cwd=project)

    assert (done.exit_code, summary(project)["reason_code"]) == (0, "")
    assert "PASS" in done.out
    rows = json.loads((project / "run.json").read_bytes())["results"]
    assert [(row["test_id"], row["status"]) for row in rows] == [("policy:line-1", "pass"), ("polite", "pass")]


def test_run_fails_a_bad_trace_and_shows_the_line(project: Path) -> None:
    done = assay("run", "bad.jsonl", cwd=project)

    assert (done.exit_code, summary(project)["reason_code"]) == (1, "E_TEST_FAILED")
    assert "bad.jsonl:1" in done.out
    assert "E_ARG_SCHEMA" in done.out


@pytest.mark.parametrize("command", ["validate", "run", "ci"])
def test_every_command_gives_the_same_verdict(project: Path, command: str) -> None:
    assert assay(command, "good.jsonl", cwd=project).exit_code == 0
    assert assay(command, "bad.jsonl", cwd=project).exit_code == 1


def test_files_are_told_apart_by_their_content(project: Path) -> None:
    (project / "sub").mkdir()

    done = assay("validate", "../good.jsonl", "../policy.yaml", "../eval.yaml", cwd=project / "sub")

    assert done.exit_code == 0, done.err


def test_files_are_found_upwards(project: Path) -> None:
    (project / "a" / "b").mkdir(parents=True)

    assert assay("validate", "--trace", "../../good.jsonl", cwd=project / "a" / "b").exit_code == 0


def test_a_trace_can_come_from_standard_input(project: Path) -> None:
    assert assay("validate", "-", cwd=project, stdin=GOOD.encode()).exit_code == 0
    assert assay("validate", "--trace-file", "-", cwd=project, stdin=BAD.encode()).exit_code == 1


def test_a_trace_can_come_from_a_pipe_with_a_name(project: Path) -> None:
    os.mkfifo(project / "pipe")
    writer = threading.Thread(target=(project / "pipe").write_text, args=(BAD,), daemon=True)
    writer.start()

    assert assay("validate", "--trace", "pipe", cwd=project).exit_code == 1


def test_equal_inputs_give_equal_bytes(project: Path) -> None:
    words = ("ci", "bad.jsonl", "--sarif", "--junit", "--report", "markdown", "--out-dir")
    clock = {"SOURCE_DATE_EPOCH": "0"}
    for folder in ("one", "two"):
        assay(*words, folder, cwd=project, environment=clock)

    files = sorted(path.name for path in (project / "one").iterdir())
    assert files == ["assay-report.md", "junit.xml", "run.json", "sarif.json", "summary.json"]
    for name in files:
        assert (project / "one" / name).read_bytes() == (project / "two" / name).read_bytes(), name


def test_machine_formats_keep_stdout_one_document(project: Path) -> None:
    for command, trace in (("run", "bad.jsonl"), ("ci", "good.jsonl"), ("validate", "bad.jsonl")):
        done = assay(command, trace, "--format", "json", cwd=project)

        assert json.loads(done.out)["exit_code"] == done.exit_code


@pytest.mark.parametrize("command", ["validate", "run", "ci"])
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--config", "missing.yaml"), "E_MISSING_CONFIG"),
        (("missing.jsonl",), "E_PATH_NOT_FOUND"),
        (("--trace-file", "missing.jsonl"), "E_TRACE_NOT_FOUND"),
        (("--config", "policy.yaml", "good.jsonl"), "E_CFG_KIND"),
        ((), "E_TRACE_NOT_FOUND"),
        (("good.jsonl", "--trace", "bad.jsonl"), "E_INVALID_ARGS"),
        (("good.jsonl", "--trace-format", "nonsense"), "E_PLUGIN_MISSING"),
    ],
)
def test_an_early_error_is_one_document_too(project: Path, command: str, words: tuple[str, ...], reason: str) -> None:
    done = assay(command, *words, "--format", "json", cwd=project)

    document = json.loads(done.out)
    assert (done.exit_code, document["exit_code"], document["reason_code"]) == (2, 2, reason), done.err
    assert f"error[{reason}]" in done.err
    if command != "validate":
        assert summary(project)["reason_code"] == reason


def test_a_suite_error_shows_place_line_and_suggestion(project: Path) -> None:
    (project / "eval.yaml").write_text(SUITE.replace("must_contain, must", "must_contian, must"))

    done = assay("validate", "good.jsonl", cwd=project)

    assert done.exit_code == 2
    assert "eval.yaml:7:22: error[E_CFG_UNKNOWN_TYPE]" in done.err or "eval.yaml:7:" in done.err
    assert "'must_contain'" in done.err
    assert "expected: {type: must_contian" in done.err


def test_an_empty_trace_is_an_error(project: Path) -> None:
    (project / "empty.jsonl").write_text("\n")

    done = assay("run", "empty.jsonl", cwd=project)

    assert (done.exit_code, summary(project)["reason_code"]) == (2, "E_TRACE_EMPTY")


def test_a_policy_that_was_only_found_is_announced_without_a_trace(project: Path) -> None:
    suite = SUITE.replace("policy: policy.yaml\n", "").replace(
        "expected: {type: must_contain, must_contain: [thank]}",
        "assertions: [{type: tool_blocklist, policy: {blocked: [rm]}, test_tool_calls: [ls], expect: pass}]",
    )
    (project / "eval.yaml").write_text(suite)

    done = assay("validate", cwd=project)

    assert done.exit_code == 0, done.err
    assert "W_POLICY_NOT_EVALUATED" in done.err
    assert "W_POLICY_FOUND" in done.err


def test_a_report_nobody_installed_is_refused_before_the_run(project: Path) -> None:
    done = assay("ci", "good.jsonl", "--report", "acme.ledger", cwd=project)

    assert (done.exit_code, summary(project)["reason_code"]) == (2, "E_PLUGIN_MISSING")
    assert "acme.ledger" in done.err


def test_a_report_that_cannot_be_written_turns_only_a_pass_into_3(project: Path) -> None:
    (project / "file").write_text("")

    for trace, expected in (("good.jsonl", (3, "E_REPORT_FAILED")), ("bad.jsonl", (1, "E_TEST_FAILED"))):
        done = assay("ci", trace, "--sarif=file/x.json", "--junit", cwd=project)

        assert (done.exit_code, summary(project)["reason_code"]) == expected
        assert "E_REPORT_FAILED" in done.err
        ET.parse(project / "junit.xml")  # the other report is written all the same
        assert (project / "file").read_text() == ""


@pytest.mark.parametrize("words", [("--sarif", "bad.jsonl"), ("bad.jsonl", "--sarif=lax.yaml"), ("--junit=bad.jsonl",)])
def test_an_option_never_takes_an_input_for_its_report(project: Path, words: tuple[str, ...]) -> None:
    (project / "lax.yaml").write_text('version: "2.0"\ntools: {deny: [x]}\n')

    done = assay("ci", *words, cwd=project)

    assert done.exit_code == 2
    assert (project / "bad.jsonl").read_text() == BAD
    assert "deny: [x]" in (project / "lax.yaml").read_text()


def test_two_reports_are_never_written_to_one_place(project: Path) -> None:
    for words in (("--sarif=run.json",), ("--sarif=a.out", "--junit=a.out"), ("--sarif=-", "--junit=-")):
        done = assay("ci", "good.jsonl", *words, cwd=project)

        assert (done.exit_code, summary(project)["reason_code"]) == (2, "E_INVALID_ARGS"), words


@pytest.mark.parametrize(
    "words",
    [
        ("ci", "good.jsonl", "--format", "json", "-o", "good.jsonl"),
        ("validate", "--policy", "policy.yaml", "good.jsonl", "--format", "json", "-o", "policy.yaml"),
        ("validate", "good.jsonl", "--format", "sarif", "-o", "eval.yaml"),
        ("policy", "validate", "policy.yaml", "-o", "policy.yaml"),
        ("policy", "validate", "policy.yaml", "--format", "json", "-o", "policy.yaml"),
    ],
)
def test_the_output_never_overwrites_what_the_run_reads(project: Path, words: tuple[str, ...]) -> None:
    before = {path.name: path.read_text() for path in project.iterdir()}

    done = assay(*words, cwd=project)

    assert done.exit_code == 2
    assert {name: (project / name).read_text() for name in before} == before


@pytest.mark.parametrize("command", ["ci", "validate"])
def test_an_output_that_fails_never_softens_a_verdict(project: Path, command: str) -> None:
    for trace, expected in (("bad.jsonl", 1), ("good.jsonl", 3)):
        done = subprocess.run(
            f"{sys.executable} -m assay_core {command} {trace} --format json >/dev/full",
            shell=True,
            cwd=project,
            capture_output=True,
            check=False,
        )
        assert done.returncode == expected, done.stderr
        assert b"AttributeError" not in done.stderr
        closed = subprocess.run(
            f"{sys.executable} -m assay_core {command} {trace} >&-", shell=True, cwd=project, check=False
        )
        assert closed.returncode in (expected, 0 if trace == "good.jsonl" else expected)


def test_what_a_plugin_prints_is_no_part_of_a_document(project: Path) -> None:
    loud = project / "loud"
    (loud / "acme_loud-1.0.dist-info").mkdir(parents=True)
    (loud / "acme_loud-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-loud\nVersion: 1.0\n")
    (loud / "acme_loud-1.0.dist-info" / "entry_points.txt").write_text("[assay.metrics]\nacme.loud = acme_loud:Loud\n")
    (loud / "acme_loud.py").write_text(
        "import attrs\n"
        "from assay_core.model import MetricResult, Outcome\n"
        "@attrs.frozen(kw_only=True)\n"
        "class Options:\n"
        "    pass\n"
        "class Loud:\n"
        "    types = {'acme.loud': Options}\n"
        "    needs_episode = pure = True\n"
        "    blocking = False\n"
        "    needs = frozenset()\n"
        "    def prepare(self, expectation, context):\n"
        "        print('noise')\n"
        "        return self\n"
        "    def measure(self, episodes):\n"
        "        print('more noise')\n"
        "        return [MetricResult(outcome=Outcome.HELD) for _ in episodes]\n"
    )
    (project / "eval.yaml").write_text(suite_with("acme.loud"))

    for command in ("ci", "validate"):
        done = assay(command, "good.jsonl", "--format", "json", cwd=project, environment={"PYTHONPATH": str(loud)})

        assert json.loads(done.out)["exit_code"] == 0, done.err
        assert "noise" in done.err


@pytest.mark.parametrize("target", ["bad.jsonl", "eval.yaml"])
def test_a_report_never_overwrites_what_the_run_reads(project: Path, target: str) -> None:
    before = (project / target).read_text()

    done = assay("ci", "eval.yaml", "bad.jsonl", "--report", f"sarif={target}", cwd=project)

    assert (done.exit_code, summary(project)["reason_code"]) == (2, "E_OUTPUT_IS_INPUT")
    assert (project / target).read_text() == before


def test_the_job_summary_is_added_to(project: Path) -> None:
    (project / "step.md").write_text("# before\n")

    assay("ci", "bad.jsonl", cwd=project, environment={"GITHUB_STEP_SUMMARY": str(project / "step.md")})

    text = (project / "step.md").read_text()
    assert text.startswith("# before\n")
    assert "order_seed" in text


def test_options_of_a_report_come_from_the_command_line_and_are_checked(project: Path) -> None:
    done = assay("ci", "bad.jsonl", "--sarif", "--set", "reporters.sarif.max_results=1", cwd=project)

    assert done.exit_code == 1
    sarif = json.loads((project / "sarif.json").read_bytes())
    assert len(sarif["runs"][0]["results"]) == 1
    assert sarif["runs"][0]["properties"]["assay"]["omitted_count"] == 1
    assert summary(project)["sarif"] == {"omitted": 1}
    done = assay("ci", "bad.jsonl", "--sarif", "--set", "reporters.sarif.max_result=1", cwd=project)
    assert done.exit_code == 2
    assert "'max_results'" in done.err


def test_colours_are_only_for_those_who_want_them(project: Path) -> None:
    plain = assay("run", "bad.jsonl", cwd=project)
    bright = assay("run", "bad.jsonl", "--color", "always", cwd=project)

    assert "\x1b[" not in plain.out + plain.err
    assert "\x1b[" in bright.out


def test_hostile_text_is_harmless_on_the_terminal(project: Path) -> None:
    tool = "evil\x1b[2J\u202e"
    line = json.dumps({"prompt": "hello", "response": "thank", "tool": tool, "args": {}})
    (project / "evil.jsonl").write_text(line + "\n")

    for command in ("validate", "run"):
        done = assay(command, "evil.jsonl", "-v", cwd=project)

        assert "\x1b[2J" not in done.out + done.err
        assert "\u202e" not in done.out + done.err
        assert done.exit_code == 1


def test_incomplete_episodes_are_told_and_fail_under_strict(project: Path) -> None:
    events = [
        {"type": "episode_start", "episode_id": "e", "timestamp": 1, "input": {"prompt": "hello"}},
        {
            "type": "tool_call",
            "episode_id": "e",
            "step_id": "s",
            "timestamp": 2,
            "tool_name": "refund",
            "args": {"amount": 1},
        },
    ]
    (project / "open.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))

    relaxed = assay("validate", "policy.yaml", "open.jsonl", cwd=project)
    strict = assay("validate", "policy.yaml", "open.jsonl", "--strict", cwd=project)

    assert "W_TRACE_INCOMPLETE" in relaxed.err
    assert relaxed.exit_code == 0
    assert strict.exit_code == 1


def with_fake(*cases: str) -> dict[str, str]:
    return {"PYTHONPATH": ":".join(str(FAKES / case) for case in cases)}


def suite_with(kind: str) -> str:
    return SUITE.replace("{type: must_contain, must_contain: [thank]}", f"{{type: {kind}}}")


@pytest.mark.parametrize(
    ("case", "kind", "reason"),
    [
        ("broken", "acme.broken", "E_PLUGIN_BROKEN"),
        ("old_api", "acme.old", "E_PLUGIN_INCOMPATIBLE"),
        ("colliding", "acme.same", "E_PLUGIN_AMBIGUOUS"),
    ],
)
def test_a_plugin_that_cannot_be_used_fails_only_the_run_that_names_it(
    project: Path, case: str, kind: str, reason: str
) -> None:
    unaffected = assay("run", "good.jsonl", cwd=project, environment=with_fake(case))
    assert unaffected.exit_code == 0, unaffected.err

    (project / "eval.yaml").write_text(suite_with(_name_of(case, kind)))
    done = assay("run", "good.jsonl", cwd=project, environment=with_fake(case))

    assert (done.exit_code, summary(project)["reason_code"]) == (2, reason), done.err


def _name_of(case: str, fallback: str) -> str:
    """Return the first metric that the fake offers."""
    for entry_points in (FAKES / case).glob("*.dist-info/entry_points.txt"):
        section = ""
        for line in entry_points.read_text().splitlines():
            if line.startswith("["):
                section = line.strip("[] ")
            elif "=" in line and section == "assay.metrics":
                return line.partition("=")[0].strip()
    return fallback


def test_a_verdict_does_not_depend_on_a_plugin_that_mutates(project: Path) -> None:
    (project / "eval.yaml").write_text(
        SUITE.replace(
            "expected: {type: must_contain, must_contain: [thank]}",
            "expected: [{type: acme.mutating}, {type: must_contain, must_contain: [thank]},"
            " {type: args_valid, policy: policy.yaml}]",
        )
    )
    env = with_fake("mutating") | {"SOURCE_DATE_EPOCH": "0"}

    assert assay("run", "good.jsonl", cwd=project, environment=env).exit_code == 0
    done = assay("run", "bad.jsonl", cwd=project, environment=env)

    rows = json.loads((project / "run.json").read_bytes())["results"]
    assert done.exit_code == 1
    assert [row["status"] for row in rows] == ["fail", "fail"]
    assert rows[1]["details"]["metrics"]["args_valid"]["passed"] is False


def test_bare_start_runs_without_any_plugin_and_says_what_is_missing(project: Path) -> None:
    done = assay("run", "good.jsonl", cwd=project, environment={"ASSAY_PLUGINS": "none"})

    assert done.exit_code == 2
    assert summary(project)["reason_code"] in ("E_PLUGIN_MISSING", "E_PLUGIN_DENIED")


def test_plugins_may_be_required_and_denied(project: Path) -> None:
    (project / "eval.yaml").write_text(SUITE + "plugins: {require: [acme.absent]}\n")
    assert assay("run", "good.jsonl", cwd=project).exit_code == 2
    assert summary(project)["reason_code"] == "E_PLUGIN_MISSING"

    (project / "eval.yaml").write_text(SUITE + "plugins: {deny: [must_contain]}\n")
    assert assay("run", "good.jsonl", cwd=project).exit_code == 2
    assert summary(project)["reason_code"] == "E_PLUGIN_DENIED"


def test_an_interrupt_is_130_and_leaves_no_half_file(project: Path) -> None:
    lines = [GOOD.replace('"hello"', f'"hello {n}"') for n in range(400_000)]
    (project / "large.jsonl").write_text("".join(lines))
    running = subprocess.Popen(
        [sys.executable, "-m", "assay_core", "run", "--policy", "policy.yaml", "large.jsonl"],
        cwd=project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    time.sleep(1.0)

    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)

    assert running.returncode == 130, err.decode()
    assert b"Traceback" not in err
    assert sorted(path.name for path in project.iterdir() if path.name != ".assay") == [
        "bad.jsonl",
        "eval.yaml",
        "good.jsonl",
        "large.jsonl",
        "policy.yaml",
    ]


def test_quiet_says_only_the_verdict_of_a_pass(project: Path) -> None:
    done: Finished = assay("run", "good.jsonl", "-q", cwd=project)

    assert done.err == ""
    assert done.out.strip().endswith("PASS: All checks passed (2 checks on 1 episode, 1 tool call)")
