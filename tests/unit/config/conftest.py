"""Drivers that see the fake metrics alone, so that these tests run where no plugin is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay_core.config import load_suite
from assay_core.errors import AssayError
from assay_core.model import PluginRules
from assay_core.model.suite import Suite
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.drivers import Drivers

FAKES = Path(__file__).parents[2] / "fakes"


@pytest.fixture
def drivers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Drivers]:
    """Offer `tests/fakes/metrics`."""
    monkeypatch.delenv("ASSAY_PLUGINS", raising=False)
    folder = str(FAKES / "metrics")
    monkeypatch.syspath_prepend(folder)
    yield Drivers(Catalogue.scan([folder]), PluginRules())
    sys.modules.pop("fake_standard", None)


@pytest.fixture
def load(tmp_path: Path, drivers: Drivers) -> Callable[..., Suite]:
    """Load a suite out of text."""

    def from_text(text: str, **options: object) -> Suite:
        path = tmp_path / "eval.yaml"
        path.write_text(text)
        return load_suite(path, drivers=drivers, **options)  # type: ignore[arg-type]  # as load_suite takes them

    return from_text


@pytest.fixture
def refused(load: Callable[..., Suite]) -> Callable[..., list[tuple[str, int, int]]]:
    """Load a suite that must be refused; return code, line and column of every error."""

    def from_text(text: str, words: str = "", **options: object) -> list[tuple[str, int, int]]:
        with pytest.raises(AssayError) as caught:
            load(text, **options)
        found = [caught.value, *caught.value.others]
        assert all(not each.others for each in found[1:])
        assert words in "\n".join(each.message for each in found)
        return [(each.code, each.place.line, each.place.column) if each.place else (each.code, 0, 0) for each in found]

    return from_text
