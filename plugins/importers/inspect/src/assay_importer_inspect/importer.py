"""The importer of logs of Inspect."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from assay_core.contracts import BinarySource, ImportReport
from assay_core.documents.strict_json import StrictJsonError
from assay_core.errors import InputError, Place
from assay_core.model import Episode
from assay_core.trace import RecordError
from assay_importer_inspect.archive import Archive, open_archive
from assay_importer_inspect.log import read_log, samples_of
from assay_importer_inspect.samples import Header, read_header, read_sample
from assay_importer_inspect.sniffing import is_archive, likelihood
from assay_importer_inspect.strict import LimitError, count_dropped, members_of, quoted, refused, strict

__all__ = ["InspectImporter"]

_HEADERS = ("header.json", "_journal/start.json")  # the second is all that a log has whose run was cut off
_FAULTS = (RecordError, LimitError, msgspec.MsgspecError, RecursionError)


class InspectImporter:
    """Reads logs of Inspect (inspect_ai): `.eval` files and JSON logs."""

    formats: tuple[str, ...] = ("inspect",)

    def sniff(self, head: bytes) -> int:
        """Tell how sure it is, 0 to 100, that bytes starting like this are such a log. Never raises."""
        return likelihood(head)

    def read(self, source: BinarySource, report: ImportReport) -> Iterator[Episode]:
        """Yield one episode a sample and epoch.

        Raises:
            InputError: E_TRACE_INVALID, E_TRACE_LIMIT or E_TRACE_DUPLICATE, naming the line or the archive's member.
        """
        with source.open() as stream:
            archive = is_archive(stream.read(4))
        seen: set[str] = set()
        for episode in _of_archive(source, report) if archive else _of_log(source, report):
            if episode.id in seen:
                message = f"the log holds the sample {episode.test_id!r} twice at the same epoch"
                place = Place(source.name, episode.source.line or 0)
                raise InputError(code="E_TRACE_DUPLICATE", message=message, place=place)
            seen.add(episode.id)
            report.records += 1
            yield episode


def _of_archive(source: BinarySource, report: ImportReport) -> Iterator[Episode]:
    with source.open() as stream:
        archive = open_archive(stream, source)
        names = list(archive.names())
        found = next((name for name in _HEADERS if name in names), None)
        if found is None:
            message = "the archive is no log of Inspect: it has no header.json"
            raise InputError(code="E_TRACE_INVALID", message=message, place=Place(source.name))
        try:
            header = read_header(members_of(_member(archive, found, source, report), found))
        except _FAULTS as error:
            raise _fault(source, f"{found}: {error}", None, error) from error
        _note_status(header, report)
        for name in names:
            if not name.startswith("samples/") or not name.endswith(".json"):
                if name not in _HEADERS:
                    count_dropped(report, f"file {_kind_of(name)}")
                continue
            text = _member(archive, name, source, report)
            try:
                yield read_sample(text, header, source, report, line=None, member=name)
            except _FAULTS as error:
                raise _fault(source, f"{name}: {error}", None, error) from error


def _of_log(source: BinarySource, report: ImportReport) -> Iterator[Episode]:
    log = read_log(source, report)
    line = 1
    try:
        header = read_header(log.members)
        _note_status(header, report)
        for name in log.members:
            if name not in ("version", "status", "eval", "samples"):
                count_dropped(report, f"member {name!r} of the log")
        for sample in samples_of(log, source):
            line = sample.line
            yield read_sample(sample.text, header, source, report, line=line, member=None)
    except _FAULTS as error:
        raise _fault(source, f"line {line}: {error}", line, error) from error


def _member(archive: Archive, name: str, source: BinarySource, report: ImportReport) -> bytes:
    """Return a member that is strict JSON."""
    data = quoted(archive.read(name), report)
    try:
        strict(data, source)
    except StrictJsonError as error:
        raise refused(source, data, error, member=name) from error
    return data


def _note_status(header: Header, report: ImportReport) -> None:
    if header.status != "success":
        report.notes.append(f"the run ended with the status {header.status[:40]!r}: samples may be missing")


def _kind_of(name: str) -> str:
    """Return a name for the report: the files of the journal are one kind, strange ones another."""
    if name.startswith("_journal/"):
        return "_journal"
    return name if name in ("summaries.json", "reductions.json") else "of another name"


def _fault(source: BinarySource, message: str, line: int | None, error: Exception) -> InputError:
    code = "E_TRACE_LIMIT" if isinstance(error, (LimitError, RecursionError)) else "E_TRACE_INVALID"
    return InputError(code=code, message=message, place=Place(source.name, line or 0))
