"""Reads text in which every line is a tool's name, a space, and its arguments in JSON."""

from __future__ import annotations

from collections.abc import Iterator

from assay_core.contracts import BinarySource, ImportReport
from assay_core.model import Episode, Event, SourcePlace, ToolCall
from assay_core.trace import check_strict, invalid_line, iter_lines

__all__ = ["ExampleImporter"]

_MAGIC = b"#example"


class ExampleImporter:
    """One episode per file; its first line is `#example`."""

    formats = ("example",)

    def sniff(self, head: bytes) -> int:
        """Tell whether the first line is the one that this format begins with."""
        return 100 if head.split(b"\n", 1)[0].strip() == _MAGIC else 0

    def read(self, source: BinarySource, report: ImportReport) -> Iterator[Episode]:
        """Yield the episode.

        Raises:
            InputError: E_TRACE_INVALID or E_TRACE_LIMIT, naming the line.
        """
        events: list[Event] = []
        for number, line in iter_lines(source):
            if not line.strip() or line.startswith(b"#"):
                continue
            report.records += 1
            tool, _, args = line.strip().partition(b" ")
            if not args.startswith(b"{"):
                raise invalid_line(line, number, source, "a line is a tool, a space and an object of arguments")
            check_strict(args, number, source)
            if not tool.isascii():
                raise invalid_line(line, number, source, "the tool's name is not ASCII")
            events.append(
                ToolCall(index=len(events), tool=tool.decode("ascii"), args_json=args, outcome="ok", line=number)
            )
        if events:
            yield Episode(id=source.name, prompt="ignore", events=tuple(events), source=SourcePlace(source.name, 1))
