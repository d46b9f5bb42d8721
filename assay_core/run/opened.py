"""A trace opened for a command that is no run: its importer chosen, its episodes counted as they stream by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs

from assay_core.config import Defaults
from assay_core.contracts import ImportReport
from assay_core.errors import InputError, Place
from assay_core.model import Episode, Limits, Notice
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.drivers import Drivers
from assay_core.run.ingest import GROUP, Chosen, batches, choose_importer
from assay_core.trace import FileSource, open_source

__all__ = ["OpenedTrace", "open_trace", "project_drivers"]

# Labels that files and scripts of the Rust project use for what one importer reads here.
_LABELS = dict.fromkeys(
    ("inspector", "mcp-inspector", "mcp-inspector@v1", "jsonrpc", "streamable-http", "http-sse", "sse-legacy"), "mcp"
)


@attrs.define(kw_only=True)
class OpenedTrace:
    """A trace whose episodes can be read once."""

    source: FileSource
    chosen: Chosen
    report: ImportReport = attrs.field(factory=ImportReport)
    episodes: int = 0
    tool_calls: int = 0

    @property
    def importer(self) -> str:
        """The importer's name and distribution, for people."""
        return f"{self.chosen.record.name} ({self.chosen.record.distribution})"

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What was noticed while the importer was chosen."""
        return self.chosen.notices

    def read(self) -> Iterator[Episode]:
        """Yield the episodes and count them.

        Raises:
            InputError: what the importer says of the trace; E_TRACE_EMPTY, at the end, where there was none.
            PluginFault: the importer broke.
        """
        for batch in batches(self.chosen, self.source, self.report):
            for episode in batch:
                self.episodes += 1
                self.tool_calls += len(episode.tool_calls)
                yield episode
        if not self.episodes:
            name = self.source.name
            raise InputError(code="E_TRACE_EMPTY", message=f"{name} holds no episode", place=Place(name))


def project_drivers() -> Drivers:
    """Return the drivers that the project in this folder allows."""
    return Drivers(Catalogue.scan(), Defaults.read(Path.cwd()).plugins)


def open_trace(
    path: str,
    trace_format: str | None,
    drivers: Drivers,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> OpenedTrace:
    """Open a trace; `-` is standard input. The format is an importer's name or a label of the Rust project.

    Raises:
        InputError: E_TRACE_NOT_FOUND, E_TRACE_FORMAT.
        AssayError: what loading the importer raises.
    """
    if trace_format in _LABELS and not any(each.name == trace_format for each in drivers.catalogue.records(GROUP)):
        trace_format = _LABELS[trace_format]
    source = open_source(path, limits)
    return OpenedTrace(source=source, chosen=choose_importer(drivers, source, trace_format))
