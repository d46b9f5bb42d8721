"""What `assay trace precompute-embeddings` does: find the texts, embed them in batches, keep them in the store."""

from __future__ import annotations

from pathlib import Path

import attrs

from assay_core.analysis.episodes import installed_drivers, read_episodes
from assay_core.analysis.kept_results import KeptResults, open_kept_results
from assay_core.analysis.suite_checks import SuiteChecks, read_checks
from assay_core.cache import embedding_key
from assay_core.commandline import Progress, sanitise, write_err
from assay_core.errors import InputError, UsageError
from assay_core.model import Episode, JsonValue
from assay_core.trace import FileSource
from assay_metric_embedding.embedding import TextVectors
from assay_metric_embedding.recording import Wanted, write_trace
from assay_metric_embedding.results import EachEpisode
from assay_metric_embedding.vectors import recorded

__all__ = ["TYPES", "Job", "carry_out"]

TYPES = ("nearest_known_bad", "nearest_known_good", "novelty_of_arguments", "semantic_similarity_to")


@attrs.frozen(kw_only=True)
class Job:
    """What the command line asks for."""

    trace: Path
    config: Path | None
    embedder: str
    model: str | None = None
    trace_format: str | None = None
    db: str | None = None
    target: Path | None = None  # where the trace with its vectors goes
    batch: int = 64
    refresh: bool = False
    quiet: bool = False


@attrs.define
class _Needed:
    """What a run over the trace will look up."""

    texts: dict[str, dict[str, None]] = attrs.field(factory=dict)  # by embedder, each text once, in their order
    embedders: dict[str, TextVectors] = attrs.field(factory=dict)
    records: list[Wanted] = attrs.field(factory=list)  # that semantic_similarity_to needs vectors for
    with_vectors: int = 0  # records that bring along all they need

    def add(self, check: EachEpisode, texts: tuple[str, ...]) -> None:
        model = check.vectors.model
        self.embedders.setdefault(model, check.vectors)
        self.texts.setdefault(model, {}).update(dict.fromkeys(texts))


def carry_out(job: Job) -> None:
    """Fill the store, write the trace where that is wanted, and say what was done.

    Raises:
        InputError: E_PATH_NOT_FOUND, E_TRACE_INVALID, E_TRACE_FORMAT, E_NO_CHECKS; what reading the suite raises.
        UsageError: E_PLUGIN_MISSING, E_CREDENTIAL_MISSING, E_OUTPUT_IS_INPUT.
        ServiceError: what the embedder and the store raise; what was embedded until then is kept.
    """
    if job.embedder == "none":
        raise UsageError(code="E_EMBEDDER_MISSING", message="--embedder none embeds nothing", remedy="name another")
    for path in (job.config, job.trace):
        if path is not None and not path.is_file():
            raise InputError(code="E_PATH_NOT_FOUND", message=f"there is no file {str(path)!r}")
    given: dict[str, JsonValue] = {"embedder": job.embedder, "embedding_model": job.model}
    services = {key: value for key, value in given.items() if value is not None}
    if job.refresh:
        services["refresh_embeddings"] = True
    with open_kept_results(job.db) as kept:
        checks = read_checks(job.config, TYPES, services, cache=kept)
        _check_target(job, checks, kept)
        needed = _find(job, checks)
        live = _embed(needed, job)
        texts = sum(map(len, needed.texts.values()))
        _tell(job, f"embedded {live} of {texts} text{_s(texts)}, {texts - live} were there: {kept.path}")
        if job.target is not None:
            write_trace(job.trace, job.target, needed.records, lambda model, text: _row(kept, model, text))
            count = len(needed.records)
            _tell(
                job, f"wrote the vectors of {count} record{_s(count)}, {needed.with_vectors} had theirs: {job.target}"
            )


def _check_target(job: Job, checks: SuiteChecks, kept: KeptResults) -> None:
    """Refuse to overwrite what is read, and to fill a store that no run would look into."""
    if job.target is None:
        if not checks.suite.settings.cache:
            message = "settings.cache of this suite is false: no run would look for the vectors in the store"
            raise UsageError(code="E_INVALID_ARGS", message=message, remedy="name --out-trace, or remove the setting")
        return
    for path in (checks.suite.path, kept.path):
        if path is not None and job.target.exists() and path.exists() and job.target.samefile(path):
            message = f"--out-trace would overwrite {str(path)!r}"
            raise UsageError(code="E_OUTPUT_IS_INPUT", message=message)


def _find(job: Job, checks: SuiteChecks) -> _Needed:
    """Read the trace and collect what its checks will look up."""
    needed = _Needed()
    for test in checks.tests:
        for planned in test.checks:
            if isinstance(check := planned.prepared, EachEpisode):
                needed.add(check, check.known)
    source = FileSource(job.trace, checks.suite.settings.limits)
    for episode in read_episodes(source, drivers=installed_drivers(Path.cwd()), trace_format=job.trace_format):
        _look_at(episode, [each for each in checks.of(episode) if isinstance(each, EachEpisode)], needed, job)
    return needed


def _look_at(episode: Episode, checks: list[EachEpisode], needed: _Needed, job: Job) -> None:
    compared = [each for each in checks if each.reference is not None]
    if compared and not job.refresh and all(recorded(episode, each.reference or "") for each in compared):
        needed.with_vectors += 1
        checks = [each for each in checks if each.reference is None]
        compared = []
    for check in checks:
        needed.add(check, tuple(check.texts(episode)))
    if not any(check.texts(episode) for check in compared):
        return
    if episode.source.line is None and job.target is not None:
        raise InputError(code="E_TRACE_FORMAT", message=f"the episode {episode.id!r} stands on no line")
    references = tuple(dict.fromkeys(each.reference or "" for each in compared))
    needed.records.append(
        Wanted(
            line=episode.source.line or 0,
            response=episode.response or "",
            references=references,
            model=compared[0].vectors.model,
        )
    )


def _embed(needed: _Needed, job: Job) -> int:
    """Embed what is not kept yet, and return how many texts that were."""
    live = 0
    total = sum(map(len, needed.texts.values()))
    with Progress("texts", total, quiet=job.quiet) as progress:
        for model, of_model in needed.texts.items():
            texts = tuple(of_model)
            for start in range(0, len(texts), job.batch):
                rows = needed.embedders[model].embed(texts[start : start + job.batch])
                live += sum(row.origin == "live" for row in rows)
                progress.advance(len(rows))
    return live


def _row(kept: KeptResults, model: str, text: str) -> bytes:
    row = kept.get(embedding_key(model, text))
    if row is None:
        raise InputError(code="E_EMBEDDING_INVALID", message="a vector was taken out of the store meanwhile")
    return row


def _tell(job: Job, text: str) -> None:
    if not job.quiet:
        write_err(sanitise(text) + "\n")


def _s(count: int) -> str:
    return "" if count == 1 else "s"
