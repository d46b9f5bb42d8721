"""From an episode to a verdict: recorded in the trace, else cached, else asked for, as far as the run allows it."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import cast

import attrs

from assay_core.cache import judge_key
from assay_core.contracts import CheckContext, Judge
from assay_core.documents.strict_json import StrictJsonError, decode_strict
from assay_core.errors import InputError, ServiceError, UsageError
from assay_core.model import Episode, Expectation, JsonValue
from assay_metric_judge.prompt import Case, write_prompt
from assay_metric_judge.reply import SCHEMA, NoVerdictError, Vote, read_vote
from assay_metric_judge.rubrics import Rubric
from assay_metric_judge.verdict import NoRecordError, Verdict, called, of_json
from assay_metric_judge.voting import collect, most_votes

__all__ = ["Asking", "Deferred"]

_ASKS_PER_VOTE = 3  # an answer that is no verdict is asked for again under another seed
_SEEDS = 2**63
_OPTIONS = {
    "judge_model": "model",
    "judge_base_url": "base_url",
    "judge_temperature": "temperature",
    "judge_max_tokens": "max_tokens",
}


class Deferred(Exception):
    """There is no verdict, and this command leaves the episode to `assay run`: no error."""


class Asking:
    """Gives verdicts about one rubric. Safe in threads."""

    def __init__(
        self,
        rubric: Rubric,
        expectation: Expectation,
        context: CheckContext,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; no judge is loaded before one is needed."""
        self._rubric = rubric
        self._expectation = expectation
        self._context = context
        self._clock = clock
        samples = context.services.get("judge_samples")
        settings = context.settings.judge
        self.settings = attrs.evolve(settings, samples=samples) if isinstance(samples, int) else settings
        self._judge: Judge | None = None
        self._lock = threading.Lock()

    @property
    def may_wait(self) -> bool:
        """Whether this run may ask a judge at all."""
        return bool(self._name) and not self._context.defers and not self._is_strict

    @property
    def rubric_id(self) -> str:
        """The name under which verdicts are recorded."""
        return self._rubric.id

    def verdict(self, episode: Episode, *, ignore_recorded: bool = False) -> Verdict:
        """Return the verdict about an episode: recorded in it unless that is ignored, cached, or asked for.

        Raises:
            Deferred: `assay validate`, and there is no verdict.
            InputError: E_REPLAY_STRICT_MISSING, E_JUDGE_MISSING; E_TRACE_INVALID for a broken recorded verdict.
            UsageError: E_NEEDS_NETWORK under `--deny network`; what the judge raises about its options and key.
            ServiceError: what the judge raises; E_JUDGE_UNAVAILABLE where its answers are no verdicts; E_TIMEOUT.
        """
        case = Case(
            prompt=episode.prompt or "",
            response=episode.response or "",
            context=self._expectation.context or episode.context,
        )
        seed = self._seed()
        input_sha256 = self._rubric.digest(case.prompt, case.response, *case.context)
        if not ignore_recorded and (recorded := self._recorded(episode, input_sha256)) is not None:
            return recorded
        name = self._name
        if not name:
            raise self._missing(episode)
        judge = self._load(name)
        key = self._key(judge, write_prompt(self._rubric, case, self.settings, seed), seed)
        if not self._context.services.get("judge_refresh") and (cached := self._cached(key)) is not None:
            return cached
        if self._context.defers or self._is_strict:
            raise self._missing(episode)
        if self._context.offline and "network" in judge.needs:
            message = f"{self._what} asks the judge {name!r} over the network, which this run denies"
            raise UsageError(code="E_NEEDS_NETWORK", message=message, place=self._expectation.place)
        verdict = self._ask(judge, case, seed, input_sha256)
        self._context.cache.put(key, verdict.as_bytes())
        return verdict

    @property
    def _what(self) -> str:
        return f"test {self._expectation.test_id!r}: {self._expectation.type}"

    @property
    def _name(self) -> str:
        name = self._context.services.get("judge")
        return name if isinstance(name, str) and name != "none" else ""

    @property
    def _is_strict(self) -> bool:
        return bool(self._context.services.get("replay_strict"))

    def _seed(self) -> int:
        """Return the seed of this test and rubric: 63 bits."""
        parts = (str(self._context.seed), self._expectation.test_id, self._rubric.id)
        return int(_sha256("\x00".join(parts))[:16], 16) >> 1

    def _recorded(self, episode: Episode, input_sha256: str) -> Verdict | None:
        """Return what the trace records, unless it says itself that it is about another version or another text."""
        assay = episode.meta.get("assay")
        verdicts = assay.get("judge") if isinstance(assay, Mapping) else None
        if not isinstance(verdicts, Mapping):
            return None
        for name in (self._rubric.id, *self._rubric.further_ids):
            if name not in verdicts:
                continue
            try:
                verdict = of_json(verdicts[name], "precomputed")
            except NoRecordError as error:
                where = f"{episode.source.file}:{episode.source.line or 1}"
                message = f"{where}: meta.assay.judge.{name} of episode {episode.id!r} is no verdict: {error}"
                remedy = "record it again with `assay trace precompute-judge`"
                raise InputError(
                    code="E_TRACE_INVALID", message=message, remedy=remedy, place=self._expectation.place
                ) from None
            if verdict.rubric_version in ("", self._rubric.version) and verdict.input_sha256 in ("", input_sha256):
                return verdict
        return None

    def _missing(self, episode: Episode) -> Exception:
        about = f"{self._what} needs a verdict about episode {episode.id!r}"
        recorded = f"meta.assay.judge.{self._rubric.id}"
        if self._is_strict:
            message = f"{about}: {recorded} is not recorded, and --replay-strict asks nobody"
            remedy = "record it with `assay trace precompute-judge`, or drop --replay-strict"
            return InputError(
                code="E_REPLAY_STRICT_MISSING", message=message, remedy=remedy, place=self._expectation.place
            )
        if self._context.defers:
            return Deferred()
        message = f"{about}: {recorded} is not recorded, and no judge was named"
        return InputError(code="E_JUDGE_MISSING", message=message, place=self._expectation.place)

    def _load(self, name: str) -> Judge:
        with self._lock:
            if self._judge is None:
                services = self._context.services
                options = {option: services[key] for key, option in _OPTIONS.items() if key in services}
                self._judge = cast("Judge", self._context.driver("assay.judges", name, options or None))
            return self._judge

    def _key(self, judge: Judge, prompt: str, seed: int) -> str:
        services = self._context.services
        return judge_key(
            judge.id,
            self._rubric.id,
            self._rubric.version,
            *(json.dumps(services.get(key)) for key in ("judge_temperature", "judge_max_tokens")),
            str(most_votes(self.settings)),
            _sha256(prompt),
            json.dumps(attrs.asdict(self.settings)),
            str(seed),
        )

    def _cached(self, key: str) -> Verdict | None:
        """Return a cached verdict; one that cannot be read is asked for again."""
        value = self._context.cache.get(key)
        if value is None:
            return None
        try:
            return of_json(decode_strict(value), "cache")
        except (NoRecordError, StrictJsonError):
            return None

    def _ask(self, judge: Judge, case: Case, seed: int, input_sha256: str) -> Verdict:
        budget = self._context.settings.timeout_s
        deadline = self._clock() + budget - min(budget / 10, 1.0)  # before the core stops waiting
        first: list[Vote] = []

        def vote(number: int) -> bool:
            vote_seed = (seed + number) % _SEEDS
            prompt = write_prompt(self._rubric, case, self.settings, vote_seed)
            answer = self._one_vote(judge, prompt, vote_seed, deadline)
            first[:] = first or [answer]
            return answer.passed

        votes = collect(self.settings, vote)
        score = sum(votes) / len(votes)
        word = called(score, self.settings)
        return Verdict(
            rubric_version=self._rubric.version,
            passed=word == "Pass",
            verdict=word,
            score=score,
            source="live",
            samples=votes,
            rationale=first[0].rationale,
            judge=judge.id,
            judge_seed=str(seed),
            swapped=self.settings.blind_labeling and self.settings.order_randomized and bool(seed % 2),
            input_sha256=input_sha256,
        )

    def _one_vote(self, judge: Judge, prompt: str, seed: int, deadline: float) -> Vote:
        schema: JsonValue = dict(SCHEMA)
        problem = ""
        for attempt in range(_ASKS_PER_VOTE):
            left = deadline - self._clock()
            if left <= 0:
                message = f"{self._what}: the judge took longer than settings.timeout_seconds lets it"
                raise ServiceError(code="E_TIMEOUT", message=message)
            answer = judge.ask(prompt, schema, (seed + attempt * 1_000_003) % _SEEDS, timeout_s=left)
            try:
                return read_vote(answer)
            except NoVerdictError as error:
                problem = str(error)
        message = f"{self._what}: {_ASKS_PER_VOTE} answers of the judge were no verdict: {problem}"
        raise ServiceError(code="E_JUDGE_UNAVAILABLE", message=message)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
