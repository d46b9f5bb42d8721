"""File names as URIs that SARIF viewers can follow."""

from __future__ import annotations

import os
from urllib.parse import quote

from assay_core.model import SourcePlace

__all__ = ["ROOT", "Locator"]

ROOT = "SRCROOT"
_SAFE = "/!$&'()*+,;=@~"  # what RFC 3986 lets stand in a path; the colon is left out, it would make a scheme
_URI_LENGTH = 4096


class Locator:
    """Turns file names into URIs: relative ones under the working directory, `file:` URIs elsewhere.

    Args:
        root: The working directory of the run.
        prefix: What is put before a relative path, "" or ending in a slash.
        fallback: The file that is shown where a finding has none: viewers want a place for everything.
    """

    def __init__(self, *, root: str, prefix: str, fallback: str) -> None:
        self._root = root
        self._prefix = prefix
        self._fallback = fallback
        self._known: dict[str, tuple[str, str | None]] = {}

    def place(self, source: SourcePlace | None) -> tuple[str, str | None, int]:
        """Return URI, URI base id (None for absolute URIs) and line, at least 1."""
        if source is None:
            return (*self.uri(self._fallback), 1)
        return (*self.uri(source.file), max(source.line or 1, 1))

    def uri(self, file: str) -> tuple[str, str | None]:
        """Return the URI of a file and its base id. Files are looked up by name only, never touched."""
        found = self._known.get(file)
        if found is None:
            found = self._known[file] = self._make(file)
        return found

    def _make(self, file: str) -> tuple[str, str | None]:
        if file.startswith("<"):  # "<stdin>", "<memory>": no file at all
            return _quoted(file), None
        absolute = os.path.normpath(os.path.join(self._root, file))  # noqa: PTH118 - lexical: names may be hostile
        relative = os.path.relpath(absolute, self._root).replace(os.sep, "/")
        if relative == ".." or relative.startswith("../"):
            return "file://" + _quoted(absolute.replace(os.sep, "/")), None
        return self._prefix + _quoted(relative), ROOT


def _quoted(path: str) -> str:
    """Percent-encode a path. Bytes that are no UTF-8 keep their value; lone surrogates become `?`."""
    try:
        raw = path[:_URI_LENGTH].encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = path[:_URI_LENGTH].encode("utf-8", "replace")
    return quote(raw, safe=_SAFE)
