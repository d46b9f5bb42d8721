"""The decision log: CloudEvents, one a line, each naming the digest of the one before it."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import glob
import hashlib
import os
import secrets
import stat
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from assay_core.errors import AssayError, ServiceError, UsageError
from assay_core.model import JsonValue
from assay_enforcer_mcp.log.records import DecisionRecord, LogFailure, OutcomeRecord, Record

__all__ = ["DecisionLog", "NoLog", "default_path"]

_encode = msgspec.json.Encoder().encode
_FIRST = "sha256:" + "0" * 64  # what the first event of a file names
_TAIL_BYTES = 1 << 20
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe must not hang


class NoLog:
    """Records nothing: `--decision-log none`."""

    def append(self, records: Sequence[Record]) -> None:
        """Record nothing."""

    def close(self) -> None:
        """Nothing is open."""


class DecisionLog:
    """Appends to one file, which no other process appends to meanwhile.

    A block of records is written in one call; a block that did not get in whole is taken out again, so that a full
    disk leaves whole lines only.
    """

    def __init__(
        self, path: Path, *, source: str, policy_digest: str, sync: bool = False, contents: bool = False,
        rotate_bytes: int | None = None,
    ) -> None:  # fmt: skip
        self.path = path
        self.policy_digest = policy_digest
        self._source = source
        self._sync = sync
        self._contents = contents
        self._rotate_bytes = rotate_bytes
        self._writing = threading.Lock()
        self._descriptor = _open(path)
        self._size, self._last = _resume(self._descriptor, path)
        if not self._size:
            self._last = _last_of_rotated(path)

    def append(self, records: Sequence[Record]) -> None:
        """Write records, all or none; see `DecisionSink`."""
        with self._writing:
            if self._rotate_bytes is not None and self._size > self._rotate_bytes:
                self._rotate()
            lines, last = [], self._last
            for record in records:
                try:
                    line = self._line(record, last)
                except (UnicodeEncodeError, msgspec.MsgspecError) as reason:
                    raise LogFailure("a record cannot be written as JSON") from reason
                last = "sha256:" + hashlib.sha256(line[:-1]).hexdigest()
                lines.append(line)
            self._write(b"".join(lines))
            self._last = last

    def close(self) -> None:
        """Close the file."""
        with self._writing:
            os.close(self._descriptor)

    def _write(self, data: bytes) -> None:
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
            if self._sync:
                os.fdatasync(self._descriptor)
        except OSError as reason:
            if written:
                with contextlib.suppress(OSError):  # then the next process finds a line without its end
                    os.ftruncate(self._descriptor, self._size)
            raise LogFailure((reason.strerror or type(reason).__name__).lower()) from reason
        self._size += len(data)

    def _rotate(self) -> None:
        """Move the full file aside; a new one continues the chain."""
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.{number}")).exists():
            number += 1
        try:
            self.path.rename(aside)
            descriptor = _open(self.path)
        except (OSError, AssayError) as reason:
            raise LogFailure(f"cannot rotate {str(self.path)!r}") from reason
        os.close(self._descriptor)
        self._descriptor, self._size = descriptor, 0

    def _line(self, record: Record, last: str) -> bytes:
        kind, data = self._event(record)
        event: dict[str, JsonValue] = {
            "specversion": "1.0",
            "id": f"evt_{kind}_{secrets.token_hex(16)}",
            "type": f"assay.{'tool' if kind != 'frame' else 'mcp'}.{kind}",
            "source": self._source,
            "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
            "datacontenttype": "application/json",
            "assayprev": last,
            "data": data,
        }
        return _encode(event) + b"\n"

    def _event(self, record: Record) -> tuple[str, dict[str, JsonValue]]:
        if isinstance(record, DecisionRecord):
            return "decision", self._decision(record)
        if isinstance(record, OutcomeRecord):
            data = _filled(
                tool=record.tool, tool_call_id=record.call_id, outcome=record.outcome, reason_code=record.code,
                reason=record.reason,
            )  # fmt: skip
            data |= {"duration_ms": round(record.duration_ms, 3), "response_bytes": record.response_bytes}
            if self._contents and record.result_json is not None:
                data["result"] = msgspec.Raw(record.result_json)
            return "outcome", data
        return "frame", _filled(
            event=record.event, direction=record.direction, reason=record.reason, message=record.message,
            digest=record.digest,
        )  # fmt: skip

    def _decision(self, record: DecisionRecord) -> dict[str, JsonValue]:
        data = _filled(
            tool=record.tool,
            decision=record.decision,
            reason_code=record.code or "P_POLICY_ALLOW",
            tool_call_id=record.call_id,
            reason=record.reason,
            matched_rule=record.rule,
            policy_digest=self.policy_digest,
            request_digest=record.line_digest,
            forwarded_digest=record.forwarded_digest,
        )
        if record.request_id is not None:
            data["request_id"] = record.request_id
        if record.would_deny:
            data["would_deny"] = True
        if record.tool_classes:
            data["tool_classes"] = list(record.tool_classes)
        if record.obligations:
            data["obligation_outcomes"] = [dict(each) for each in record.obligations]
        for name, value in record.detail.items():
            data.setdefault(name, value)
        if self._contents and record.args_json is not None:
            data["args"] = msgspec.Raw(record.args_json)
        return data


def default_path(label: str) -> Path:
    """Return where decisions go unless the user says otherwise: `$XDG_STATE_HOME/assay/decisions/<label>.jsonl`."""
    state = os.environ.get("XDG_STATE_HOME") or ""
    home = Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state"
    name = "".join(each if each.isascii() and (each.isalnum() or each in "._-") else "_" for each in label)[:100]
    return home / "assay" / "decisions" / f"{name.lstrip('.') or 'server'}.jsonl"


def _filled(**members: str) -> dict[str, JsonValue]:
    return {name: value for name, value in members.items() if value}


def _open(path: Path) -> int:
    """Open a log for this process alone.

    Raises:
        ServiceError: E_IO.
        UsageError: E_INVALID_ARGS where another process writes it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(
            path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600
        )
    except OSError as reason:
        why = (reason.strerror or type(reason).__name__).lower()
        raise ServiceError(code="E_IO", message=f"cannot open the decision log {str(path)!r}: {why}") from reason
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        raise ServiceError(code="E_IO", message=f"cannot open the decision log {str(path)!r}: not a regular file")
    if about.st_mode & 0o077:
        os.fchmod(descriptor, 0o600)  # it was made by another hand: what is added now is for one pair of eyes
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as reason:
        os.close(descriptor)
        raise UsageError(
            code="E_INVALID_ARGS",
            message=f"another process writes the decision log {str(path)!r}",
            remedy="give each server a --label or a --decision-log of its own",
        ) from reason
    return descriptor


