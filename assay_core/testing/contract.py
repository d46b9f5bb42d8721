"""What every contract shares: the rule against silent deviations, the entry point and the weight of the import."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import ClassVar, TypeVar

import pytest

from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.contract import check_driver
from assay_core.plugins.guard import import_target

__all__ = ["HEAVY", "PluginContract", "deviates"]

F = TypeVar("F", bound=Callable[..., object])

# What costs more than 10 ms to import, or is nobody's business before a run asks for it.
HEAVY = frozenset(
    {
        "aiohttp",
        "dask",
        "hnswlib",
        "httpx",
        "jsonschema",
        "mcp",
        "networkx",
        "numpy",
        "pandas",
        "polars",
        "pyarrow",
        "requests",
        "rich",
        "sarif_om",
        "scipy",
        "sqlite3",
        "torch",
        "transformers",
        "wordllama",
    }
)
_REASON = "__assay_deviates__"


def deviates(reason: str) -> Callable[[F], F]:
    """Mark a test that replaces one of a contract, and say why. The report of the test run lists it.

    Raises:
        TypeError: when there is no reason.
    """
    if not isinstance(reason, str) or not reason.strip():
        raise TypeError("deviates() needs a reason: which rule the plugin cannot meet, and why")

    def mark(test: F) -> F:
        setattr(test, _REASON, reason)
        return test

    return mark


class PluginContract:
    """The part of a contract that holds for every kind of plugin.

    A subclass that replaces an inherited test, or sets it to None, has to say why with `@deviates("reason")`;
    otherwise the class cannot be made, so that its whole module fails.
    """

    group: ClassVar[str] = ""
    driver_fixture: ClassVar[str] = ""
    declared_imports: ClassVar[frozenset[str]] = frozenset()  # heavy packages that the plugin cannot do without

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Refuse silent deviations."""
        super().__init_subclass__(**kwargs)
        for name, reason in _deviations(cls).items():
            if not reason:
                raise TypeError(
                    f"{cls.__qualname__}.{name} replaces a test of the contract without a reason; "
                    "decorate it with assay_core.testing.deviates"
                )

    @pytest.fixture
    def driver(self, request: pytest.FixtureRequest) -> object:
        """The plugin under test: what the fixture that the author wrote returns."""
        return request.getfixturevalue(self.driver_fixture)

    def test_driver_has_every_attribute_and_is_offered_by_an_installed_entry_point(self, driver: object) -> None:
        """The name that users write leads to this class, and the class keeps the shape of its contract."""
        package = type(driver).__module__.partition(".")[0]
        records = [
            each
            for each in Catalogue.scan().records(self.group)
            if each.target.replace(":", ".").startswith(package + ".")
        ]
        assert records, (
            f"no installed distribution offers {package} in the group {self.group}; "
            "add the entry point to pyproject.toml and run `pip install --editable .`"
        )
        usable = [each for each in records if each.state == "ready"]
        assert usable, "; ".join(f"{each.name} is {each.state}: {each.reason}" for each in records)
        mine = [each for each in usable if import_target(each) is type(driver)]
        assert mine, f"the entry points {[each.target for each in usable]} lead to other classes than {type(driver)}"
        for record in mine:
            check_driver(driver, record)

    def test_import_is_light(self, driver: object) -> None:
        """Importing the plugin's module brings nothing along that only its work needs."""
        module = type(driver).__module__
        script = f"import sys; import {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        found = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment, timeout=120
        )
        heavy = sorted((HEAVY - self.declared_imports) & set(found.stdout.split()))
        assert not heavy, (
            f"importing {module} imports {', '.join(heavy)}: import them inside the function that needs them, "
            "or declare them in `declared_imports`"
        )


def deviations(kind: type[object]) -> dict[str, str]:
    """Return the tests of a contract that a class replaces, with the reasons it gives."""
    return _deviations(kind) if issubclass(kind, PluginContract) else {}


def _deviations(kind: type[PluginContract]) -> dict[str, str]:
    found: dict[str, str] = {}
    contracts = [each for each in kind.__mro__ if each.__module__.startswith("assay_core.testing.")]
    for contract in contracts:
        for name, test in vars(contract).items():
            if name.startswith("test_") and (now := getattr(kind, name, None)) is not test:
                if any(name in vars(other) and vars(other)[name] is now for other in contracts):
                    continue  # one contract refines another
                found[name] = str(getattr(now, _REASON, ""))
    return found
