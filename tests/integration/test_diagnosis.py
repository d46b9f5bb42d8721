"""Every finding of `assay doctor`, provoked by real files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from assay_core.analysis.diagnosis.diagnosis import Diagnosis
from assay_core.analysis.diagnosis.examine import Examination, examine
from assay_core.analysis.diagnosis.machine import examine_machine, landlock_abi, probe
from assay_core.analysis.diagnosis.project import Wanted
from assay_core.errors import UsageError, find_code
from assay_core.policy import load_policy
from assay_core.store import QuarantineEntry, RunStore

pytest.importorskip("assay_importer_jsonl", reason="traces are read by assay-importer-jsonl")
pytest.importorskip("assay_metric_standard", reason="the tests of the suite need assay-metric-standard")

FAKES = Path(__file__).resolve().parents[1] / "fakes"
SUITE = """\
configVersion: 1
suite: s
policy: policy.yaml
tests:
  - id: t
    input: {prompt: "Read the notes"}
    expected: {type: must_contain, must_contain: [done]}
"""
POLICY = """\
version: "2.0"
tools:
  allow: [read_file, list_files]
schemas:
  read_file: {type: object, properties: {path: {type: string}}}
  list_files: {type: object, properties: {path: {type: string}}}
"""
TRACE = [
    {"type": "episode_start", "episode_id": "e", "input": {"prompt": "Read the notes"}},
    {"type": "tool_call", "episode_id": "e", "tool_name": "read_file", "args": {"path": "a"}, "result": 1},
    {"type": "tool_call", "episode_id": "e", "tool_name": "list_files", "args": {"path": "b"}, "result": 1},
    {"type": "step", "episode_id": "e", "kind": "model", "content": "done"},
    {"type": "episode_end", "episode_id": "e", "final_output": "done"},
]
Look = Callable[..., Examination]


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Look:
    """Write a project that is clean but for what is given, and examine it."""
    for name in [name for name in os.environ if name.startswith("ASSAY")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def write(files: dict[str, str | None] | None = None, *, today: str = "2026-01-01", **wanted: str) -> Examination:
        trace = "".join(json.dumps(record) + "\n" for record in TRACE)
        contents = {"eval.yaml": SUITE, "policy.yaml": POLICY, "traces/t.jsonl": trace, **(files or {})}
        for name, text in contents.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is not None:
                path.write_text(text, encoding="utf-8")
        return examine(Wanted(**{key: Path(value) for key, value in wanted.items()}), now=lambda: today)

    return write


def found(examination: Examination, code: str) -> list[Diagnosis]:
    return [each for each in examination.findings if each.code == code]


def only(examination: Examination, code: str, severity: str) -> Diagnosis:
    """Return the one finding of a code, after a look at what every finding has to have."""
    (finding,) = found(examination, code)
    assert finding.severity == severity
    assert finding.message
    assert finding.remedy
    assert find_code(code) is not None
    if finding.patch:
        assert finding.patch in examination.patches
    return finding


def test_a_sound_project_is_clean(look: Look) -> None:
    examination = look()

    assert examination.is_clean, examination.findings
    assert examination.patches == ()
    assert examination.observed is not None
    assert examination.observed.episodes == 1


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "line", "patch"),
    [
        ("eval.yaml", "policy: p", "polcy: p", "E_CFG_UNKNOWN_KEY", 3, "rename_field:polcy:policy"),
        ("eval.yaml", "expected:", "expectd:", "E_CFG_UNKNOWN_KEY", 7, "rename_field:tests:0:expectd:expected"),
        ("eval.yaml", "type: must_contain", "type: must_contian", "E_CFG_UNKNOWN_TYPE", 7,
         "fix_word:tests:0:expected:type:must_contain"),
        ("eval.yaml", "policy.yaml", "polciy.yml", "E_CFG_REF", 3, "fix_policy_path:policy.yaml"),
        ("eval.yaml", "policy.yaml", "rules/of/the/house.yaml", "E_CFG_REF", 3, "fix_policy_path:policy.yaml"),
        ("eval.yaml", "suite: s", "suite: [s]", "E_CFG_PARSE", 2, None),
        ("policy.yaml", "schemas:", "schema:", "E_POLICY_PARSE", 4, "rename_field:schema:schemas"),
        ("policy.yaml", "  allow:", "  alow:", "E_POLICY_PARSE", 3, "rename_field:tools:alow:allow"),
        ("policy.yaml", 'version: "2.0"\n', "", "W_POLICY_VERSION", 1, "add_version:policy.yaml"),
    ],
)  # fmt: skip
def test_mistakes_in_documents_have_their_place_and_a_patch_of_low_risk(
    look: Look, file: str, old: str, new: str, code: str, line: int, patch: str | None
) -> None:
    before = {"eval.yaml": SUITE, "policy.yaml": POLICY}[file]

    examination = look({file: before.replace(old, new, 1)})

    finding = next(each for each in found(examination, code) if not patch or each.patch)
    assert finding.place is not None
    assert (finding.place.file, finding.place.line) == (file, line)
    assert (finding.patch.id if finding.patch else None) == patch
    assert finding.patch is None or finding.patch.risk == "low"


def test_a_file_that_a_check_names_is_found_by_its_name(look: Look) -> None:
    suite = SUITE.replace("{type: must_contain, must_contain: [done]}", "{type: json_schema, schema_file: anwser.json}")

    finding = only(look({"eval.yaml": suite, "schemas/answer.json": "{}"}), "E_PATH_NOT_FOUND", "error")

    assert finding.patch is not None
    assert finding.patch.edits[0].value == "schemas/answer.json"


@pytest.mark.parametrize(
    ("policy", "code", "severity", "words", "patch"),
    [
        ("tools: {allow: ['*']}", "W_POLICY_ANY_TOOL", "warning", "`tools.allow` holds '*'", ""),
        ("files: {allow: [/]}\ntools: {allow: ['*_file*']}", "W_POLICY_ANY_TOOL", "warning", "`files.allow`", ""),
        ("tools: {deny: ['exec*', exec_sh]}", "W_POLICY_REDUNDANT", "warning", "`tools.deny:exec*` denies all",
         "remove_entry:tools.deny:1:exec_sh"),
        ("tools: {allow: ['*_file*', read_file]}", "W_POLICY_REDUNDANT", "note", "`tools.allow:*_file*` allows all",
         "remove_entry:tools.allow:1:read_file"),
        ("tools: {allow: ['*_file*', write_x], deny: ['write*']}", "W_POLICY_SHADOWED", "warning", "can never apply",
         "remove_entry:tools.allow:1:write_x"),
        ("tools: {deny: [x, x]}", "W_POLICY_REPEATED", "warning", "twice", "remove_entry:tools.deny:1:x"),
        ("tools: {deny: [exec]}", "W_POLICY_UNMATCHED", "note", "of `tools.deny`, exec match", ""),
        ("tools: {allow: ['*_file*', 'net_*']}", "W_POLICY_UNMATCHED", "warning", "`tools.allow:net_*` matches no", ""),
        ("tools: {deny: [read_flie]}", "W_POLICY_UNMATCHED", "warning", "'read_file', which is called", ""),
        ("schemas: {send: {type: object, required: [to]}}", "W_POLICY_UNMATCHED", "note", "of `schemas`, send", ""),
        ("limits: {per_tool: {send: {max: 1}}}", "W_POLICY_UNMATCHED", "note", "of `limits.per_tool`, send", ""),
        ("aliases: {Net: [send]}\ntools: {deny: [x]}", "W_POLICY_UNMATCHED", "note", "of `aliases`, Net", ""),
        ("sequences: [{type: before, first: login, then: send}]", "W_RULE_NOT_EXERCISED", "warning",
         "`first` (login) or `then` (send)", ""),
        ("sequences: [{type: never_after, trigger: {tool: read_file, args_match: {path: z}}, forbidden: list_files}]",
         "W_RULE_NOT_EXERCISED", "note", "no recorded call arms it", ""),
        ("schemas: {read_file: {type: object, required: [path], properties: {pth: {type: string}}}}",
         "W_SCHEMA_UNSEEN", "note", "what no recorded call gives: /pth", ""),
    ],
)  # fmt: skip
def test_mistakes_in_policies(look: Look, policy: str, code: str, severity: str, words: str, patch: str) -> None:
    examination = look({"policy.yaml": f'version: "2.0"\nenforcement: {{unconstrained_tools: allow}}\n{policy}\n'})

    finding = next(each for each in found(examination, code) if words in each.message)
    assert finding.severity == severity
    assert finding.place is not None
    assert finding.remedy
    assert (finding.patch.id if finding.patch else "") == patch


def test_an_old_policy_names_the_command_that_rewrites_it(look: Look) -> None:
    examination = look({"policy.yaml": 'version: "1.0"\nallow: [read_file, list_files]\n'})

    assert "migrate" in only(examination, "W_POLICY_MIGRATED", "warning").remedy


@pytest.mark.parametrize(
    ("policy", "code", "kind"),
    [
        ("tools: {allow: [read_file]}", "E_TOOL_NOT_ALLOWED", "allow_tool"),
        ("tools: {deny: [list_files]}", "E_TOOL_DENIED", "undeny"),
        ("schemas: {list_files: {type: object, properties: {path: {maxLength: 0}}}}", "E_ARG_SCHEMA", "widen_schema"),
    ],
)
def test_denied_calls_have_a_patch_of_high_risk(look: Look, policy: str, code: str, kind: str) -> None:
    examination = look({"policy.yaml": f'version: "2.0"\nenforcement: {{unconstrained_tools: allow}}\n{policy}\n'})

    finding = only(examination, code, "error")
    assert finding.place is not None
    assert (finding.place.file, finding.place.line) == ("traces/t.jsonl", 3)
    assert finding.patch is not None
    assert finding.patch.risk == "high"
    assert finding.patch.id.startswith(f"{kind}:list_files")


def test_a_test_without_an_episode_shows_the_nearest_prompt(look: Look) -> None:
    finding = only(look({"eval.yaml": SUITE.replace("the notes", "the note")}), "E_TRACE_MISS", "error")

    assert "the nearest recorded one is 'Read the notes'" in finding.message
    assert finding.place is not None
    assert (finding.place.file, finding.place.line) == ("eval.yaml", 6)
    assert finding.patch is not None
    assert (finding.patch.id, finding.patch.risk) == ("fix_prompt:t", "medium")


def test_a_test_like_no_recorded_prompt_lists_what_is_recorded(look: Look) -> None:
    finding = only(look({"eval.yaml": SUITE.replace("Read the notes", "zzz")}), "E_TRACE_MISS", "error")

    assert "recorded are 'Read the notes'" in finding.remedy
    assert finding.patch is None


def test_a_test_of_an_episode_that_is_not_there_shows_the_nearest_id(look: Look) -> None:
    trace = "".join(json.dumps({**record, "episode_id": "episode-one"}) + "\n" for record in TRACE)
    suite = SUITE.replace('prompt: "Read the notes"', "episode: episode-ome")

    finding = only(look({"eval.yaml": suite, "traces/t.jsonl": trace}), "E_TRACE_MISS", "error")

    assert finding.patch is not None
    assert finding.patch.edits[0].value == "episode-one"


def test_a_check_that_never_applies_is_told(look: Look) -> None:
    suite = SUITE.replace(
        "{type: must_contain, must_contain: [done]}",
        "[{type: must_contain, must_contain: [done]}, "
        "{type: args_valid, schema: {send: {type: object, required: [x]}}}]",
    )

    assert "'args_valid'" in only(look({"eval.yaml": suite}), "W_CHECK_NOT_EXERCISED", "warning").message


def test_a_failing_test_is_told_once(look: Look) -> None:
    finding = only(look({"eval.yaml": SUITE.replace("[done]", "[other]")}), "E_TEXT_MISSING", "error")

    assert finding.message.startswith("test 't' fails: ")


def test_traces_are_missing_older_empty_or_broken(look: Look, tmp_path: Path) -> None:
    look()
    os.utime(tmp_path / "traces/t.jsonl", (1, 1))
    assert only(look({"traces/t.jsonl": None}), "W_TRACE_OLDER", "note")

    assert only(look({"traces/t.jsonl": "not json\n"}), "E_TRACE_FORMAT", "error")
    broken = json.dumps(TRACE[0]) + '\n{"type": "tool_call", "episode_id"\n'
    finding = only(look({"traces/t.jsonl": broken}), "E_TRACE_INVALID", "error")
    assert finding.place is not None
    assert finding.place.line == 2
    assert found(look({"traces/t.jsonl": ""}), "E_TRACE_FORMAT") or found(look({"traces/t.jsonl": ""}), "E_TRACE_EMPTY")

    (tmp_path / "traces/t.jsonl").unlink()
    assert only(look({"traces/t.jsonl": None}), "W_TRACE_ABSENT", "note")


def test_settings_that_are_wrong_or_name_missing_files_are_told(look: Look) -> None:
    unknown = only(look({"pyproject.toml": '[tool.assay]\ntrase = "x"\n'}), "E_CFG_UNKNOWN_KEY", "error")
    assert unknown.area == "settings"
    assert unknown.place is not None
    assert unknown.place.line == 2

    missing = only(look({"pyproject.toml": '[tool.assay]\ntrace = "gone.jsonl"\n'}), "E_PATH_NOT_FOUND", "error")
    assert "pyproject.toml:2" in missing.message


def baseline(**changed: object) -> str:
    digest = hashlib.md5(SUITE.encode(), usedforsecurity=False).hexdigest()
    entries = [{"test_id": "t", "metric": "must_contain", "score": 1.0}]
    body = {"schema_version": 1, "suite": "s", "config_fingerprint": f"md5:{digest}", "entries": entries}
    return json.dumps({**body, **changed})


def test_a_baseline_that_fits_is_no_finding(look: Look) -> None:
    assert look({"baseline.json": baseline()}).is_clean


@pytest.mark.parametrize(
    ("text", "code", "severity", "words"),
    [
        ("{", "E_BASELINE_INVALID", "error", ""),
        ("[]", "E_BASELINE_INVALID", "error", "a baseline is a JSON object"),
        (baseline(schema_version=7), "E_BASELINE_INVALID", "error", "7"),
        (baseline(suite="other"), "E_BASE_MISMATCH", "error", "'other', not to 's'"),
        (baseline(config_fingerprint="md5:00"), "W_BASELINE_STALE", "warning", "eval.yaml has changed"),
        (
            baseline(entries=[{"test_id": "tt", "metric": "m", "score": 1}]),
            "W_BASELINE_STALE",
            "warning",
            "renamed to 't'",
        ),
        (baseline(entries=[]), "W_BASELINE_STALE", "warning", "it lacks the test 't'"),
    ],
)
def test_baselines_that_do_not_fit(look: Look, text: str, code: str, severity: str, words: str) -> None:
    assert words in only(look({"baseline.json": text}), code, severity).message


def test_quarantines_that_are_over_or_about_no_test(look: Look, tmp_path: Path) -> None:
    store = RunStore(tmp_path / ".assay" / "assay.db")
    for test, expires in (("t", "2025-12-31"), ("gone", None)):
        store.add_to_quarantine(
            QuarantineEntry(suite="s", test_id=test, reason="flaky", owner=None, added_at="2025-01-01T00:00:00.000Z",
                            expires_on=expires)
        )  # fmt: skip
    store.close()

    examination = look(today="2026-01-01")

    assert "was over on 2025-12-31" in only(examination, "W_QUARANTINE_EXPIRED", "warning").message
    assert "'gone'" in only(examination, "W_QUARANTINE_UNKNOWN", "warning").message


def test_a_store_that_is_none_is_told(look: Look) -> None:
    only(look({".assay/assay.db": "no database at all, but long enough to be read as one"}), "E_STORE_INVALID", "error")


@pytest.mark.parametrize(
    ("fake", "code"),
    [("broken", "E_PLUGIN_BROKEN"), ("colliding", "E_PLUGIN_AMBIGUOUS"), ("old_api", "E_PLUGIN_INCOMPATIBLE")],
)
def test_plugins_that_cannot_be_used_are_told(
    look: Look, fake: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [path.parent for path in (FAKES / fake).rglob("*.dist-info")] or [FAKES / fake]
    for folder in dict.fromkeys(folders):
        monkeypatch.syspath_prepend(str(folder))

    findings = found(look(), code)

    assert findings
    assert {each.severity for each in findings} == {"warning"}


GH, GL = ".github/workflows/a.yml", ".gitlab-ci.yml"
GITHUB = """\
on: push
jobs:
  gate:
    runs-on: x
    steps:
      - run: |
          pip install assay
          assay ci traces/t.jsonl --sarif=a.sarif
      - uses: github/codeql-action/upload-sarif@v3
