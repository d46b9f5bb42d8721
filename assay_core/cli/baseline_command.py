"""What `assay baseline record` and `check` do: a run of the store, written as a baseline or compared with one."""

from __future__ import annotations

from pathlib import Path

import attrs
import click

from assay_core.canonical import digest_hex
from assay_core.cli.baseline_text import markdown_comparison, text_comparison
from assay_core.commandline.formats import Report
from assay_core.commandline.output import echo_notice, write_bytes_out, write_out
from assay_core.commandline.overwriting import refuse_overwriting
from assay_core.commandline.visible import sanitise
from assay_core.config import Defaults, discover, load_suite
from assay_core.config.store_place import store_path
from assay_core.documents import read_document, write_atomic
from assay_core.errors import UsageError, find_code
from assay_core.model import BaselineReport, JsonObject, JsonValue, Notice, Suite
from assay_core.run.baseline.comparing import compare, refuse_nothing
from assay_core.run.baseline.document import baseline_bytes, check_target, read_baseline
from assay_core.run.baseline.opening import (
    absolute_notice,
    check_suite,
    comparison_notices,
    fingerprint_of,
    tolerance_of,
)
from assay_core.run.baseline.origin import git_info
from assay_core.run.baseline.recording import baseline_of
from assay_core.run.baseline.stored import KeptRun, kept_run
from assay_core.run.opened import project_drivers
from assay_core.store.reader import StoreReader

__all__ = ["Selection", "check_baseline", "record_baseline"]

_DEFAULT_FILES = ("assay-baseline.json", "baseline.json")


@attrs.frozen(kw_only=True)
class Selection:
    """Which run of which suite."""

    run: str | None = None
    config: str | None = None
    db: str | None = None
    suite: str | None = None
    run_id: int | None = None

    def number(self) -> int | None:
        """Return the number of the run, None for the latest.

        Raises:
            UsageError: E_INVALID_ARGS.
        """
        if self.run is None or self.run == "latest":
            return self.run_id
        if not (self.run.isascii() and self.run.isdigit() and len(self.run) < 19):
            raise UsageError(code="E_INVALID_ARGS", message=f"RUN is the number of a run, or latest, not {self.run!r}")
        if self.run_id is not None and self.run_id != int(self.run):
            raise UsageError(code="E_INVALID_ARGS", message=f"run {self.run} and --run-id {self.run_id} are two runs")
        return int(self.run)

    def config_path(self) -> Path | None:
        """Return the suite's file: the one that is named, else the nearest."""
        named = self.config or Defaults.read(Path.cwd()).text("config")
        if named is None:
            return discover(Path.cwd()).suite
        if not Path(named).is_file():
            raise UsageError(code="E_MISSING_CONFIG", message=f"the suite {named!r} does not exist")
        return Path(named)


def record_baseline(selection: Selection, out: str) -> None:
    """Write the baseline of a run."""
    number, config = selection.number(), selection.config_path()
    db = store_path(selection.db)[0]
    if out != "-":
        refuse_overwriting("--out", out, {"store": db, **({"suite": config} if config else {})})
        check_target(Path(out))
    wanted = selection.suite or (_name_in(config) if config and (number is None or selection.config) else None)
    with StoreReader(db) as store:
        kept = kept_run(store, suite=wanted, run_id=number)
    if kept.cut_short:
        raise UsageError(
            code="E_RUN_NOT_FOUND",
            message=f"run {kept.run.id} ended at its first failure, so that scores are missing",
            remedy="run again without bail_on_first_failure",
        )
    baseline = baseline_of(
        kept.tests, suite=kept.run.suite, fingerprint=_fingerprint(kept, config), git_info=git_info(Path.cwd())
    )
    data = baseline_bytes(baseline)
    if kept.run.status == "failed":
        text = f"run {kept.run.id} failed: whoever is compared with its scores need not be better"
        echo_notice(Notice(code="W_BASELINE_WRITTEN", message=text))
    if out == "-":
        write_bytes_out(data)
        return
    write_atomic(Path(out), data)
    scores = sum(len(test.samples) for test in baseline.tests.values())
    write_out(f"recorded {scores} score(s) of {len(baseline.tests)} test(s) of run {kept.run.id} in {sanitise(out)}\n")


