"""What `assay trace precompute-judge` does: find what needs a verdict, ask, keep the answers in the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import attrs
import msgspec

from assay_core.analysis.episodes import installed_drivers, read_episodes
from assay_core.analysis.kept_results import KeptResults, open_kept_results
from assay_core.analysis.suite_checks import SuiteChecks, read_checks
from assay_core.commandline import Progress, sanitise, write_err
from assay_core.documents import open_atomic
from assay_core.errors import InputError, Place, UsageError
from assay_core.model import Episode, JsonValue
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
    services: Mapping[str, JsonValue]  # `judge` and its options, as a run lends them to its checks
    trace_format: str | None = None
    db: str | None = None
    target: Path | None = None  # where the trace with its verdicts goes
    refresh: bool = False
    quiet: bool = False


@attrs.define
class _Found:
    """The verdicts of a trace."""

    by_line: dict[int, _Verdicts] = attrs.field(factory=dict)
    sources: Counter[str] = attrs.field(factory=Counter)


def carry_out(job: Job) -> None:
    """Fill the store, write the trace where that is wanted, and say what was done.

    Raises:
        InputError: E_PATH_NOT_FOUND, E_TRACE_INVALID, E_TRACE_FORMAT, E_NO_CHECKS; what reading the suite raises.
        UsageError: E_JUDGE_MISSING, E_PLUGIN_MISSING, E_CREDENTIAL_MISSING, E_OUTPUT_IS_INPUT.
        ServiceError: what the judge and the store raise; verdicts given until then are kept.
    """
    if job.services.get("judge") == "none":
        raise UsageError(code="E_JUDGE_MISSING", message="--judge none judges nothing", remedy="name another")
    for path in (job.config, job.trace):
        if path is not None and not path.is_file():
            raise InputError(code="E_PATH_NOT_FOUND", message=f"there is no file {str(path)!r}")
    services = {**job.services, "judge_refresh": True} if job.refresh else job.services
    with open_kept_results(job.db) as kept:
        checks = read_checks(job.config, TYPES, services, cache=kept)
        _check_target(job, checks, kept)
        found = _ask(job, checks)
        counts = found.sources
        text = f"{counts['live']} verdict(s) given, {counts['cache']} were in the store, {counts['precomputed']}"
        _tell(job, f"{text} in the trace: {kept.path}")
        if job.target is not None:
            _write(job.trace, job.target, found.by_line)
            _tell(job, f"wrote {sum(map(len, found.by_line.values()))} verdict(s): {job.target}")


def _check_target(job: Job, checks: SuiteChecks, kept: KeptResults) -> None:
    """Refuse to overwrite what is read, and to fill a store that no run would look into."""
    if job.target is None:
        if not checks.suite.settings.cache:
            message = "settings.cache of this suite is false: no run would look for the verdicts in the store"
            raise UsageError(code="E_INVALID_ARGS", message=message, remedy="name --out-trace, or remove the setting")
        return
    for path in (checks.suite.path, kept.path):
        if path is not None and job.target.exists() and path.exists() and job.target.samefile(path):
            raise UsageError(code="E_OUTPUT_IS_INPUT", message=f"--out-trace would overwrite {str(path)!r}")


def _ask(job: Job, checks: SuiteChecks) -> _Found:
    """Return the verdicts about every episode; those that a judge gave are kept when this returns or fails."""
    found = _Found()
    source = FileSource(job.trace, checks.suite.settings.limits)
    episodes = read_episodes(source, drivers=installed_drivers(Path.cwd()), trace_format=job.trace_format)
    with Progress("episodes", quiet=job.quiet) as progress:
        for episode in episodes:
            prepared = [each for each in checks.of(episode) if isinstance(each, JudgeCheck)]
            for check in prepared if episode.response is not None else ():
                verdict = check.verdict(episode, ignore_recorded=job.refresh)
                found.sources[verdict.source] += 1
                if verdict.source != "precomputed" and job.target is not None:
                    written = {**verdict.as_json(), "source": "precomputed"}
                    found.by_line.setdefault(_line_of(episode), {})[check.rubric_id] = written
            progress.advance(1)
    return found


def _tell(job: Job, text: str) -> None:
    if not job.quiet:
        write_err(sanitise(text) + "\n")


def _line_of(episode: Episode) -> int:
    if episode.source.line is None:
        raise InputError(code="E_TRACE_FORMAT", message=f"the episode {episode.id!r} stands on no line")
    return episode.source.line


def _write(source: Path, target: Path, verdicts: Mapping[int, _Verdicts]) -> None:
    """Copy the trace line by line; of the lines with verdicts only `meta` is written anew."""
    with source.open("rb") as lines, open_atomic(target) as sink:
        for number, line in enumerate(lines, 1):
            if number not in verdicts:
                sink.write(line)
                continue
            end = line[len(line.rstrip(b"\r\n")) :]
            sink.write(_with_verdicts(line, verdicts[number], Place(str(source), number)) + end)


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
