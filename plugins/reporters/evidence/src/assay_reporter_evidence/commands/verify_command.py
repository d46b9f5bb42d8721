"""What `assay evidence verify` does."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click

from assay_core.commandline import sanitise
from assay_core.commandline.errors import render_error
from assay_core.commandline.formats import Report
from assay_core.commandline.output import write_err
from assay_core.errors import InputError, Place, ServiceError
from assay_reporter_evidence.bundle.failure import BundleError
from assay_reporter_evidence.bundle.form import Manifest
from assay_reporter_evidence.bundle.verifying import verify_bundle

__all__ = ["verify"]


def verify(report: Report, bundle: str) -> None:
    """Verify a bundle and report; leaves with the exit code of what was found.

    Raises:
        InputError: E_PATH_NOT_FOUND.
        ServiceError: E_IO.
        BundleError: it does not verify, and the report is for people.
    """
    name = "stdin" if bundle == "-" else bundle
    try:
        with _opened(bundle) as source:
            manifest = verify_bundle(source)
    except BundleError as error:
        error.place = Place("<stdin>" if bundle == "-" else bundle)
        if not report.for_machines:
            raise
        report.write_json(
            {"verified": False, "bundle": name, "reason": error.reason, "class": error.failure, "message": error.told}
        )
        write_err(render_error(error, color=False))
        raise click.exceptions.Exit(error.exit_code) from error
    except OSError as reason:
        why = (reason.strerror or type(reason).__name__).lower()
        raise ServiceError(code="E_IO", message=f"cannot read {name!r}: {why}") from reason
    if report.for_machines:
        report.write_json({"verified": True, "bundle": name, "manifest": manifest.document()})
    else:
        report.write(_text(name, manifest))


@contextlib.contextmanager
def _opened(bundle: str) -> Iterator[BinaryIO]:
    if bundle == "-":
        yield sys.stdin.buffer
        return
    path = Path(bundle)
    if not path.exists() or path.is_dir():
        raise InputError(code="E_PATH_NOT_FOUND", message=f"there is no bundle {bundle!r}")
    with path.open("rb") as stream:
        yield stream


def _text(name: str, manifest: Manifest) -> str:
    producer = manifest.producer
    return "".join(
        f"{sanitise(line)}\n"
        for line in (
            f"Bundle verified ({name}): OK",
            f"  id:       {manifest.bundle_id}",
            f"  run:      {manifest.run_id}",
            f"  events:   {manifest.event_count}",
            f"  producer: {producer.name} {producer.version}",
        )
    )
