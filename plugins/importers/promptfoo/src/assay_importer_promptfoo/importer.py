"""The importer of results of promptfoo."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from assay_core.contracts import BinarySource, ImportReport
from assay_core.errors import InputError, Place
from assay_core.model import Episode
from assay_core.trace import RecordError
from assay_importer_promptfoo.documents import read_rows
from assay_importer_promptfoo.rows import read_row
from assay_importer_promptfoo.sniffing import likelihood

__all__ = ["PromptfooImporter"]

_EXCERPT = 160


class PromptfooImporter:
    """Reads results of promptfoo: JSON and JSONL."""

    formats: tuple[str, ...] = ("promptfoo",)

    def sniff(self, head: bytes) -> int:
        """Tell how sure it is, 0 to 100, that bytes starting like this are such results. Never raises."""
        return likelihood(head)

    def read(self, source: BinarySource, report: ImportReport) -> Iterator[Episode]:
        """Yield one episode a result. Repetitions of one test with one prompt are numbered.

        Raises:
            InputError: E_TRACE_INVALID or E_TRACE_LIMIT, naming the line.
        """
        seen: dict[str, int] = {}
        for number, row in enumerate(read_rows(source, report), 1):
            try:
                episode = read_row(row, source.name, number, report)
            except RecursionError as error:
                message = f"line {row.line}: the result is too deep"
                raise InputError(code="E_TRACE_LIMIT", message=message, place=Place(source.name, row.line)) from error
            except (RecordError, msgspec.MsgspecError) as error:
                start = row.text[:_EXCERPT].split(b"\n")[0].decode("utf-8", "replace")
                place = Place(source.name, row.line, 0, start)
                message = f"line {row.line}: {error}"
                raise InputError(code="E_TRACE_INVALID", message=message, place=place) from error
            attempt = seen[episode.id] = seen.get(episode.id, 0) + 1
            report.records += 1
            yield episode if attempt == 1 else msgspec.structs.replace(episode, id=f"{episode.id}:{attempt}")
