"""A verdict: votes counted, as it is cached, recorded in traces and shown in reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import attrs
import msgspec

from assay_core.model import JsonObject, JsonValue, JudgeSettings
from assay_core.remote import without_keys

__all__ = ["Called", "NoRecordError", "Source", "Verdict", "called", "of_json"]

Called: TypeAlias = Literal["Pass", "Fail", "Abstain"]
Source: TypeAlias = Literal["live", "cache", "precomputed"]
_CALLED = ("Pass", "Fail", "Abstain")
_CLOSE = 1e-9


class NoRecordError(ValueError):
    """A recorded verdict that is none; the message says why."""


@attrs.frozen(kw_only=True)
class Verdict:
    """What a judge says of one response."""

    rubric_version: str
    passed: bool
    verdict: Called
    score: float  # the share of votes that passed
    source: Source
    samples: tuple[bool, ...] = ()
    rationale: str = ""  # of the first vote
    judge: str = ""  # the judge's id
    judge_seed: str | None = None  # as text: JSON readers lose digits
    swapped: bool = False  # the first vote saw the label `Response B`
    input_sha256: str = ""  # of rubric, prompt, response and context: tells a verdict about other texts

    def as_json(self) -> JsonObject:
        """Return the members under which verdicts are recorded, those of the Rust project first."""
        return {
            "rubric_version": self.rubric_version,
            "passed": self.passed,
            "verdict": self.verdict,
            "score": self.score,
            "source": self.source,
            "samples": list(self.samples),
            "extra_calls_used": max(len(self.samples) - 1, 0),
            "agreement": self.score,
            "rationale": self.rationale,
            "judge_seed": self.judge_seed,
            "swapped": self.swapped,
            "judge": self.judge,
            "input_sha256": self.input_sha256,
        }

    def as_bytes(self) -> bytes:
        """Return the verdict for a cache."""
        return msgspec.json.encode(self.as_json())


def called(score: float, settings: JudgeSettings) -> Called:
    """Return what a share of votes means: in the band it means nothing."""
    if settings.borderline_min - _CLOSE <= score <= settings.borderline_max + _CLOSE:
        return "Abstain"
    return "Pass" if score > settings.borderline_max else "Fail"


def of_json(value: JsonValue, source: Source) -> Verdict:
    """Read a recorded or cached verdict.

    Raises:
        NoRecordError: what is wrong with it. A verdict that is doubtful is not taken for one.
    """
    if not isinstance(value, Mapping):
        raise NoRecordError("it is no object")
    passed, score, word = value.get("passed"), value.get("score"), value.get("verdict")
    if not isinstance(passed, bool):
        raise NoRecordError("it has no member 'passed' that is true or false")
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not 0.0 <= score <= 1.0:
        raise NoRecordError("its 'score' is no number from 0 to 1")
    if word is not None and word not in _CALLED:
        raise NoRecordError(f"its 'verdict' is none of {', '.join(_CALLED)}")
    samples = value.get("samples")
    votes = tuple(each for each in samples if isinstance(each, bool)) if isinstance(samples, list) else ()
    seed = value.get("judge_seed")
    return Verdict(
        rubric_version=_text(value, "rubric_version"),
        passed=passed,
        verdict="Abstain" if word == "Abstain" else "Pass" if passed else "Fail",
        score=float(score),
        source=source,
        samples=votes,
        rationale=without_keys(_text(value, "rationale"))[:1_000],
        judge=_text(value, "judge"),
        judge_seed=str(seed) if isinstance(seed, (str, int)) and not isinstance(seed, bool) else None,
        swapped=value.get("swapped") is True,
        input_sha256=_text(value, "input_sha256"),
    )


def _text(value: Mapping[str, JsonValue], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""
