"""One connection to the store's file: opened with care, one writer at a time, every failure a coded error."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from assay_core.errors import AssayError, ServiceError
from assay_core.store.schema import APPLICATION_ID, STEPS, TABLES, VERSION

__all__ = ["Connection"]

_MAGIC = b"SQLite format 3\x00"
_BUSY_TIMEOUT_S = 10.0  # SQLite waits so long for another writer, and is asked so often again:
_COMPACT_TIMEOUT_MS = 500  # giving room back is worth no longer wait
_TRIES = 3
_PAUSE_S = 0.05  # SQLite answers "busy" at once where waiting could deadlock
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT)
_IGNORE = b"# Made by assay: runs are kept here, for this machine only.\nassay.db*\n.gitignore\n"


class Connection:
    """Reads and writes one file. Safe to use from several threads; processes take turns as writers."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        self.path = path
        self._database = database
        self._lock = threading.RLock()

    @classmethod
    def writer(cls, path: Path, *, busy_timeout_s: float = _BUSY_TIMEOUT_S) -> Connection:
        """Open a store to read and write; make it, or bring it up to date, where that is needed.

        A new file can be read by its owner alone. A file that is not a store is left untouched.

        Raises:
            ServiceError: E_STORE_INVALID, E_STORE_VERSION, E_STORE_FAILED.
        """
        with _told(path):
            _create(path)
            _check_magic(path)
            uri = f"{path.absolute().as_uri()}?mode=rw"
            connection = cls(path, _connect(uri, busy_timeout_s))
        try:
            connection._prepare()
        except BaseException:
            connection.close()
            raise
        return connection

    @classmethod
    def reader(cls, path: Path) -> Connection:
        """Open a store that exists, to read only. Where its folder cannot be written either, that works, too.

        Raises:
            ServiceError: E_STORE_INVALID, E_STORE_VERSION, E_STORE_FAILED.
        """
        with _told(path):
            _check_magic(path)
            uri = f"{path.absolute().as_uri()}?mode=ro"
            wal = path.with_name(f"{path.name}-wal")
            if not os.access(path.parent, os.W_OK) and not wal.exists():
                uri += "&immutable=1"  # SQLite could not make its lock files, and nobody else can write either
            connection = cls(path, _connect(uri, _BUSY_TIMEOUT_S))
        try:
            if connection._version() != VERSION:
                connection.close()
                cls.writer(path).close()  # an older file: bring it up to date first
                return cls.reader(path)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextlib.contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """Hold the one write lock for the block: all of it is kept, or nothing.

        Args:
            durable: Wait until the disk has it, so that not even a power cut takes it back.

        Raises:
            ServiceError: E_STORE_FAILED where the lock is not to be had, the disk is full, …
        """
        with self._lock, _told(self.path):
            self._database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._begin()
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:  # Any: SQLite's values
        """Return all rows of a query."""
        with self._lock, _told(self.path):
            return self._database.execute(sql, values).fetchall()

    def walk(self, sql: str, values: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:  # Any: SQLite's values
        """Yield the rows of a query, a bounded number in memory. The snapshot is that of the first row."""
        with _told(self.path):
            cursor = self._database.execute(sql, values)
        while True:
            with self._lock, _told(self.path):
                rows = cursor.fetchmany(1_000)
            if not rows:
                return
            yield from rows

    def settle(self) -> None:
        """Move what was written into the file itself, as far as nobody reads, so that its log grows no more."""
        with self._lock, contextlib.suppress(sqlite3.OperationalError):
            self._database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def compact(self) -> bool:
        """Give the room of deleted rows back to the disk.

        It takes room to do so, and nobody else may be reading: where that is not to be had nothing happens, and
        later rows take the room.
        """
        with self._lock:
            try:
                self._database.execute(f"PRAGMA busy_timeout = {_COMPACT_TIMEOUT_MS}")
                self._database.execute("VACUUM")
                self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.OperationalError:
                return False
            finally:
                self._database.execute(f"PRAGMA busy_timeout = {int(_BUSY_TIMEOUT_S * 1000)}")
        return True

    def close(self) -> None:
        """Give the file back. May be called more than once."""
        with contextlib.suppress(sqlite3.Error):
            self._database.close()

    def _begin(self) -> None:
        for left in reversed(range(_TRIES)):
            try:
                self._database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as reason:
                if _code(reason) != sqlite3.SQLITE_BUSY or not left:
                    raise
                time.sleep(_PAUSE_S)
            else:
                return

    def _prepare(self) -> None:
        """Make the tables that are missing. Two processes may meet here."""
        version = self._version()
        with _told(self.path):
            for left in reversed(range(_TRIES)):
                try:
                    self._database.execute("PRAGMA journal_mode = WAL")
                except sqlite3.OperationalError as reason:
                    if _code(reason) != sqlite3.SQLITE_BUSY or not left:
                        raise
                    time.sleep(_PAUSE_S)
                else:
                    break
        if version == VERSION:
            return
        with self.transaction(durable=True) as database:
            for step in STEPS[self._version() :]:
                for statement in step:
                    database.execute(statement)
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {VERSION}")

    def _version(self) -> int:
        """Return the version of the file, 0 where it is empty; refuse what is not a store of ours."""
        with _told(self.path):
            one = self._database.execute
            application, version = one("PRAGMA application_id").fetchone()[0], one("PRAGMA user_version").fetchone()[0]
            objects = one("SELECT type, name FROM sqlite_master").fetchall()
        if not objects and not application and not version:
            return 0
        if application != APPLICATION_ID:
            raise _invalid(self.path, "it is a database of another program")
        if version > VERSION:
            raise ServiceError(
                code="E_STORE_VERSION",
                message=f"the store {str(self.path)!r} has version {version}; this assay reads up to {VERSION}",
            )
        if any(kind == "trigger" for kind, _ in objects):
            raise _invalid(self.path, "it holds a trigger, which assay never makes")
        names = {name for _, name in objects}
        if version == VERSION and (missing := [table for table in TABLES if table not in names]):
            raise _invalid(self.path, f"its table {missing[0]!r} is missing")
        return int(version)


def _create(path: Path) -> None:
    """Create an empty file of the owner's own where there is none."""
    if not path.parent.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent.name == ".assay":
            with contextlib.suppress(FileExistsError), (path.parent / ".gitignore").open("xb") as ignore:
                ignore.write(_IGNORE)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _check_magic(path: Path) -> None:
    """Refuse what is no database before SQLite looks at it, and may write to it."""
    if not path.is_file():
        raise _invalid(path, "it is not a file")
    with path.open("rb") as stream:
        head = stream.read(len(_MAGIC))
    if head not in (b"", _MAGIC):
        raise _invalid(path, "it is not a database")


def _connect(uri: str, busy_timeout_s: float) -> sqlite3.Connection:
    database = sqlite3.connect(
        uri, uri=True, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA foreign_keys = ON")
    return database


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say into the store's errors."""
    try:
        yield
    except AssayError:
        raise
    except OSError as reason:
        raise _failed(path, (reason.strerror or type(reason).__name__).lower()) from reason
    except (sqlite3.Error, OverflowError, UnicodeEncodeError) as reason:
        if isinstance(reason, sqlite3.Error) and _code(reason) in _BROKEN:
            raise _invalid(path, str(reason)) from reason
        raise _failed(path, str(reason)) from reason


def _code(reason: sqlite3.Error) -> int:
    """Return SQLite's primary result code."""
    code = getattr(reason, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else sqlite3.SQLITE_ERROR


def _invalid(path: Path, why: str) -> ServiceError:
    return ServiceError(code="E_STORE_INVALID", message=f"{str(path)!r} cannot be used as a store: {why}")


def _failed(path: Path, why: str) -> ServiceError:
    return ServiceError(code="E_STORE_FAILED", message=f"the store {str(path)!r} cannot be used: {why}")
