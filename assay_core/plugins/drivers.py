"""Loads the plugins that a run names. The only module that knows stevedore."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, cast

from stevedore.driver import DriverManager

from assay_core.convert import StructureError, key_names, structure
from assay_core.errors import AssayError, InputError, PluginFault, UsageError
from assay_core.model import JsonValue, PluginRules
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.contract import check_driver
from assay_core.plugins.guard import stage
from assay_core.plugins.record import DRIVER_GROUPS, PluginRecord

__all__ = ["Drivers", "load", "load_class"]


class Drivers:
    """The drivers of one run: one instance per name, made when first asked for."""

    def __init__(self, catalogue: Catalogue, rules: PluginRules | None = None) -> None:
        """Narrow the catalogue by the rules.

        Raises:
            UsageError: E_PLUGIN_MISSING when something in `rules.require` is not installed; as `find` where a
                required plugin cannot be used.
            PluginFault: as `find`.
        """
        rules = rules or PluginRules()
        self._catalogue = catalogue.under(rules)
        self._instances: dict[PluginRecord, object] = {}
        self._classes: dict[PluginRecord, type[object]] = {}
        for word in rules.require:
            _require(self._catalogue, word)

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue under the rules."""
        return self._catalogue

    @property
    def used(self) -> tuple[str, ...]:
        """The distribution and version of every plugin loaded so far, sorted."""
        return tuple(sorted({record.distribution for record in self._classes}))

    def narrowed(self, rules: PluginRules) -> Drivers:
        """Return drivers under further rules: a suite may narrow what pyproject.toml allows, never widen it.

        What was loaded already and is still allowed is shared.
        """
        narrower = Drivers(self._catalogue, rules)
        kept = {record for record in narrower._catalogue.all if record.state == "ready"}
        narrower._classes = {record: kind for record, kind in self._classes.items() if record in kept}
        narrower._instances = {record: driver for record, driver in self._instances.items() if record in kept}
        return narrower

    def names(self, group: str) -> tuple[str, ...]:
        """Return the names that can be loaded, sorted."""
        return tuple(each.name for each in self._catalogue.records(group) if each.state == "ready")

    def record(self, group: str, name: str) -> PluginRecord:
        """Return the record behind a name or `name@dist`. Raises what `Catalogue.find` raises."""
        return self._catalogue.find(group, name)

    def load(self, group: str, name: str, options: object | None = None) -> object:
        """Return the driver's instance: the run's one instance without options, a new one with options.

        Args:
            group: One of the driver groups, e.g. `assay.metrics`.
            name: The entry point's name, or `name@dist`.
            options: An instance of the driver's `options_type`, or a mapping as a person wrote it.

        Raises:
            UsageError: E_PLUGIN_MISSING, E_PLUGIN_AMBIGUOUS, E_PLUGIN_DENIED; E_CFG_UNKNOWN_KEY for options
                that the driver does not take.
            InputError: E_CFG_PARSE, E_CFG_UNKNOWN_KEY for options of the wrong shape.
            PluginFault: E_PLUGIN_INCOMPATIBLE, E_PLUGIN_BROKEN (it cannot be imported), E_PLUGIN_FAULT (it does
                not keep its contract).
        """
        if group not in DRIVER_GROUPS:
            raise ValueError(f"{group!r} is not a group of drivers")
        record = self.record(group, name)
        if options is None and record in self._instances:
            return self._instances[record]
        kind = self._classes.get(record)
        if kind is None:
            kind = self._classes[record] = load_class(record)
        with stage(record, f"{group.removeprefix('assay.').removesuffix('s')} {record.name}: construct"):
            driver = _construct(kind, options, record)
            check_driver(driver, record)
        if options is None:
            self._instances[record] = driver
        return driver


def load(group: str, name: str, options: object | None = None) -> object:
    """Return a new driver out of what is installed, under no rules but `ASSAY_PLUGINS`. Raises as `Drivers.load`."""
    return Drivers(Catalogue.scan()).load(group, name, options)


def load_class(record: PluginRecord) -> type[object]:
    """Import what a record points to.

    Raises:
        PluginFault: E_PLUGIN_BROKEN with the import's error as its cause; E_PLUGIN_FAULT if it is no class.
    """
    with stage(record, f"{record.name}: import", code="E_PLUGIN_BROKEN"):
        kind = _Vetted(record).driver
    if not isinstance(kind, type):
        raise PluginFault(
            message=f"{record.target} of {record.distribution} is no class",
            distribution=record.distribution,
            stage=f"{record.name}: load",
        )
    return cast("type[object]", kind)


if TYPE_CHECKING:
    _DriverManager = DriverManager[object]
else:
    _DriverManager = DriverManager  # older releases of stevedore are not generic


class _Vetted(_DriverManager):
    """stevedore's driver manager, fed with the one entry point that the catalogue chose.

    Its own discovery and cache are left alone: the cache trusts its content, loses the distribution and lets the
    last name win.
    """

    def __init__(self, record: PluginRecord) -> None:
        self._record = record
        super().__init__(record.group, record.name, on_missing_entrypoints_callback=None)

    def list_entry_points(self) -> list[EntryPoint]:
        """Return the vetted entry point."""
        return [EntryPoint(name=self._record.name, value=self._record.target, group=self._record.group)]


def _construct(kind: type[object], options: object | None, record: PluginRecord) -> object:
    options_type = getattr(kind, "options_type", None)
    if options_type is None:
        if options:
            raise UsageError(code="E_CFG_UNKNOWN_KEY", message=f"{record.name!r} of {record.dist} takes no options")
        return kind()
    if options is None or isinstance(options, Mapping):
        options = _structured(cast("JsonValue", options or {}), options_type, record)
    return kind(options)  # type: ignore[call-arg]  # a driver with options takes them as its one argument


def _structured(value: JsonValue, options_type: type[object], record: PluginRecord) -> object:
    try:
        return structure(value, options_type)
    except StructureError as error:
        errors = []
        for problem in error.problems:
            where = ".".join(map(str, problem.path))
            guess = f"did you mean {problem.suggestion!r}?" if problem.suggestion else ""
            keys = f"it takes {', '.join(key_names(options_type)) or 'no options'}"
            errors.append(
                InputError(
                    code="E_CFG_UNKNOWN_KEY" if problem.key else "E_CFG_PARSE",
                    message=f"options of {record.name!r}: {where + ': ' if where else ''}{problem.message}",
                    remedy=guess or keys,
                )
            )
        first, *others = errors
        first.others = tuple[AssayError, ...](others)
        raise first from None


def _require(catalogue: Catalogue, word: str) -> None:
    """Check that a word of `plugins.require` is installed and usable."""
    meant = [each for each in catalogue.all if each.answers_to(word)]
    if any(each.state == "ready" for each in meant):
        return
    if meant:
        catalogue.find(meant[0].group, meant[0].name)
    raise UsageError(
        code="E_PLUGIN_MISSING",
        message=f"plugins.require names {word!r}, which is not installed",
        remedy="pip install it, or correct plugins.require",
    )
