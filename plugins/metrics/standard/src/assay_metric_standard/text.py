"""`must_contain`, `must_not_contain`, `regex_match`, `regex_not_match`: what the response says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import attrs

from assay_core.contracts import CheckContext
from assay_core.model import Episode, Expectation, MetricResult
from assay_core.policy import LinearRegex, linear_regex
from assay_metric_standard.preparing import Deterministic, EachEpisode, options_of, vacuous
from assay_metric_standard.verdict import finding_at, held, quoted, violated

__all__ = [
    "ContainOptions",
    "MustContain",
    "MustNotContain",
    "NotContainOptions",
    "RegexMatch",
    "RegexNotMatch",
    "RegexOptions",
]

_Fault: TypeAlias = tuple[str, str]  # code and message


@attrs.frozen(kw_only=True)
class ContainOptions:
    """Options of `must_contain`."""

    must_contain: tuple[str, ...] = ()  # every one of these texts, case-sensitive


@attrs.frozen(kw_only=True)
class NotContainOptions:
    """Options of `must_not_contain`."""

    must_not_contain: tuple[str, ...] = ()  # none of these texts, case-sensitive


@attrs.frozen(kw_only=True)
class RegexOptions:
    """Options of `regex_match` and `regex_not_match`."""

    pattern: str  # searched for anywhere in the response
    flags: tuple[Literal["i", "m", "s"], ...] = ()  # ignore case · `^` and `$` at line ends · `.` matches line ends


class MustContain(Deterministic):
    """The response contains every one of some texts."""

    types: Mapping[str, type[object]] = {"must_contain": ContainOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> EachEpisode:  # noqa: ARG002 - contract
        """Refuse an empty list and empty texts: they hold for every response."""
        options = options_of(expectation, ContainOptions)
        _refuse_empty(expectation, options.must_contain)
        return _about_response("must_contain", lambda text: _missing(text, options.must_contain))


class MustNotContain(Deterministic):
    """The response contains none of some texts."""

    types: Mapping[str, type[object]] = {"must_not_contain": NotContainOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> EachEpisode:  # noqa: ARG002 - contract
        """Refuse an empty list, which holds for every response, and empty texts, which are in every response."""
        options = options_of(expectation, NotContainOptions)
        _refuse_empty(expectation, options.must_not_contain)
        return _about_response("must_not_contain", lambda text: _present(text, options.must_not_contain))


class RegexMatch(Deterministic):
    """A regular expression is found in the response."""

    types: Mapping[str, type[object]] = {"regex_match": RegexOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> EachEpisode:  # noqa: ARG002 - contract
        """Compile the expression with the linear-time engine."""
        regex = _compiled(expectation)
        if _matches_everything(regex):
            text = f"{quoted(regex.pattern)} matches the empty text, and so every response"
            raise vacuous(expectation, text, "write a pattern that some response does not match")
        fault = ("E_REGEX_NO_MATCH", f"the response does not match {quoted(regex.pattern)}")
        return _about_response("regex_match", lambda text: None if regex.search(text) else fault)


class RegexNotMatch(Deterministic):
    """A regular expression is not found in the response."""

    types: Mapping[str, type[object]] = {"regex_not_match": RegexOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> EachEpisode:  # noqa: ARG002 - contract
        """Compile the expression with the linear-time engine."""
        regex = _compiled(expectation)
        fault = ("E_REGEX_FORBIDDEN", f"the response matches {quoted(regex.pattern)}")
        return _about_response("regex_not_match", lambda text: fault if regex.search(text) else None)


def _about_response(rule: str, find: Callable[[str], _Fault | None]) -> EachEpisode:
    """Return a check of the response. An episode without one is a violation: nothing holds of what is not there."""

    def judge(episode: Episode) -> MetricResult:
        if episode.response is None:
            fault: _Fault | None = ("E_RESPONSE_MISSING", "the episode records no response")
        else:
            fault = find(episode.response)
        if fault is None:
            return held()
        code, message = fault
        return violated(message, [finding_at(episode, code, message, rule=rule)])

    return EachEpisode(judge)


def _missing(text: str, needles: Sequence[str]) -> _Fault | None:
    missing = [needle for needle in needles if needle not in text]
    return ("E_TEXT_MISSING", f"missing substring: {_all_quoted(missing)}") if missing else None


def _present(text: str, needles: Sequence[str]) -> _Fault | None:
    present = [needle for needle in needles if needle in text]
    return ("E_TEXT_FORBIDDEN", f"forbidden substring present: {_all_quoted(present)}") if present else None


def _all_quoted(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - 3} more" if len(texts) > 3 else ""
    return ", ".join(map(quoted, texts[:3])) + more


def _refuse_empty(expectation: Expectation, needles: Sequence[str]) -> None:
    if not needles:
        raise vacuous(expectation, "the list is empty, so that the check could never fail", "list at least one text")
    if "" in needles:
        raise vacuous(expectation, "an empty text is contained in every response", "delete the empty text")


def _matches_everything(regex: LinearRegex) -> bool:
    r"""Tell whether a pattern plainly matches every text, since it matches the empty one.

    What matches the empty text matches at the start, or the end, of any other too, unless it is tied to both
    (`^$`) or to what stands there (`\b`): such patterns count as able to fail.
    """
    pattern = regex.pattern
    tied_to_start, tied_to_end = ("^" in pattern or r"\A" in pattern), ("$" in pattern or r"\z" in pattern)
    tied_to_words = any(mark in pattern for mark in (r"\b", r"\B", r"\<", r"\>"))
    return not (tied_to_words or (tied_to_start and tied_to_end)) and regex.search("")


def _compiled(expectation: Expectation) -> LinearRegex:
    options = options_of(expectation, RegexOptions)
    if not options.pattern:
        raise vacuous(expectation, "the empty pattern matches every response", "write a pattern")
    return linear_regex(options.pattern, "".join(options.flags), place=expectation.place)
