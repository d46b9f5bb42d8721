"""The reporter: options, limits, and writing piece by piece."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import attrs

from assay_core.contracts import Outputs, Receipt
from assay_core.model import RunReport
from assay_reporter_sarif.locations import Locator
from assay_reporter_sarif.selection import select

__all__ = ["SarifOptions", "SarifReporter"]

MAX_RESULTS = 25_000  # what GitHub code scanning takes per run


def _check_uri(_: object, field: attrs.Attribute[str], value: str) -> None:
    """Refuse an absolute URI that is none, since viewers would refuse the whole file."""
    if value and not urlsplit(value).scheme:
        raise ValueError(f"{field.name} must be an absolute URI such as https://example.org/runbook")


@attrs.frozen(kw_only=True)
class SarifOptions:
    """`reporters.sarif` of eval.yaml, or `--set reporters.sarif.KEY=VALUE`."""

    max_results: int = attrs.field(
        default=MAX_RESULTS, validator=[attrs.validators.ge(1), attrs.validators.le(1_000_000)]
    )
    """Results beyond this are left out, the least grave first, and counted. GitHub takes at most 25 000 per run."""

    base_uri: str = ""
    """Where relative paths start. `agent/` is put before every path (assay was started in a folder of the
    repository); an absolute URI becomes the address of SRCROOT."""

    information_uri: str = attrs.field(default="", validator=_check_uri)
    """A page about your gate, shown by viewers as the tool's home page."""


class SarifReporter:
    """Writes one SARIF 2.1.0 file with one run."""

    default_output: str | None = "sarif.json"
    appends = False
    options_type = SarifOptions

    def __init__(self, options: SarifOptions | None = None) -> None:
        self._options = options or SarifOptions()

    def report(self, run: RunReport, outputs: Outputs) -> Receipt:
        """Write the file. Linear in the number of results, and at most `max_results` of them are held."""
        from assay_reporter_sarif.objects import document

        base = self._options.base_uri
        if base and not base.endswith("/"):
            base += "/"
        absolute = bool(urlsplit(base).scheme)
        selection = select(run, self._options.max_results)
        locator = Locator(
            root=str(Path.cwd()),
            prefix="" if absolute else base,
            fallback="<stdin>" if run.trace_file == "-" else run.trace_file or run.config_file or "eval.yaml",
        )
        pieces = document(
            run,
            selection,
            locator,
            root_uri=base if absolute else "",
            information_uri=self._options.information_uri,
        )
        with outputs.open() as sink:
            for piece in pieces:
                sink.write(piece)
        return Receipt(files=("sarif.json",), omitted=selection.omitted)
