"""From a trace file to batches of episodes, through the importer that knows its format."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from itertools import islice

import attrs

from assay_core.contracts import BinarySource, Importer, ImportReport
from assay_core.errors import AssayError, InputError, UsageError
from assay_core.model import Episode, Notice
from assay_core.plugins import guard
from assay_core.plugins.drivers import Drivers
from assay_core.plugins.record import PluginRecord

__all__ = ["Chosen", "Trace", "batches", "choose_importer", "notices_of"]

GROUP = "assay.importers"
_HEAD_BYTES = 64 * 1024
_MARKS = (  # UTF-32 first: in little endian its mark begins with that of UTF-16
    (codecs.BOM_UTF8, "UTF-8"), (codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"),
)  # fmt: skip
_BATCH_EPISODES = 1_024
_KINDS_NAMED = 8  # of what an importer leaves out; `assay import` lists all
_BATCH_EVENTS = 8_192  # whichever comes first: memory grows with the largest episode, not with the file


@attrs.frozen(kw_only=True)
class Chosen:
    """The importer of a run."""

    importer: Importer
    record: PluginRecord
    notices: tuple[Notice, ...] = ()


@attrs.frozen(kw_only=True)
class Trace:
    """A trace and who reads it; can be read more than once."""

    source: BinarySource
    chosen: Chosen


def choose_importer(drivers: Drivers, source: BinarySource, trace_format: str | None) -> Chosen:
    """Return the importer the user named, else the only one that is surest of the content.

    Raises:
        UsageError: E_PLUGIN_MISSING, E_TRACE_FORMAT with the candidates.
        AssayError: what loading the named importer raises.
    """
    if trace_format is not None:
        importer: Importer = drivers.load(GROUP, trace_format)  # type: ignore[assignment]  # drivers checks the contract
        return Chosen(importer=importer, record=drivers.record(GROUP, trace_format))
    with source.open() as stream:
        head = stream.read(_HEAD_BYTES)
    candidates: list[tuple[int, PluginRecord, Importer]] = []
    notices: list[Notice] = []
    for record in drivers.catalogue.records(GROUP):
        try:
            importer = drivers.load(GROUP, record.qualified_name)  # type: ignore[assignment]  # drivers checks the contract
            with guard.stage(record, f"importer {record.name}: sniff"):
                candidates.append((importer.sniff(head), record, importer))
        except AssayError as error:  # nobody named this importer, so it cannot break the run; but it is said
            notices.append(
                Notice(code="W_TRACE_DROPPED", message=f"importer {record.name!r} was not asked: {error.message}")
            )
    if all(likelihood <= 0 for likelihood, _, _ in candidates) and (encoding := _foreign_encoding(head)):
        raise InputError(
            code="E_TRACE_FORMAT",
            message=f"{source.name!r} {encoding}; a trace is UTF-8 without a byte order mark",
            remedy="write the trace again as UTF-8 without a byte order mark",
        )
    return _surest(candidates, source, tuple(notices))


def _foreign_encoding(head: bytes) -> str:
    """Say which encoding other than plain UTF-8 the first bytes show, "" for none."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return f"begins with the byte order mark of {name}"
    if head[:1] and b"\x00" in head[:4]:
        return "has zero bytes where text should be, as the encodings UTF-16 and UTF-32 have"
    return ""


def _surest(
    candidates: Sequence[tuple[int, PluginRecord, Importer]], source: BinarySource, notices: tuple[Notice, ...]
) -> Chosen:
    if not candidates:
        raise UsageError(
            code="E_PLUGIN_MISSING",
            message="no importer is installed, so no trace can be read",
            remedy="pip install assay-importer-jsonl",
        )
    ranked = sorted(candidates, key=lambda each: (-each[0], each[1].name, each[1].dist))
    best = [each for each in ranked if each[0] == ranked[0][0]]
    if ranked[0][0] <= 0 or len(best) > 1:
        why = "more than one importer claims" if ranked[0][0] > 0 else "no installed importer knows"
        names = ", ".join(each[1].name for each in (best if ranked[0][0] > 0 else ranked))
        raise InputError(code="E_TRACE_FORMAT", message=f"{why} the format of {source.name!r} (candidates: {names})")
    return Chosen(importer=best[0][2], record=best[0][1], notices=notices)


def batches(chosen: Chosen, source: BinarySource, report: ImportReport) -> Iterator[Sequence[Episode]]:
    """Yield the episodes of a trace, a bounded number at a time.

    Raises:
        InputError: what the importer says of the trace.
        PluginFault: the importer broke.
    """
    stage = f"importer {chosen.record.name}: read"
    with guard.stage(chosen.record, stage):
        episodes = iter(chosen.importer.read(source, report))
    while True:
        batch: list[Episode] = []
        events = 0
        with guard.stage(chosen.record, stage):
            for episode in islice(episodes, _BATCH_EPISODES):
                batch.append(episode)
                events += len(episode.events)
                if events >= _BATCH_EVENTS:
                    break
        if not batch:
            return
        yield batch


def notices_of(report: ImportReport) -> Iterator[Notice]:
    """Say what the importer left out, in one notice however many kinds there are."""
    if report.dropped:
        kinds = [f"{what}: {count} time(s)" for what, count in sorted(report.dropped.items())]
        more = f"; and {len(kinds) - _KINDS_NAMED} more kinds" if len(kinds) > _KINDS_NAMED else ""
        text = f"the importer left out {'; '.join(kinds[:_KINDS_NAMED])}{more}"
        yield Notice(code="W_TRACE_DROPPED", message=text)
    for note in report.notes:
        yield Notice(code="W_TRACE_DROPPED", message=note)
