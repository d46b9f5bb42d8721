"""Texts that Inspect stores apart: an event then holds `attachment://<digest>` in the place of a long text."""

from __future__ import annotations

import msgspec

from assay_core.contracts import ImportReport
from assay_core.model import JsonValue
from assay_core.trace import value_of
from assay_importer_inspect.strict import LimitError, members_of, one_line

__all__ = ["Attachments"]

_PROTOCOL = "attachment://"
_encode = msgspec.json.Encoder().encode


class Attachments:
    """The texts of one sample. What is put back in their places may not be larger than a sample may be."""

    def __init__(self, raw: msgspec.Raw | None, report: ImportReport, limit: int) -> None:
        self._texts = {name: value_of(text) for name, text in members_of(raw, "'attachments'").items()}
        self._report = report
        self._left = limit

    def put_back(self, raw: msgspec.Raw | bytes) -> bytes:
        """Return the JSON with its texts; the very tokens that were read where none was stored apart.

        Raises:
            LimitError: the texts are too large.
        """
        data = bytes(raw)
        if _PROTOCOL.encode() not in data:
            return one_line(data)
        return _encode(self._walk(value_of(raw)))

    def text(self, value: JsonValue) -> JsonValue:
        """Return a value with its texts."""
        return self._walk(value)

    def _walk(self, value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            return self._text_of(value) if value.startswith(_PROTOCOL) else value
        if isinstance(value, dict):
            return {name: self._walk(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._walk(inner) for inner in value]
        return value

    def _text_of(self, reference: str) -> str:
        text = self._texts.get(reference.removeprefix(_PROTOCOL))
        if not isinstance(text, str):
            self._report.drop("text stored apart that the log does not have")
            return reference
        self._left -= len(text)
        if self._left < 0:
            raise LimitError("the texts that are stored apart are too large when they are put back")
        return text