def check_baseline(
    report: Report, selection: Selection, files: tuple[str | None, str | None], *, max_drop: float | None, strict: bool
) -> None:
    """Compare a run with a baseline, and leave with the verdict's exit code."""
    path = _baseline_file(*files)
    config, number = selection.config_path(), selection.number()
    db = store_path(selection.db)[0]
    refuse_overwriting("--output", report.output, {"baseline": path, **({"suite": config} if config else {})})
    if max_drop is not None and max_drop != max_drop:
        raise UsageError(code="E_INVALID_ARGS", message="--max-drop is no number")
    baseline = read_baseline(path)
    suite = _suite(config, selection, baseline.suite)
    name = selection.suite or (suite.name if suite else baseline.suite)
    check_suite(baseline, name)
    with StoreReader(db) as store:
        kept = kept_run(store, suite=name, run_id=number)
    tolerance = tolerance_of(suite, max_drop)
    found = compare(baseline, kept.tests, tolerance)
    refuse_nothing(found, kept.tests)
    for notice in (*absolute_notice(tolerance), *comparison_notices(found)):
        echo_notice(notice)
    verdict = _verdict(found, strict=strict)
    if report.format == "json":
        report.write_json(_document(found, kept, verdict))
    elif report.format == "markdown":
        report.write(markdown_comparison(found, kept.run.id, *verdict[1:]))
    else:
        report.write(text_comparison(found, kept.run.id, *verdict[1:]))
    raise click.exceptions.Exit(verdict[0])


def _verdict(found: BaselineReport, *, strict: bool) -> tuple[int, str, str]:
    """Return exit code, reason code and message."""
    fell, doubtful = len(found.of("fail")), len(found.of("inconclusive"))
    other = sum(each.severity == "warning" for each in found.behaviour)
    if fell:
        return 1, "E_BASELINE_REGRESSION", f"{fell} of {len(found.changes)} score(s) fell below the baseline"
    if strict and (doubtful or other):
        text = f"{doubtful} score(s) may have fallen, {other} change(s) of behaviour, which --strict forbids"
        return 1, "E_STRICT", text
    text = f"no regression in {len(found.changes)} score(s)"
    return 0, "", f"{text}, {doubtful} inconclusive" if doubtful else text


def _document(found: BaselineReport, kept: KeptRun, verdict: tuple[int, str, str]) -> JsonObject:
    from assay_core.run.baseline.telling import comparison_json

    code = find_code(verdict[1], "run")
    body: dict[str, JsonValue] = {
        "schema": "assay.baseline_check.v1",
        "ok": verdict[0] == 0,
        "exit_code": verdict[0],
        "reason_code": verdict[1],
        "message": verdict[2],
        "next_step": code.remedy if code else "",
        "run_id": kept.run.id,
    }
    return {**body, **comparison_json(found)}


def _baseline_file(positional: str | None, option: str | None) -> Path:
    if positional is not None and option is not None and positional != option:
        message = f"{positional!r} is a second baseline beside {option!r}"
        raise UsageError(code="E_INVALID_ARGS", message=message)
    named = positional if positional is not None else option
    if named is not None:
        return Path(named)
    for name in _DEFAULT_FILES:
        if Path(name).is_file():
            return Path(name)
    raise UsageError(
        code="E_PATH_NOT_FOUND",
        message=f"there is neither {' nor '.join(_DEFAULT_FILES)} in this folder",
        remedy="name the baseline, or record one: `assay baseline record`",
    )


def _suite(config: Path | None, selection: Selection, known: str) -> Suite | None:
    """Return the suite, for what it says of scores; a file that was only found and is of another suite says nothing."""
    if config is None:
        return None
    name = _name_in(config)
    if selection.config is None and name != (selection.suite or known):
        return None
    if selection.suite is not None and selection.suite != name:
        message = f"--config is the suite {name!r} and --suite says {selection.suite!r}"
        raise UsageError(code="E_INVALID_ARGS", message=message)
    return load_suite(config, drivers=project_drivers())


def _name_in(config: Path) -> str:
    """Return the name of the suite in a file, without loading the metrics that it needs."""
    value = read_document(config).value
    name = value.get("suite") if isinstance(value, dict) else None
    return name if isinstance(name, str) else config.stem


def _fingerprint(kept: KeptRun, config: Path | None) -> str:
    """Return the fingerprint of the suite's file, if it is still the one of the run."""
    path = Path(kept.run.config_file) if kept.run.config_file else config
    for each in (path, config):
        if each is not None and each.is_file() and kept.run.config_digest == f"sha256:{digest_hex(each.read_bytes())}":
            return fingerprint_of(each)
    return fingerprint_of(None)