def _resume(descriptor: int, path: Path) -> tuple[int, str]:
    """Return the size of a log and the digest of its last line; a line that a crash cut off gets its end first."""
    size = os.fstat(descriptor).st_size
    if not size:
        return 0, _FIRST
    tail = _last_line(descriptor, size)
    if not tail.endswith(b"\n"):
        try:
            size += os.write(descriptor, b"\n")
        except OSError as reason:
            raise ServiceError(code="E_IO", message=f"cannot write the decision log {str(path)!r}") from reason
    return size, "sha256:" + hashlib.sha256(tail.removesuffix(b"\n")).hexdigest()


def _last_line(descriptor: int, size: int) -> bytes:
    """Return the last line of a file, with its end where it has one, however long it is."""
    tail, start = b"", size
    while start > 0:
        begin = max(0, start - _TAIL_BYTES)
        tail = os.pread(descriptor, start - begin, begin) + tail
        start = begin
        before = tail[:-1].rfind(b"\n")
        if before >= 0:
            return tail[before + 1 :]
    return tail


def _last_of_rotated(path: Path) -> str:
    """Return the digest of the last line that was moved aside, so that a new file goes on with its chain."""
    numbered = []
    for aside in path.parent.glob(f"{glob.escape(path.name)}.*"):
        number = aside.name.rpartition(".")[2]
        if number.isdigit() and aside.is_file():
            numbered.append((int(number), aside))
    if not numbered:
        return _FIRST
    with max(numbered)[1].open("rb") as stream:
        line = _last_line(stream.fileno(), os.fstat(stream.fileno()).st_size)
    return "sha256:" + hashlib.sha256(line.removesuffix(b"\n")).hexdigest() if line else _FIRST
