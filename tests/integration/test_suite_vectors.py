"""The suites and traces of the Rust project, each with the verdict that its README states."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.command import assay
from tests.vectors import vectors_dir

for _package in ("assay_importer_jsonl", "assay_metric_standard"):
    pytest.importorskip(_package, reason=f"{_package.replace('_', '-')} is not installed here")

CASES = [
    # suite, trace, exit code, reason code
    ("tests/fixtures/golden/eval.yaml", "tests/fixtures/golden/trace.jsonl", 0, ""),
    ("tests/fixtures/golden/eval_fail.yaml", "tests/fixtures/golden/trace.jsonl", 1, "E_TEST_FAILED"),
    ("tests/fixtures/golden/eval_broken.yaml", "tests/fixtures/golden/trace.jsonl", 2, "E_CFG_PARSE"),
    ("tests/fixtures/contract/pass.yaml", None, 2, "E_TRACE_NOT_FOUND"),
    ("tests/fixtures/contract/fail.yaml", None, 2, "E_TRACE_NOT_FOUND"),
    ("tests/fixtures/contract/invalid.yaml", None, 2, "E_CFG_UNKNOWN_KEY"),
    ("tests/fixtures/perf/eval_small.yaml", "tests/fixtures/perf/trace_small.jsonl", 0, ""),
    ("examples/baseline-gate/eval.yaml", "examples/baseline-gate/traces/run.jsonl", 0, ""),
    ("examples/negation-safety/eval.yaml", "examples/negation-safety/traces/safe-response.jsonl", 0, ""),
    ("examples/negation-safety/eval.yaml", "examples/negation-safety/traces/unsafe-response.jsonl", 1, "E_TEST_FAILED"),
    ("demo/fixtures/eval.yaml", "demo/fixtures/traces/safe.jsonl", 0, ""),
    ("demo/fixtures/eval.yaml", "demo/fixtures/traces/unsafe.jsonl", 1, "E_TEST_FAILED"),
    ("demo/fixtures/assay.yaml", "demo/fixtures/traces/safe.jsonl", 0, ""),
    ("demo/fixtures/assay.yaml", "demo/fixtures/traces/unsafe.jsonl", 1, "E_POLICY_VIOLATION"),
    ("tests/fp_suite.yaml", None, 0, ""),
    ("tests/regex_compatibility.yaml", None, 2, "E_REGEX_INVALID"),
    ("tests/fixtures/migrate-zoo/03_nulls_and_empty.yaml", "demo/fixtures/traces/safe.jsonl", 2, "E_CFG_VACUOUS"),
    ("tests/fixtures/migrate-zoo/02_weird_paths.yaml", "demo/fixtures/traces/safe.jsonl", 2, "E_CFG_UNKNOWN_KEY"),
    ("tests/fixtures/migration/complex_expected.yaml", "demo/fixtures/traces/safe.jsonl", 2, "E_CFG_VACUOUS"),
    ("examples/demo/assay-safe.yaml", "demo/fixtures/traces/safe.jsonl", 2, "E_CFG_VACUOUS"),
    ("examples/demo/common-mistake/assay.yaml", "demo/fixtures/traces/safe.jsonl", 2, "E_CFG_VACUOUS"),
]


@pytest.mark.parametrize(("suite", "trace", "exit_code", "reason"), CASES)
def test_a_suite_of_the_rust_project_ends_as_stated(
    suite: str, trace: str | None, exit_code: int, reason: str, tmp_path: Path
) -> None:
    root = vectors_dir() / "upstream"
    words: list[str | Path] = ["ci", "--config", root / suite]
    if trace is not None:
        words += ["--trace-file", root / trace]

    done = assay(*words, cwd=tmp_path)

    summary = json.loads((tmp_path / "summary.json").read_bytes())
    assert (done.exit_code, summary["reason_code"]) == (exit_code, reason), done.err
    assert json.loads((tmp_path / "run.json").read_bytes())["exit_code"] == exit_code


_RAG, _NEGATION, _PRECOMPUTE = "examples/rag-grounding", "examples/negation-safety", "tests/precompute"
MEANING = [
    ("ci-eval.yaml", "traces/ci.jsonl", 0, ""),
    (f"{_RAG}/eval.yaml", f"{_RAG}/traces/good.jsonl", 0, ""),
    (f"{_RAG}/eval.yaml", f"{_RAG}/traces/hallucination.jsonl", 1, "E_TEST_FAILED"),
    (f"{_RAG}/simple.yaml", f"{_RAG}/trace_simple_precomputed.jsonl", 0, ""),
    (f"{_RAG}/simple.yaml", f"{_RAG}/trace_simple.jsonl", 2, "E_EMBEDDER_MISSING"),
    (f"{_NEGATION}/simple.yaml", f"{_NEGATION}/trace_simple_precomputed.jsonl", 0, ""),
    (f"{_PRECOMPUTE}/eval.yaml", f"{_PRECOMPUTE}/trace_positive.jsonl", 0, ""),
    (f"{_PRECOMPUTE}/eval.yaml", f"{_PRECOMPUTE}/trace_negative.jsonl", 2, "E_EMBEDDER_MISSING"),
]


@pytest.mark.parametrize(("suite", "trace", "exit_code", "reason"), MEANING)
def test_a_suite_about_meaning_ends_as_stated(
    suite: str, trace: str, exit_code: int, reason: str, tmp_path: Path
) -> None:
    pytest.importorskip("assay_metric_embedding", reason="assay-metric-embedding is not installed here")
    root = vectors_dir() / "upstream"

    done = assay("ci", "--config", root / suite, "--trace-file", root / trace, "--deny", "network", cwd=tmp_path)

    summary = json.loads((tmp_path / "summary.json").read_bytes())
    assert (done.exit_code, summary["reason_code"]) == (exit_code, reason), done.err


def test_strict_replay_refuses_what_was_not_recorded(tmp_path: Path) -> None:
    pytest.importorskip("assay_metric_embedding", reason="assay-metric-embedding is not installed here")
    folder = vectors_dir() / "upstream" / _PRECOMPUTE
    words = ("--config", folder / "eval.yaml", "--embedder", "openai", "--replay-strict", "--trace-file")

    good = assay("run", *words, folder / "trace_positive.jsonl", cwd=tmp_path)
    bad = assay("run", *words, folder / "trace_negative.jsonl", cwd=tmp_path)

    assert (good.exit_code, bad.exit_code) == (0, 2), good.err + bad.err
    assert "E_REPLAY_STRICT_MISSING" in bad.err


@pytest.mark.parametrize(("suite", "trace", "exit_code", "reason"), MEANING[:2])
def test_without_the_plugin_a_suite_about_meaning_names_it(
    suite: str, trace: str, exit_code: int, reason: str, tmp_path: Path
) -> None:
    root = vectors_dir() / "upstream"
    (tmp_path / "pyproject.toml").write_text('[tool.assay.plugins]\ndeny = ["assay-metric-embedding"]\n')

    done = assay("ci", "--config", root / suite, "--trace-file", root / trace, cwd=tmp_path)

    assert done.exit_code == 2
    assert "semantic_similarity_to" in done.err
    assert "assay-metric-embedding" in done.err


@pytest.mark.parametrize(("suite", "trace", "exit_code", "reason"), CASES)
def test_validate_agrees_with_ci_on_every_suite(
    suite: str, trace: str | None, exit_code: int, reason: str, tmp_path: Path
) -> None:
    root = vectors_dir() / "upstream"
    words: list[str | Path] = ["validate", "--format", "json", "--config", root / suite]
    if trace is not None:
        words += ["--trace-file", root / trace]

    done = assay(*words, cwd=tmp_path)

    document = json.loads(done.out)
    assert (done.exit_code, document["reason_code"]) == (exit_code, reason), done.err
    assert not list(tmp_path.iterdir()), "validate writes nothing"