"""


@pytest.mark.parametrize(
    ("files", "code", "severity", "line"),
    [
        ({}, "W_CI_NO_GATE", "note", 0),
        ({GH: GITHUB.replace("assay ci", "pytest")}, "W_CI_NO_GATE", "note", 0),
        ({GH: GITHUB.replace("a.sarif\n", "a.sarif || true\n")}, "W_CI_SWALLOWED", "warning", 8),
        ({GH: GITHUB.replace("a.sarif\n", "a.sarif | tee log\n")}, "W_CI_SWALLOWED", "warning", 8),
        ({GH: GITHUB.replace("pip install", "set +e; pip")}, "W_CI_SWALLOWED", "warning", 8),
        ({GH: GITHUB.replace("runs-on: x", "continue-on-error: true")}, "W_CI_SWALLOWED", "warning", 4),
        ({GH: GITHUB.replace("upload-sarif", "init")}, "W_CI_NOT_KEPT", "note", 8),
        ({GH: "a: [\n"}, "W_CI_UNREADABLE", "note", 2),
        ({GL: "g:\n  script: [assay run t]\n  artifacts: {}\n  allow_failure: true\n"}, "W_CI_SWALLOWED", "warning", 4),
        ({GL: "g:\n  after_script: [assay run t]\n  artifacts: {}\n"}, "W_CI_SWALLOWED", "warning", 2),
        ({GL: "g:\n  script:\n    - assay ci t; true\n"}, "W_CI_SWALLOWED", "warning", 3),
        ({GL: "g:\n  script:\n    - assay ci t\n"}, "W_CI_NOT_KEPT", "note", 3),
    ],
)  # fmt: skip
def test_ci_jobs_without_a_gate_that_counts(
    look: Look, files: dict[str, str], code: str, severity: str, line: int
) -> None:
    finding = next(each for each in found(look(files), code) if not line or (each.place and each.place.line == line))

    assert finding.severity == severity
    assert finding.remedy


@pytest.mark.parametrize(
    "files",
    [
        {GH: GITHUB},
        {GH: GITHUB.replace("pip", "set -o pipefail; pip").replace("a.sarif\n", "a.sarif | tee x\n")},
        {GL: "g:\n  script:\n    - assay ci t --junit=j.xml\n  artifacts: {paths: [j.xml]}\n"},
    ],
)  # fmt: skip
def test_ci_jobs_that_gate_are_no_finding(look: Look, files: dict[str, str]) -> None:
    assert [each for each in look(files).findings if each.area == "ci"] == []


def test_what_this_machine_cannot_enforce_is_told(tmp_path: Path) -> None:
    security = tmp_path / "sys/kernel/security"
    security.mkdir(parents=True)
    (security / "lsm").write_text("lockdown,capability,bpf\n")
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/cgroup.controllers").write_text("cpu memory\n")
    policy = load_policy({"version": "2.0", "files": {"allow": ["/srv/"]}, "network": {"allow": ["10.0.0.0/8"]}})

    nothing, files_only = probe(tmp_path, abi=lambda: 0), probe(tmp_path, abi=lambda: 3)

    assert (nothing.status, files_only.status) == ("Unsupported", "Degraded")
    assert nothing.lsms == ("lockdown", "capability", "bpf")
    assert nothing.bpf_lsm is False  # no BTF: programs could not be loaded
    assert nothing.controllers == ("cpu", "memory")
    both = list(examine_machine(nothing, policy.form))
    assert [each.code for each in both] == ["W_MACHINE_UNENFORCED"] * 2
    (one,) = examine_machine(files_only, policy.form)
    assert "`network`" in one.message
    assert list(examine_machine(probe(tmp_path, abi=lambda: 4), policy.form)) == []


def test_the_kernel_is_asked_for_landlock_itself() -> None:
    assert 0 <= landlock_abi() < 1000


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("config", "E_MISSING_CONFIG"),
        ("policy", "E_PATH_NOT_FOUND"),
        ("trace", "E_TRACE_NOT_FOUND"),
        ("baseline", "E_PATH_NOT_FOUND"),
        ("db", "E_PATH_NOT_FOUND"),
    ],
)
def test_a_named_file_that_is_missing_ends_the_look(look: Look, name: str, code: str) -> None:
    with pytest.raises(UsageError) as raised:
        look(**{name: "gone"})

    assert raised.value.code == code


def test_an_empty_folder_is_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert examine(Wanted(), now=lambda: "2026-01-01").is_clean


@pytest.mark.parametrize("name", ["eval.yaml", "policy.yaml", "traces/t.jsonl", "baseline.json", ".assay/assay.db", GH])
@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"[1, 2]", b"{" * 5000, b"a: &a [*a, *a]", b"\x00", b"- - -"]
)
def test_whatever_a_file_holds_is_a_finding_and_no_crash(look: Look, tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(content)

    examination = look({name: None})

    assert all(each.remedy and find_code(each.code) for each in examination.findings)
