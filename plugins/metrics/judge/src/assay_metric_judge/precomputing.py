"""What `assay trace precompute-judge` does: find what needs a verdict, ask, write the trace anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import attrs
import msgspec

from assay_core.analysis.suite_checks import read_checks
from assay_core.commandline import write_err
from assay_core.commandline.progress import Progress
from assay_core.contracts import Importer, ImportReport
from assay_core.documents import open_atomic
from assay_core.errors import InputError, Place, UsageError
from assay_core.model import Episode, JsonValue, Limits
from assay_core.plugins.drivers import load
from assay_core.trace import FileSource
from assay_metric_judge.metrics import JudgeCheck

__all__ = ["TYPES", "Job", "carry_out"]

TYPES = ("faithfulness", "judge_criteria", "relevance")
_encode = msgspec.json.Encoder().encode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_Verdicts = dict[str, JsonValue]


@attrs.frozen(kw_only=True)
class Job:
    """What the command line asks for."""

    trace: Path
    config: Path | None
    target: Path
    services: Mapping[str, JsonValue]  # `judge` and its options, as a run lends them to its checks
    refresh: bool = False
    quiet: bool = False


def carry_out(job: Job) -> None:
    """Write the trace with verdicts, and say what was done.

    Raises:
        InputError: E_PATH_NOT_FOUND, E_TRACE_INVALID, E_TRACE_FORMAT; what reading the suite raises.
        UsageError: E_JUDGE_MISSING, E_PLUGIN_MISSING, E_CREDENTIAL_MISSING.
        ServiceError: what the judge raises; the trace is then left as it was.
    """
    if job.services.get("judge") == "none":
        raise UsageError(code="E_JUDGE_MISSING", message="--judge none judges nothing", remedy="name another")
    for path in (job.config, job.trace):
        if path is not None and not path.is_file():
            raise InputError(code="E_PATH_NOT_FOUND", message=f"there is no file {str(path)!r}")
    checks = read_checks(job.config, TYPES, job.services)
    verdicts: dict[int, _Verdicts] = {}
    asked = kept = 0
    with Progress("episodes", quiet=job.quiet) as progress:
        for episode in _episodes(job.trace, checks.suite.settings.limits):
            prepared = [each for each in checks.of(episode) if isinstance(each, JudgeCheck)]
            for check in prepared if episode.response is not None else ():
                verdict = check.verdict(episode, ignore_recorded=job.refresh)
                if verdict.source == "precomputed":
                    kept += 1
                    continue
                asked += 1
                written = {**verdict.as_json(), "source": "precomputed"}
                verdicts.setdefault(_line_of(episode), {})[check.rubric_id] = written
            progress.advance(1)
    if verdicts or job.target != job.trace:
        _write(job, verdicts)
    if not job.quiet:
        write_err(f"wrote {asked} verdict(s), {kept} were there: {job.target}\n")


def _episodes(path: Path, limits: Limits) -> Iterator[Episode]:
    importer = cast("Importer", load("assay.importers", "jsonl"))
    return importer.read(FileSource(path, limits), ImportReport())


def _line_of(episode: Episode) -> int:
    if episode.source.line is None:
        raise InputError(code="E_TRACE_FORMAT", message=f"the episode {episode.id!r} stands on no line")
    return episode.source.line


def _write(job: Job, verdicts: Mapping[int, _Verdicts]) -> None:
    """Copy the trace line by line; of the lines with verdicts only `meta` is written anew."""
    with job.trace.open("rb") as source, open_atomic(job.target) as sink:
        for number, line in enumerate(source, 1):
            if number not in verdicts:
                sink.write(line)
                continue
            end = line[len(line.rstrip(b"\r\n")) :]
            sink.write(_with_verdicts(line, verdicts[number], Place(str(job.trace), number)) + end)


def _with_verdicts(line: bytes, verdicts: _Verdicts, place: Place) -> bytes:
    """Merge the verdicts into `meta.assay.judge`, leaving every other member as it stands."""
    members = _members(line, "the record", place)
    meta = _members(members.get("meta"), "meta", place)
    assay = _members(meta.get("assay"), "meta.assay", place)
    judge = _members(assay.get("judge"), "meta.assay.judge", place)
    judge.update({name: msgspec.Raw(_encode(verdict)) for name, verdict in verdicts.items()})
    assay["judge"] = msgspec.Raw(_encode(judge))
    meta["assay"] = msgspec.Raw(_encode(assay))
    members["meta"] = msgspec.Raw(_encode(meta))
    return _encode(members)


def _members(data: bytes | msgspec.Raw | None, what: str, place: Place) -> dict[str, msgspec.Raw]:
    if data is None or bytes(data) == b"null":
        return {}
    try:
        return _decode_members(data)
    except msgspec.DecodeError:
        raise InputError(code="E_TRACE_INVALID", message=f"{what} is no object", place=place) from None
