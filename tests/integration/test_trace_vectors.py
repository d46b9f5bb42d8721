"""The traces of the interoperability vectors, read by the jsonl importer."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from assay_core.contracts import ImportReport
from assay_core.errors import InputError
from assay_core.model import Episode, ResourceEvent
from assay_core.testing.importers import MemorySource
from assay_core.trace import FileSource, write_episodes
from tests.vectors import vectors_dir

# path under upstream/ -> for each episode: id, prompt, response (None where it is long), tools called
TRACES: dict[str, list[tuple[str, str, str | None, list[str]]]] = {
    "tests/fixtures/golden/trace.jsonl": [("test_golden_1", "calls tool", "Tool done.", ["fake_tool"])],
    "tests/fixtures/perf/trace_small.jsonl": [
        ("ep1", "p1", "OK", []), ("ep2", "p2", "result", []), ("ep3", "p3", "Done", ["tool_a"]),
        ("ep4", "p4", "done", []), ("ep5", "p5", "ok", []),
    ],
    "tests/fixtures/perf/semantic_vcr/trace_semantic_vcr.jsonl": [
        ("ev1", "semantic_vcr_prompt_1", "Reference text for similarity.", []),
        ("ev2", "judge_vcr_prompt_1", "The answer is faithful to the source.", []),
    ],
    "traces/ci.jsonl": [
        ("ci_1", "ci_regex", "hello   ci", []), ("ci_2", "ci_schema", '{"answer":"ok"}', []),
        ("ci_3", "ci_semantic", "Hello Semantic", []),
    ],
    "tests/fixtures/mcp/edge_case.trace.jsonl": [
        ("edge_case", "<mcp:session>", '{"content":[{"text":"Done","type":"text"}]}',
         ["valid_tool", "complex_tool", "orphan_request"]),
    ],
    "demo/fixtures/traces/safe.jsonl": [("line-1", "ignore", "ok", ["read_file"])],
    "demo/fixtures/traces/unsafe.jsonl": [("line-1", "ignore", "failed", ["exec"])],
    "examples/baseline-gate/traces/run.jsonl": [("gate_check_1", "hello", "hello world", [])],
    "examples/negation-safety/traces/safe-response.jsonl": [("safety_1", "safety_bleach_ammonia", None, [])],
    "examples/negation-safety/traces/unsafe-response.jsonl": [("safety_2", "safety_bleach_ammonia", None, [])],
    "examples/negation-safety/trace_simple.jsonl": [("ns_1", "Mag ik bleek en ammoniak mengen?", None, [])],
    "examples/negation-safety/trace_simple_bad.jsonl": [("ns_bad_1", "Mag ik bleek en ammoniak mengen?", None, [])],
    "examples/rag-grounding/traces/good.jsonl": [
        ("rag_good_1", "rag_grounding_q1_semantic", None, []), ("rag_good_2", "rag_grounding_q1_contains", None, []),
        ("rag_good_3", "rag_grounding_q1_nohalluc", None, []),
    ],
    "tests/precompute/trace_input.jsonl": [("test-1", "Say hello", "Hello world", [])],
    "tests/precompute/trace_output.jsonl": [("test-1", "Say hello", "Hello world", [])],
    "scripts/ci/fixtures/coverage/input_basic.jsonl": [
        ("input_basic", "ignore", None, ["read_document", "web_search_alt", "web_search", "unknown_tool_x"]),
    ],
    "scripts/ci/fixtures/coverage/input_tool_name_fallback.jsonl": [
        ("input_tool_name_fallback", "ignore", None, ["read_document", "web_search_alt", "web_search"]),
    ],
}  # fmt: skip


def read(path: Path) -> list[Episode]:
    importer = pytest.importorskip("assay_importer_jsonl").JsonlImporter()
    assert importer.sniff(path.read_bytes()[: 64 * 1024]) >= 50
    return list(importer.read(FileSource(path), ImportReport()))


@pytest.mark.parametrize("name", TRACES)
def test_trace_reads_as_expected(name: str) -> None:
    episodes = read(vectors_dir() / "upstream" / name)

    assert [
        (each.id, each.prompt, each.response if expected[2] else None, [call.tool for call in each.tool_calls])
        for each, expected in zip(episodes, TRACES[name], strict=True)
    ] == TRACES[name]
    assert all(each.complete for each in episodes)


@pytest.mark.parametrize("name", TRACES)
def test_trace_reads_the_same_from_what_was_written(name: str) -> None:
    episodes = read(vectors_dir() / "upstream" / name)
    first, second = io.BytesIO(), io.BytesIO()

    write_episodes(episodes, first)
    importer = pytest.importorskip("assay_importer_jsonl").JsonlImporter()
    write_episodes(importer.read(MemorySource(first.getvalue()), ImportReport()), second)

    assert second.getvalue() == first.getvalue()


def test_call_without_an_answer_has_that_outcome() -> None:
    (episode,) = read(vectors_dir() / "upstream/tests/fixtures/mcp/edge_case.trace.jsonl")

    assert [(call.tool, call.call_id, call.outcome) for call in episode.tool_calls] == [
        ("valid_tool", "step_000-0", "ok"),
        ("complex_tool", "step_002-0", "ok"),
        ("orphan_request", "step_001-0", "no_response"),
    ]


def test_precomputed_embeddings_stay_in_meta() -> None:
    (episode,) = read(vectors_dir() / "upstream/examples/negation-safety/trace_simple_precomputed.jsonl")

    assert episode.meta["assay"]["embeddings"]["model"] == "demo-3d"  # type: ignore[call-overload, index]  # JSON


def test_learning_events_are_resource_events() -> None:
    folder = vectors_dir() / "upstream/crates/assay-cli/tests/golden"
    for path in sorted(folder.rglob("*.jsonl")):
        if path.parent.name == "empty":
            continue
        (episode,) = read(path)
        assert len(episode.events) == len(path.read_bytes().splitlines())
        assert all(isinstance(event, ResourceEvent) for event in episode.events)


def test_file_that_holds_only_a_comment_has_no_episode() -> None:
    importer = pytest.importorskip("assay_importer_jsonl").JsonlImporter()
    report = ImportReport()

    source = FileSource(vectors_dir() / "upstream/crates/assay-cli/tests/golden/empty/input.jsonl")

    assert list(importer.read(source, report)) == []
    assert report.dropped == {"comment line": 1}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("crates/assay-core/tests/fixtures/otel_genai_trace.jsonl", "neither a prompt nor a tool"),
        ("scripts/ci/fixtures/coverage/decision_event_basic.jsonl", "'assay.tool.decision' is unknown"),
        ("scripts/ci/fixtures/coverage/input_missing_tool_fields.jsonl", "neither a prompt nor a tool"),
        ("tests/fixtures/mandate/sample_mandate_events.jsonl", "'assay.mandate.v1' is unknown"),
    ],
)
def test_file_of_another_kind_is_an_error_with_its_line(name: str, message: str) -> None:
    importer = pytest.importorskip("assay_importer_jsonl").JsonlImporter()
    path = vectors_dir() / "upstream" / name

    with pytest.raises(InputError, match=message) as caught:
        list(importer.read(FileSource(path), ImportReport()))

    assert caught.value.code == "E_TRACE_INVALID"
    assert caught.value.place is not None
    assert caught.value.place.line == 1
    assert importer.sniff(path.read_bytes()) <= 20
