"""The fakes of `tests/fakes` on the path, and off it again."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay_core.plugins.catalogue import Catalogue

FAKES = Path(__file__).parents[2] / "fakes"


@pytest.fixture(autouse=True)
def _forget_fakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("ASSAY_PLUGINS", raising=False)
    yield
    for name in [name for name in sys.modules if name.startswith("acme_")]:
        del sys.modules[name]


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Catalogue]:
    """Put cases of `tests/fakes` on the path and scan them alone."""

    def install(*cases: str) -> Catalogue:
        paths = [str(FAKES / case) for case in cases]
        for path in reversed(paths):
            assert Path(path).is_dir(), path
            monkeypatch.syspath_prepend(path)
        return Catalogue.scan(paths)

    return install
