"""The part of the kit that pytest loads: goldens and the list of deviations.

Opt in with `pytest_plugins = ["assay_core.testing"]` in the conftest.py at the root, or `-p assay_core.testing`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assay_core.testing.contract import deviations

__all__ = ["golden", "pytest_addoption", "pytest_terminal_summary"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-goldens`."""
    group = parser.getgroup("assay")
    group.addoption("--update-goldens", action="store_true", help="Rewrite the goldens; review the difference.")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, bytes | str], None]:
    """Compare bytes with a file in the folder `goldens` beside the test: `golden("report.sarif", data)`.

    With `--update-goldens` the file is written instead.
    """
    folder = Path(request.path).parent / "goldens"
    update = bool(request.config.getoption("--update-goldens", default=False))

    def compare(name: str, data: bytes | str) -> None:
        actual = data.encode() if isinstance(data, str) else data
        path = folder / name
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(actual)
            return
        if not path.is_file():
            pytest.fail(f"there is no golden {path}; write it with --update-goldens and review it")
        assert actual == path.read_bytes(), f"{path} differs; if that is right, run with --update-goldens"

    return compare


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List which contract tests were replaced, and why: a deviation may be right, it may not be silent."""
    reports = [each for kind in ("passed", "failed", "skipped") for each in terminalreporter.stats.get(kind, [])]
    told = sorted({told for each in reports for name, told in each.user_properties if name == "assay_deviates"})
    if told:
        terminalreporter.section("deviations from contracts")
        for line in told:
            terminalreporter.line(line)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note on the report of a test that it replaces one of a contract."""
    kind = getattr(item, "cls", None)
    if kind is None:
        return
    reason = deviations(kind).get(getattr(item, "originalname", item.name))
    if reason:
        item.user_properties.append(("assay_deviates", f"{kind.__module__}.{kind.__qualname__}.{item.name}: {reason}"))
