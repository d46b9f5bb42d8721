"""Episodes and policies, found and read as the command line finds and reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from assay_core.config import Defaults, discover
from assay_core.config.suite import load_suite
from assay_core.contracts import BinarySource, ImportReport
from assay_core.errors import UsageError
from assay_core.model import Episode
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.drivers import Drivers
from assay_core.policy import Policy, load_policy
from assay_core.run.ingest import batches, choose_importer

__all__ = ["find_policy", "installed_drivers", "read_episodes"]


def installed_drivers(start: Path) -> Drivers:
    """Return what is installed, as far as the `[tool.assay.plugins]` above `start` lets it be used.

    Raises:
        UsageError: E_PLUGIN_MISSING for a required plugin.
    """
    return Drivers(Catalogue.scan(), Defaults.read(start).plugins)


def find_policy(start: Path) -> Policy:
    """Return the policy that `assay run` would use in a folder: that of the suite, else a policy.yaml.

    Raises:
        UsageError: E_MISSING_CONFIG where there is none.
        AssayError: what loading the suite or the policy raises.
    """
    drivers = installed_drivers(start)
    found = discover(start)
    path = load_suite(found.suite, drivers=drivers).policy_path if found.suite else found.policy
    if path is None:
        where = f"{found.suite} names no policy" if found.suite else "no eval.yaml and no policy.yaml was found"
        raise UsageError(
            code="E_MISSING_CONFIG", message=f"{where}, at {start} or above", remedy="name the policy: policy=..."
        )
    return load_policy(path, drivers=drivers)


def read_episodes(
    source: BinarySource, *, drivers: Drivers | None = None, trace_format: str | None = None
) -> Iterator[Episode]:
    """Yield the episodes of a trace, read by the importer that knows it; what it leaves out is not told.

    Args:
        source: The trace.
        drivers: Where importers come from; None: what is installed.
        trace_format: The name of a format; None: the content decides.

    Raises:
        UsageError, InputError, PluginFault: as an import raises them.
    """
    drivers = drivers or installed_drivers(Path.cwd())
    chosen = choose_importer(drivers, source, trace_format)
    for batch in batches(chosen, source, ImportReport()):
        yield from batch
