"""What a judge is asked: the two rubrics that come with assay, and criteria that a suite brings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import attrs

from assay_core.errors import InputError
from assay_core.model import Expectation, JsonValue

__all__ = ["CUSTOM", "Rubric", "criteria_rubric", "named_rubric"]

CUSTOM = "custom"  # the id under which the Rust project records verdicts about criteria
_TEXTS = {
    "faithfulness": (
        "The response is faithful: every claim it makes follows from the input or from the contextual details. "
        "A claim that is true in the world but stands in neither does not pass. A response that says it does not "
        "know makes no claim."
    ),
    "relevance": (
        "The response is relevant: it addresses what the input asks, and all of it. A response that is correct but "
        "about something else, or that leaves out what was asked for, does not pass."
    ),
}


@attrs.frozen(kw_only=True)
class Rubric:
    """One question to a judge."""

    id: str  # names the verdict in a trace: `meta.assay.judge.<id>`
    version: str
    text: str
    further_ids: tuple[str, ...] = ()  # other names under which a verdict may be recorded

    def digest(self, *texts: str) -> str:
        """Return 64 hexadecimal digits over the rubric and the texts that it is applied to."""
        parts = json.dumps([self.text, self.version, *texts])  # ASCII, and no two lists give the same text
        return hashlib.sha256(parts.encode()).hexdigest()


def named_rubric(name: str, version: str) -> Rubric:
    """Return a rubric of assay."""
    return Rubric(id=name, version=version, text=_TEXTS[name])


def criteria_rubric(written: JsonValue, version: str, expectation: Expectation) -> Rubric:
    """Return the rubric of a criterion: a sentence, or a mapping from names to sentences that must all hold.

    Its id holds 12 digits of a digest, so that a verdict about another wording is never taken for it.

    Raises:
        InputError: E_CFG_VACUOUS for blank criteria, E_CFG_PARSE for anything but texts.
    """
    if isinstance(written, str):
        named: Mapping[str, JsonValue] = {"": written}
    elif isinstance(written, Mapping):
        named = written
    else:
        message = "judge_criteria: write a sentence, or a mapping from names to sentences"
        raise InputError(code="E_CFG_PARSE", message=message, place=expectation.place)
    lines = []
    for name, sentence in named.items():
        if sentence is not None and not isinstance(sentence, str):
            message = f"judge_criteria: the criterion {name!r} is no text"
            raise InputError(code="E_CFG_PARSE", message=message, place=expectation.place)
        if not sentence or not any(map(str.isalnum, sentence)):
            raise _vacuous(expectation)
        lines.append(f"- {name}: {sentence.strip()}" if name else sentence.strip())
    if not lines:
        raise _vacuous(expectation)
    head = "The response passes only if all of this holds of it:\n" if len(lines) > 1 else ""
    text = head + "\n".join(lines)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return Rubric(id=f"{CUSTOM}-{digest}", version=version, text=text, further_ids=(CUSTOM,))


def _vacuous(expectation: Expectation) -> InputError:
    return InputError(
        code="E_CFG_VACUOUS",
        message="judge_criteria: the criterion is blank, so a judge would have nothing to refuse",
        remedy="say in a sentence what has to hold of the response",
        place=expectation.place,
    )
