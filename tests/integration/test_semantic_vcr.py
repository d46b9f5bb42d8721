"""The Rust project's workload with recorded answers of a provider (`tests/fixtures/perf/semantic_vcr`).

Its cassettes are not read as files, on purpose: no command of that project ever plays them back (its VCR clients are a
library feature that `run` and `ci` never construct), and they answer requests that nobody sends. The judge's request
holds a prompt of its own, without rubric and seed, and asks for `score` and `reason`; a verdict needs `passed`. To
match it to ours by its text would be a made-up verdict. What the provider *answered* is real, though: a server of the
test gives those very answers, so that both drivers read what the provider sent, byte for byte as recorded.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.e2e.command import Finished, assay
from tests.vectors import vectors_dir

for _package in ("assay_importer_jsonl", "assay_metric_embedding", "assay_metric_judge"):
    pytest.importorskip(_package, reason=f"{_package.replace('_', '-')} is not installed here")


@attrs.frozen
class Provider:
    """A server that answers as the cassettes say."""

    url: str
    asked: list[str]  # the paths of the requests


@pytest.fixture
def folder() -> Path:
    return vectors_dir() / "upstream" / "tests" / "fixtures" / "perf" / "semantic_vcr"


def cassettes(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the recordings by the end of their address, each with the name that its request gives it."""
    found = [json.loads(path.read_bytes()) for path in sorted(folder.rglob("cassettes/*/*/*.json"))]
    return {each["url"].removeprefix("https://api.openai.com/v1"): each for each in found}


@pytest.fixture
def provider(folder: Path) -> Iterator[Provider]:
    recorded, asked = cassettes(folder), []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            path = self.path.removeprefix("/v1")
            asked.append(path)
            cassette = recorded[path]
            texts = body.get("input", [])
            known = body["model"] == cassette["request_body"]["model"] and set(texts) <= {
                cassette["request_body"].get("input")
            }
            data = json.dumps(cassette["response_body"] if known else {}).encode()
            self.send_response(cassette["status"] if known else 404)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield Provider(f"http://127.0.0.1:{server.server_port}/v1", asked)
    server.shutdown()
    server.server_close()


def run(folder: Path, here: Path, *words: str, url: str = "") -> tuple[Finished, dict[str, Any]]:
    files = ("--config", folder / "eval_semantic_vcr.yaml", "--trace-file", folder / "trace_semantic_vcr.jsonl")
    done = assay("run", *files, *words, cwd=here, environment={"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": url})
    return done, json.loads((here / "run.json").read_bytes())


def rows(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["test_id"]: row for row in document["results"]}


def test_without_services_each_test_says_what_is_missing(folder: Path, tmp_path: Path) -> None:
    done, document = run(folder, tmp_path)

    assert done.exit_code == 2
    assert document["reason_code"] in ("E_EMBEDDER_MISSING", "E_JUDGE_MISSING")
    told = {code for code in ("E_EMBEDDER_MISSING", "E_JUDGE_MISSING") if code in done.err}
    assert told == {"E_EMBEDDER_MISSING", "E_JUDGE_MISSING"}


def test_the_recorded_embedding_decides_and_is_then_replayed_strictly(
    folder: Path, tmp_path: Path, provider: Provider
) -> None:
    words = ("--embedder", "openai", "--embedding-model", "text-embedding-3-small")
    _, live = run(folder, tmp_path, *words, url=provider.url)
    asked = len(provider.asked)

    _, strict = run(folder, tmp_path, *words, "--replay-strict", url=provider.url)

    for document in (live, strict):
        row = rows(document)["semantic_vcr_1"]
        details = row["details"]["metrics"]["semantic_similarity_to"]["details"]
        assert (row["status"], details["dims"]) == ("pass", 1536)
        assert details["score"] == pytest.approx(1.0)
    assert provider.asked == ["/embeddings"] * asked
    assert asked == 1, "response and reference are one text, which is asked for once"


def test_the_recorded_answer_of_the_judge_is_no_verdict(folder: Path, tmp_path: Path, provider: Provider) -> None:
    (cassette,) = [each for path, each in cassettes(folder).items() if path == "/chat/completions"]
    said = cassette["response_body"]["choices"][0]["message"]["content"]

    done, document = run(folder, tmp_path, "--judge", "openai", "--embedder", "openai", url=provider.url)

    assert '"score"' in said
    assert "passed" not in said, "otherwise this test has to run it"
    row = rows(document)["judge_vcr_1"]
    assert (done.exit_code, document["reason_code"], row["status"]) == (3, "E_JUDGE_UNAVAILABLE", "error")
    assert "no member 'passed'" in row["message"]
    assert set(provider.asked) == {"/chat/completions", "/embeddings"}
