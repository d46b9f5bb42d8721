"""`assay generate` and `assay profile` as their users meet them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.command import assay

EVENTS = "\n".join(
    (
        '{"type":"file_open","path":"/etc/passwd","timestamp":1}',
        '{"type":"net_connect","dest":"10.0.0.1:5432","timestamp":2}',
        "",
    )
)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    lines = []
    for run in range(15):
        lines.append({"run_id": f"r{run}", "tool": "login", "args": {"user": "bob", "password": "hunter2-é"}})
        lines.append({"run_id": f"r{run}", "tool": "read_file", "args": {"path": f"/srv/docs/{run}.md"}})
    path = tmp_path / "trace.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_generate_writes_a_policy_that_allows_its_own_trace(trace: Path) -> None:
    made = assay("generate", "trace.jsonl", cwd=trace.parent)

    text = (trace.parent / "policy.yaml").read_text(encoding="utf-8")
    assert made.exit_code == 0, made.err
    assert "Learnt 2 tools, 2 schemas" in made.out
    assert "Leave one out: 0 of 15 runs would have been denied" in made.out
    assert made.out.endswith("Next: assay validate policy.yaml trace.jsonl\n")
    assert "hunter2" not in text
    assert "{type: before, first: login, then: read_file}" in text
    assert assay("policy", "validate", "policy.yaml", cwd=trace.parent).exit_code == 0
    assert assay("validate", "policy.yaml", "trace.jsonl", cwd=trace.parent).exit_code == 0


def test_generate_never_replaces_a_file_unless_forced(trace: Path) -> None:
    target = trace.parent / "policy.yaml"
    target.write_text("mine\n")

    refused = assay("generate", "trace.jsonl", cwd=trace.parent)

    assert refused.exit_code == 2
    assert "error[E_FILE_EXISTS]" in refused.err
    assert target.read_text() == "mine\n"
    assert assay("generate", "trace.jsonl", "--dry-run", cwd=trace.parent).exit_code == 0
    assert target.read_text() == "mine\n"
    assert assay("generate", "trace.jsonl", "--force", cwd=trace.parent).exit_code == 0
    assert target.read_text() != "mine\n"


def test_generate_never_replaces_what_it_reads(trace: Path) -> None:
    before = trace.read_bytes()

    for words in (["-o", "trace.jsonl"], ["-o", "p.yaml", "--review-out", "./trace.jsonl"]):
        refused = assay("generate", "trace.jsonl", "--force", *words, cwd=trace.parent)
        assert (refused.exit_code, "error[E_OUTPUT_IS_INPUT]" in refused.err) == (2, True)

    assert trace.read_bytes() == before


def test_dry_run_prints_the_policy_and_nothing_else_on_standard_output(trace: Path) -> None:
    made = assay("generate", "-i", "-", "--dry-run", "--format", "json", cwd=trace.parent, stdin=trace.read_bytes())

    policy = json.loads(made.out)
    assert policy["tools"] == {"allow": ["login", "read_file"]}
    assert policy["x-learnt"]["rules"]["tool:login"]["support"].startswith("15 calls in 15 of 15 episodes")
    assert "Learnt 2 tools" in made.err
    assert not (trace.parent / "policy.json").exists()


def test_json_output_loads_and_standard_output_is_one_document(trace: Path) -> None:
    made = assay("generate", "trace.jsonl", "--format", "json", cwd=trace.parent)

    document = json.loads(made.out)
    assert (document["output"], document["tools"]) == ("policy.json", ["login", "read_file"])
    assert document["self_check"]["denied"] == 0
    assert assay("policy", "validate", "policy.json", cwd=trace.parent).exit_code == 0
    failed = assay("generate", "missing.jsonl", "--format", "json", "-o", "x.json", cwd=trace.parent)
    assert (failed.exit_code, json.loads(failed.out)["error"]["code"]) == (2, "E_TRACE_NOT_FOUND")


def test_diff_says_what_would_change_and_writes_nothing(trace: Path) -> None:
    folder = trace.parent
    (folder / "old.yaml").write_text('version: "2.0"\ntools: {allow: [login, wipe]}\n')

    shown = assay("generate", "trace.jsonl", "--diff=old.yaml", cwd=folder)
    missing = assay("generate", "trace.jsonl", "--diff", cwd=folder)

    assert shown.exit_code == 0, shown.err
    assert "tools.allow:\n  + read_file\n  - wipe\n" in shown.out
    assert not (folder / "policy.yaml").exists()
    assert (missing.exit_code, "error[E_PATH_NOT_FOUND]" in missing.err) == (2, True)


def test_review_goes_out_and_comes_back(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text(EVENTS)
    first = assay("generate", "events.jsonl", "--heuristics", "--review-out", "review.yaml", cwd=tmp_path)
    review = (tmp_path / "review.yaml").read_text()
    (tmp_path / "review.yaml").write_text(review.replace("decision: pending", "decision: approve", 1))

    second = assay("generate", "events.jsonl", "--heuristics", "--review", "review.yaml", "--force", cwd=tmp_path)

    assert "Under review, not allowed: network:10.0.0.1:5432: sensitive port 5432" in first.out
    assert second.exit_code == 0, second.err
    assert "Under review" not in second.out
    assert '- "10.0.0.1:5432"' in (tmp_path / "policy.yaml").read_text()
    (tmp_path / "review.yaml").write_text("version: 1\ndecisions: [{entry: 'tool:x', decision: approve}]\n")
    wrong = assay("generate", "events.jsonl", "--review", "review.yaml", "--force", cwd=tmp_path)
    assert wrong.exit_code == 2
    assert wrong.err.startswith("review.yaml:2:21: error[E_REVIEW_INVALID]: no rule 'tool:x' was learnt")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], "E_INVALID_ARGS"),
        (["trace.jsonl", "--profile", "p.yaml"], "E_INVALID_ARGS"),
        (["trace.jsonl", "./trace.jsonl"], "E_INVALID_ARGS"),
        (["trace.jsonl", "--min-stability", "nan"], "E_INVALID_ARGS"),
        (["trace.jsonl", "--min-stability", "0.1"], "E_INVALID_ARGS"),
        (["trace.jsonl", "-o", ""], "E_INVALID_ARGS"),
        (["trace.jsonl", "--generalise", "wild"], "E_INVALID_ARGS"),
        (["no-such.jsonl"], "E_TRACE_NOT_FOUND"),
        (["."], "E_TRACE_NOT_FOUND"),
        (["garbage.jsonl"], "E_TRACE_FORMAT"),
        (["prompts.jsonl"], "E_TRACE_EMPTY"),
        (["denied.jsonl"], "E_TRACE_EMPTY"),
        (["--profile", "trace.jsonl"], "E_PROFILE_INVALID"),
        (["--profile", "no-such.yaml"], "E_PATH_NOT_FOUND"),
    ],
)
def test_clumsy_words_get_an_error_with_a_remedy_and_write_nothing(trace: Path, words: list[str], code: str) -> None:
    folder = trace.parent
    (folder / "garbage.jsonl").write_bytes(b"\xff\xfe\x00garbage\n")
    (folder / "prompts.jsonl").write_text('{"prompt":"hello","response":"hi"}\n')
    (folder / "denied.jsonl").write_text('{"tool":"wipe","args":{},"outcome":"denied"}\n')
    before = sorted(folder.iterdir())

    failed = assay("generate", *words, cwd=folder)

    assert failed.exit_code == 2
    assert f"error[{code}]" in failed.err
    assert "= remedy: " in failed.err
    assert sorted(folder.iterdir()) == before


def test_hostile_names_are_left_out_told_and_harmless(tmp_path: Path) -> None:
    names = ["read", "\u202eevil", "<script>alert(1)</script>", "*", "a\x1b[31m", "x-ray", "a: b"]
    lines = [json.dumps({"run_id": "r", "tool": name, "args": {"\x1b[2J": "# c", "a: b": "\u202e"}}) for name in names]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))

    made = assay("generate", "t.jsonl", cwd=tmp_path)

    assert made.exit_code == 0, made.err
    assert made.out.count("Left out: the tool") == 4
    text = (tmp_path / "policy.yaml").read_text(encoding="utf-8")
    assert not {"\x1b", "\u202e"} & set(made.out + made.err + text)
    assert assay("policy", "validate", "policy.yaml", cwd=tmp_path).exit_code == 0


def test_equal_inputs_give_equal_bytes(trace: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        assert assay("generate", "trace.jsonl", "-o", name, cwd=trace.parent).exit_code == 0

    assert (trace.parent / "a.yaml").read_bytes() == (trace.parent / "b.yaml").read_bytes()


def test_a_profile_grows_by_runs_and_becomes_a_policy(trace: Path) -> None:
    folder = trace.parent
    (folder / "events.jsonl").write_text(EVENTS + "bad line\n")
    assert assay("profile", "init", "-o", "p.yaml", "--scope", "ci", cwd=folder).exit_code == 0
    assert "error[E_FILE_EXISTS]" in assay("profile", "init", "-o", "p.yaml", cwd=folder).err
    update = ("profile", "update", "--profile", "p.yaml", "-i", "trace.jsonl", "-i", "events.jsonl")

    first = assay(*update, "--run-id", "r1", "-v", cwd=folder)
    again = assay(*update, "--run-id", "r1", cwd=folder)
    strict = assay(*update, "--run-id", "r1", "--strict", cwd=folder)
    other = assay(*update, "--run-id", "r2", "--scope", "laptop", cwd=folder)

    assert first.out.startswith("p.yaml: run r1 folded in, 1 run now, 4 new entries\n")
    assert "events.jsonl:3: warning[W_TRACE_DROPPED]: the line was left out" in first.err
    assert (again.exit_code, "nothing changed" in again.out) == (0, True)
    assert (strict.exit_code, "error[E_PROFILE_RUN_KNOWN]" in strict.err) == (2, True)
    assert (other.exit_code, "error[E_PROFILE_SCOPE]" in other.err) == (2, True)
    assert assay(*update, "--run-id", "r2", "--scope", "laptop", "--force", cwd=folder).exit_code == 0
    shown = json.loads(assay("profile", "show", "p.yaml", "--format", "json", cwd=folder).out)
    assert (shown["version"], shown["total_runs"], shown["entries"]["files"]["/etc/passwd"]["runs_seen"]) == (
        "1.0",
        2,
        2,
    )
    assert "tools: 2" in assay("profile", "show", "p.yaml", cwd=folder).out
    assert "hunter2" not in (folder / "p.yaml").read_text()
    made = assay("generate", "--profile", "p.yaml", "--min-stability", "0.3", "--review-threshold", "0.2", cwd=folder)
    assert made.exit_code == 0, made.err
    assert assay("validate", "policy.yaml", "trace.jsonl", cwd=folder).exit_code == 0


def test_profiles_merge_into_a_new_file(trace: Path) -> None:
    folder = trace.parent
    for name in ("a", "b"):
        assay("profile", "init", "-o", f"{name}.json", cwd=folder)
        assay("profile", "update", "--profile", f"{name}.json", "--run-id", name, "trace.jsonl", cwd=folder)

    merged = assay("profile", "merge", "a.json", "b.json", "-o", "all.yaml", cwd=folder)

    assert (merged.exit_code, merged.out) == (0, "wrote all.yaml: 2 runs of 2 profiles\n")
    same = assay("profile", "merge", "a.json", "a.json", "-o", "x.yaml", cwd=folder)
    over = assay("profile", "merge", "a.json", "b.json", "-o", "a.json", "--force", cwd=folder)
    assert (same.exit_code, "share 1 of their runs" in same.err) == (2, True)
    assert (over.exit_code, "error[E_OUTPUT_IS_INPUT]" in over.err) == (2, True)
