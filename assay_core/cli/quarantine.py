"""`assay quarantine`: tests that are known to be unreliable, why, and for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay_core.commandline.formats import Report, report_options

if TYPE_CHECKING:
    from pathlib import Path

    from assay_core.store import QuarantineEntry

__all__ = ["command"]

_DB = click.option("--db", metavar="FILE", help="The store. Default: .assay/assay.db beside the suite.")
_CONFIG = click.option("--config", metavar="FILE", help="The suite. Default: eval.yaml here or above.")


@click.group("quarantine")
def command() -> None:
    """Keep unreliable tests from failing a run, for a while.

    The quarantine belongs to a suite and lies in the store. What it does, `--quarantine-mode` of `run` and `ci`
    says: off, warn (a failure is a warning), strict (a quarantined test is a failure).
    """


@command.command("add")
@click.argument("test")
@click.option("--reason", required=True, metavar="TEXT", help="Why the test cannot be relied on.")
@click.option("--owner", metavar="NAME", help="Who looks after it.")
@click.option("--expires", metavar="DATE", help="The last day (UTC, YYYY-MM-DD) on which it applies.")
@_CONFIG
@_DB
def add(test: str, reason: str, owner: str | None, expires: str | None, config: str | None, db: str | None) -> None:
    """Quarantine a test, or say anew why."""
    from assay_core.commandline.output import write_out
    from assay_core.commandline.visible import sanitise
    from assay_core.config.store_place import store_path
    from assay_core.store import QuarantineEntry, RunStore, utc

    suite, test_ids = _suite(config)
    _check_test(test, test_ids)
    now = _now_s()
    _check_words(reason, expires, utc(now)[:10])
    entry = QuarantineEntry(
        suite=suite, test_id=test, reason=reason.strip(), owner=owner, added_at=utc(now), expires_on=expires
    )
    store = RunStore(store_path(db)[0])
    try:
        store.add_to_quarantine(entry)
    finally:
        store.close()
    until = f" until {expires}" if expires else ""
    write_out(sanitise(f"quarantined {test} of suite {suite}{until}: {entry.reason}") + "\n")


@command.command("remove")
@click.argument("test")
@_CONFIG
@_DB
def remove(test: str, config: str | None, db: str | None) -> None:
    """Release a test."""
    from assay_core.commandline.output import write_out
    from assay_core.commandline.visible import sanitise
    from assay_core.config.store_place import store_path
    from assay_core.errors import UsageError
    from assay_core.store import RunStore

    suite, _ = _suite(config)
    path = store_path(db)[0]
    released = False
    if path.exists():
        store = RunStore(path)
        try:
            released = store.remove_from_quarantine(suite, test)
        finally:
            store.close()
    if not released:
        raise UsageError(
            code="E_UNKNOWN_CODE",
            message=f"{test!r} of suite {suite!r} is not quarantined",
            remedy="see `assay quarantine list`",
        )
    write_out(sanitise(f"released {test} of suite {suite}") + "\n")


@command.command("list")
@report_options("text", "json")
@click.option("--suite", metavar="NAME", help="Only this suite. Default: all.")
@_DB
def list_entries(report: Report, suite: str | None, db: str | None) -> None:
    """List what is quarantined, in every suite of the store; nothing where there is no store yet."""
    from assay_core.config.store_place import store_path
    from assay_core.store.reader import StoreReader

    path, named = store_path(db)
    entries: tuple[QuarantineEntry, ...] = ()
    if named or path.exists():
        with StoreReader(path) as store:
            entries = store.quarantine(suite=suite)
    now = _now_s()
    if report.format == "json":
        report.write_json({"quarantine": [_entry_json(entry, now) for entry in entries]})
    else:
        report.write("".join(_line(entry, now) for entry in entries) or "nothing is quarantined\n")


def _suite(config: str | None) -> tuple[str, list[str]]:
    """Return name and test ids of the suite, without loading a plugin."""
    from pathlib import Path

    from assay_core.config import Defaults, discover
    from assay_core.documents import read_document
    from assay_core.errors import UsageError

    named = config or Defaults.read(Path.cwd()).text("config")
    path: Path | None = Path(named) if named else discover(Path.cwd()).suite
    if path is None or not path.is_file():
        raise UsageError(
            code="E_MISSING_CONFIG",
            message=f"the suite {str(path)!r} does not exist" if path else "no eval.yaml was found here or above",
            remedy="a quarantine belongs to a suite: name it with --config",
        )
    value = read_document(path).value
    suite = value.get("suite") if isinstance(value, dict) else None
    tests = value.get("tests") if isinstance(value, dict) else None
    ids = [test.get("id") for test in tests if isinstance(test, dict)] if isinstance(tests, list) else []
    return suite if isinstance(suite, str) else path.stem, [each for each in ids if isinstance(each, str)]


def _check_test(test: str, known: list[str]) -> None:
    from assay_core.convert import nearest
    from assay_core.errors import UsageError

    if test.startswith("policy:"):
        raise UsageError(
            code="E_INVALID_ARGS",
            message="what breaks the policy cannot be quarantined",
            remedy="change the policy if the call is right",
        )
    if test not in known:
        guess = nearest(test, known)
        hint = f"; did you mean {guess!r}?" if guess else ""
        raise UsageError(
            code="E_UNKNOWN_CODE",
            message=f"the suite has no test {test!r}{hint}",
            remedy="name a test by its `id` in the suite",
        )


def _check_words(reason: str, expires: str | None, today: str) -> None:
    import datetime

    from assay_core.errors import UsageError

    if not reason.strip():
        raise UsageError(code="E_INVALID_ARGS", message="--reason is empty; say why")
    if expires is None:
        return
    try:
        day = datetime.date.fromisoformat(expires)
    except ValueError:
        day = None
    if day is None or day.isoformat() != expires:
        raise UsageError(code="E_INVALID_ARGS", message=f"--expires takes a day as YYYY-MM-DD, not {expires!r}")
    if expires < today:
        raise UsageError(code="E_INVALID_ARGS", message=f"--expires {expires} is over; today is {today}")


def _now_s() -> float:
    from assay_core.run.keeping import now_s

    return now_s()


def _entry_json(entry: QuarantineEntry, now: float) -> dict[str, object]:
    import attrs

    return {**attrs.asdict(entry), "age_days": entry.age_days(now), "expired": entry.has_expired(now)}


def _line(entry: QuarantineEntry, now: float) -> str:
    from assay_core.commandline.visible import sanitise

    days = entry.age_days(now)
    parts = ["today" if not days else f"{days} day{'' if days == 1 else 's'}"]
    if entry.owner:
        parts.append(entry.owner)
    if entry.expires_on:
        parts.append(f"{'EXPIRED' if entry.has_expired(now) else 'until'} {entry.expires_on}")
    return sanitise(f"{entry.suite}  {entry.test_id}  {entry.reason} ({', '.join(parts)})") + "\n"
