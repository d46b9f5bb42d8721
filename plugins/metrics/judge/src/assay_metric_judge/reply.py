"""What a judge answered, read strictly: one JSON object with a boolean `passed`, or it is no verdict."""

from __future__ import annotations

import attrs

from assay_core.documents.strict_json import StrictJsonError, decode_strict
from assay_core.model import JsonObject
from assay_core.remote import without_keys

__all__ = ["SCHEMA", "NoVerdictError", "Vote", "read_vote"]

SCHEMA: JsonObject = {
    "type": "object",
    "properties": {"passed": {"type": "boolean"}, "rationale": {"type": "string"}},
    "required": ["passed", "rationale"],
    "additionalProperties": False,
}
_RATIONALE = 1_000  # characters kept
_LONGEST = 64 * 1024


class NoVerdictError(ValueError):
    """The answer is no verdict; the message says why, without quoting it."""


@attrs.frozen(kw_only=True)
class Vote:
    """One answer of a judge."""

    passed: bool
    rationale: str = ""


def read_vote(text: str) -> Vote:
    """Return the vote in an answer. A code fence around the object is taken off; text beside it is refused.

    Looking for the first `{` in an answer would let a judge that quotes the candidate vote with the quotation.

    Raises:
        NoVerdictError: it is anything but one JSON object with a boolean `passed`.
    """
    if len(text) > _LONGEST:
        raise NoVerdictError("it is too long")
    body = text.strip()
    if body.startswith("```") and body.endswith("```") and "\n" in body:
        first, _, rest = body.partition("\n")
        if first[3:].strip().lower() in ("", "json"):
            body = rest[:-3].strip()
    try:
        value = decode_strict(body.encode("utf-8", "surrogatepass"), max_depth=8)
    except StrictJsonError as error:
        raise NoVerdictError(f"it is not one JSON value ({error})") from None
    if not isinstance(value, dict):
        raise NoVerdictError("it is no JSON object")
    passed, rationale = value.get("passed"), value.get("rationale")
    if not isinstance(passed, bool):
        raise NoVerdictError("it has no member 'passed' that is true or false")
    if rationale is not None and not isinstance(rationale, str):
        raise NoVerdictError("its rationale is no text")
    return Vote(passed=passed, rationale=without_keys(rationale or "")[:_RATIONALE])
