"""What `assay trace precompute-embeddings` does: find the texts, embed them in batches, write the trace anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import attrs
import msgspec

from assay_core.commandline import Progress, sanitise, write_err
from assay_core.contracts import Embedder, Importer, ImportReport
from assay_core.documents import open_atomic
from assay_core.errors import InputError, Place, UsageError
from assay_core.model import Episode, JsonValue, Limits
from assay_core.plugins.drivers import load
from assay_core.trace import FileSource
from assay_metric_embedding.partial import Partial
from assay_metric_embedding.semantic_tests import SemanticTests
from assay_metric_embedding.vectors import recorded, sha256_hex, unpack

__all__ = ["Job", "carry_out"]

_encode = msgspec.json.Encoder().encode


@attrs.frozen(kw_only=True)
class Job:
    """What the command line asks for."""

    trace: Path
    config: Path
    embedder: str
    model: str | None = None
    target: Path
    batch: int = 64
    refresh: bool = False
    quiet: bool = False


@attrs.frozen(kw_only=True)
class _Wanted:
    """One record that needs vectors."""

    line: int
    response: str
    references: tuple[str, ...]


def carry_out(job: Job) -> None:
    """Write the trace with vectors, and say what was done.

    Raises:
        InputError: E_PATH_NOT_FOUND, E_TRACE_INVALID, E_TRACE_FORMAT; what reading the suite raises.
        UsageError: E_PLUGIN_MISSING, E_CREDENTIAL_MISSING.
        ServiceError: what the embedder raises; what was embedded until then is kept for the next time.
    """
    if job.embedder == "none":
        raise UsageError(code="E_EMBEDDER_MISSING", message="--embedder none embeds nothing", remedy="name another")
    for path in (job.config, job.trace):
        if not path.is_file():
            raise InputError(code="E_PATH_NOT_FOUND", message=f"there is no file {str(path)!r}")
    tests = SemanticTests.read(job.config)
    options = {"model": job.model} if job.model is not None else None
    embedder = cast("Embedder", load("assay.embedders", job.embedder, options))
    wanted, kept = _find(job, tests)
    texts = dict.fromkeys(text for each in wanted for text in (each.response, *each.references))
    with Partial(job.target, embedder.id) as partial:
        _embed([text for text in texts if text not in partial], embedder, partial, job)
        rows = {text: partial[text] for text in texts}
        _write(job, {each.line: each for each in wanted}, rows, embedder.id)
        partial.finish()
    if not job.quiet:
        records = f"{len(wanted)} record{'' if len(wanted) == 1 else 's'}"
        write_err(f"embedded {len(texts)} texts for {records}, {kept} had theirs: {sanitise(str(job.target))}\n")


def _find(job: Job, tests: SemanticTests) -> tuple[list[_Wanted], int]:
    """Return the records that need vectors, and how many have all they need."""
    wanted: list[_Wanted] = []
    kept = 0
    for episode in _episodes(job.trace):
        references = tests.references(episode)
        if not references or episode.response is None:
            continue
        if not job.refresh and all(recorded(episode, reference) for reference in references):
            kept += 1
        elif episode.source.line is None:
            raise InputError(code="E_TRACE_FORMAT", message=f"the episode {episode.id!r} stands on no line")
        else:
            wanted.append(_Wanted(line=episode.source.line, response=episode.response, references=references))
    return wanted, kept


def _episodes(path: Path) -> Iterator[Episode]:
    importer = cast("Importer", load("assay.importers", "jsonl"))
    return importer.read(FileSource(path, Limits()), ImportReport())


def _embed(texts: Sequence[str], embedder: Embedder, partial: Partial, job: Job) -> None:
    with Progress("texts", len(texts), quiet=job.quiet) as progress:
        for start in range(0, len(texts), job.batch):
            batch = texts[start : start + job.batch]
            partial.add(batch, embedder.embed(batch))
            progress.advance(len(batch))


def _write(job: Job, wanted: Mapping[int, _Wanted], rows: Mapping[str, bytes], model: str) -> None:
    """Copy the trace line by line; in the wanted lines only `meta` is written anew, all else byte for byte."""
    with job.trace.open("rb") as source, open_atomic(job.target) as sink:
        for number, line in enumerate(source, 1):
            each = wanted.get(number)
            if each is None:
                sink.write(line)
                continue
            end = line[len(line.rstrip(b"\r\n")) :]
            place = Place(str(job.trace), number)
            sink.write(_with_vectors(line, _vectors(each, rows, model), place) + end)


def _vectors(wanted: _Wanted, rows: Mapping[str, bytes], model: str) -> dict[str, JsonValue]:
    """Return `meta.assay.embeddings`; further references of one record stand under their digests."""
    first, *further = wanted.references
    vectors: dict[str, JsonValue] = {
        "model": model,
        "response": list(unpack(rows[wanted.response])),
        "reference": list(unpack(rows[first])),
        "source_response": "precomputed",
        "source_reference": "precomputed",
        "response_sha256": sha256_hex(wanted.response),
        "reference_sha256": sha256_hex(first),
    }
    if further:
        vectors["further_references"] = {sha256_hex(text): list(unpack(rows[text])) for text in further}
    return vectors


def _with_vectors(line: bytes, vectors: dict[str, JsonValue], place: Place) -> bytes:
    record = _members(line, "the record", place)
    meta = _members(record.get("meta"), "meta", place)
    ours = _members(meta.get("assay"), "meta.assay", place)
    ours["embeddings"] = msgspec.Raw(_encode(vectors))
    meta["assay"] = msgspec.Raw(_encode(ours))
    record["meta"] = msgspec.Raw(_encode(meta))
    return _encode(record)


def _members(raw: bytes | msgspec.Raw | None, what: str, place: Place) -> dict[str, msgspec.Raw]:
    """Return the members of an object with the bytes they were written in; none for null and for nothing at all."""
    if raw is None or bytes(raw).strip() == b"null":
        return {}
    try:
        return msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InputError(code="E_TRACE_INVALID", message=f"{what} is no JSON object", place=place) from None
