"""Loading what a run names, and refusing what does not keep its contract."""

import sys
from collections.abc import Callable

import pytest

from assay_core.errors import InputError, PluginFault, UsageError
from assay_core.model import PluginRules
from assay_core.plugins import drivers as module
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.contract import PROTOCOLS, members
from assay_core.plugins.drivers import Drivers

Fakes = Callable[..., Catalogue]
METRICS = "assay.metrics"


def test_load_returns_the_one_instance_of_the_run(fakes: Fakes) -> None:
    drivers = Drivers(fakes("good"))

    first = drivers.load(METRICS, "acme.latency")

    assert type(first).__name__ == "Latency"
    assert drivers.load(METRICS, "acme.latency") is first
    assert drivers.load(METRICS, "acme.latency@acme-latency") is first
    assert drivers.used == ("acme-latency 1.2",)


def test_nothing_is_used_before_it_was_loaded(fakes: Fakes) -> None:
    assert Drivers(fakes("good", "broken")).used == ()


def test_load_by_name_and_distribution_works_where_names_collide(fakes: Fakes) -> None:
    drivers = Drivers(fakes("colliding"))

    driver = drivers.load(METRICS, "acme.clash@acme-two")

    assert type(driver).__module__ == "acme_two"
    assert "acme_one" not in sys.modules


def test_colliding_names_load_nothing(fakes: Fakes) -> None:
    with pytest.raises(UsageError) as caught:
        Drivers(fakes("colliding")).load(METRICS, "acme.clash")

    assert caught.value.code == "E_PLUGIN_AMBIGUOUS"
    assert not {"acme_one", "acme_two"} & set(sys.modules)


@pytest.mark.parametrize(("name", "told"), [("acme.broken", "no such licence"), ("acme.absent", "acme_no_such_module")])
def test_an_import_that_fails_names_distribution_and_cause(fakes: Fakes, name: str, told: str) -> None:
    with pytest.raises(PluginFault) as caught:
        Drivers(fakes("broken")).load(METRICS, name)

    assert caught.value.code == "E_PLUGIN_BROKEN"
    assert caught.value.distribution == "acme-broken 0.1"
    assert told in caught.value.message
    assert caught.value.__cause__ is not None


def test_an_exit_while_importing_is_a_fault_and_no_pass(fakes: Fakes) -> None:
    with pytest.raises(PluginFault) as caught:
        Drivers(fakes("exiting")).load(METRICS, "acme.at-import")

    assert caught.value.code == "E_PLUGIN_BROKEN"
    assert isinstance(caught.value.__cause__, SystemExit)


def test_a_broken_plugin_harms_nobody_who_does_not_name_it(fakes: Fakes) -> None:
    catalogue = fakes("broken", "old_api", "exiting", "slow", "malformed", "colliding", "good")

    assert Drivers(catalogue).load(METRICS, "acme.latency") is not None


def test_an_incompatible_plugin_is_not_imported(fakes: Fakes) -> None:
    with pytest.raises(PluginFault) as caught:
        Drivers(fakes("old_api")).load(METRICS, "acme.old")

    assert caught.value.code == "E_PLUGIN_INCOMPATIBLE"
    assert "acme_old" not in sys.modules


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("acme.incomplete", "has no method 'prepare'"),
        ("acme.untyped", "has 'needs' that is not a frozenset"),
        ("acme.misnamed", "which is not among its 'types'"),
        ("acme.function", "is no class"),
        ("acme.raising", "KeyError"),
    ],
)
def test_a_driver_that_breaks_its_contract_is_refused_saying_how(fakes: Fakes, name: str, told: str) -> None:
    with pytest.raises(PluginFault) as caught:
        Drivers(fakes("incomplete")).load(METRICS, name)

    assert caught.value.code == "E_PLUGIN_FAULT"
    assert caught.value.distribution == "acme-incomplete 1.0"
    assert told in caught.value.message


def test_each_attribute_of_each_contract_is_demanded() -> None:
    demanded = {group: members(protocol) for group, protocol in PROTOCOLS.items()}

    assert demanded["assay.importers"] == (("formats",), ("read", "sniff"))
    assert demanded["assay.metrics"] == (("blocking", "needs", "needs_episode", "pure", "types"), ("prepare",))
    assert demanded["assay.checks"] == (("codes", "keys"), ("compile",))
    assert demanded["assay.reporters"] == (("appends", "default_output"), ("report",))
    assert demanded["assay.enforcers"] == ((), ("enforce", "plan"))
    assert demanded["assay.embedders"] == (("dims", "id", "needs"), ("embed",))
    assert demanded["assay.judges"] == (("id", "needs"), ("ask",))


def test_a_denied_plugin_is_not_imported(fakes: Fakes) -> None:
    with pytest.raises(UsageError) as caught:
        Drivers(fakes("good"), PluginRules(deny=("acme-latency",))).load(METRICS, "acme.latency")

    assert caught.value.code == "E_PLUGIN_DENIED"
    assert "acme_latency" not in sys.modules


@pytest.mark.parametrize("word", ["acme.missing", "acme-missing", "acme.latency@acme-missing"])
def test_a_required_plugin_that_is_missing_is_an_error(fakes: Fakes, word: str) -> None:
    with pytest.raises(UsageError) as caught:
        Drivers(fakes("good"), PluginRules(require=(word,)))

    assert caught.value.code == "E_PLUGIN_MISSING"
    assert repr(word) in caught.value.message


def test_a_required_plugin_that_cannot_be_used_is_an_error_saying_why(fakes: Fakes) -> None:
    with pytest.raises(PluginFault) as caught:
        Drivers(fakes("old_api"), PluginRules(require=("acme-old",)))

    assert caught.value.code == "E_PLUGIN_INCOMPATIBLE"


def test_required_plugins_that_are_there_are_fine(fakes: Fakes) -> None:
    drivers = Drivers(fakes("good"), PluginRules(require=("acme-latency", "acme.latency")))

    assert drivers.names(METRICS) == ("acme.latency",)


def test_narrowed_drivers_keep_instances_and_never_widen(fakes: Fakes) -> None:
    drivers = Drivers(fakes("good", "colliding"), PluginRules(deny=("acme-one",)))
    loaded = drivers.load(METRICS, "acme.latency")

    narrowed = drivers.narrowed(PluginRules(allow=("acme-latency", "acme-one")))

    assert narrowed.load(METRICS, "acme.latency") is loaded
    assert narrowed.names(METRICS) == ("acme.latency",)
    with pytest.raises(UsageError):
        narrowed.load(METRICS, "acme.clash")
    assert drivers.names(METRICS) == ("acme.clash", "acme.latency")


def test_options_reach_the_driver_checked_by_the_strict_converter(fakes: Fakes) -> None:
    drivers = Drivers(fakes("options"))

    written = drivers.load("assay.reporters", "acme.options", {"limit": 3})
    default = drivers.load("assay.reporters", "acme.options")

    assert (written.options.limit, written.options.title) == (3, "assay")  # type: ignore[attr-defined]  # the fake's
    assert default.options.limit == 10  # type: ignore[attr-defined]  # the fake's


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [({"limti": 3}, "E_CFG_UNKNOWN_KEY", "limti"), ({"limit": "3"}, "E_CFG_PARSE", "limit: expected a whole number")],
)
def test_options_of_the_wrong_shape_are_refused(fakes: Fakes, options: object, code: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        Drivers(fakes("options")).load("assay.reporters", "acme.options", options)

    assert caught.value.code == code
    assert told in caught.value.message
    assert "limit" in caught.value.remedy


def test_options_for_a_driver_that_takes_none_are_refused(fakes: Fakes) -> None:
    with pytest.raises(UsageError) as caught:
        Drivers(fakes("good")).load(METRICS, "acme.latency", {"limit": 3})

    assert caught.value.code == "E_CFG_UNKNOWN_KEY"


def test_a_group_that_holds_no_drivers_is_a_mistake_of_the_caller(fakes: Fakes) -> None:
    with pytest.raises(ValueError, match="not a group of drivers"):
        Drivers(fakes("listeners")).load("assay.hooks", "acme.ears")


def test_the_public_function_loads_what_is_on_the_path(fakes: Fakes) -> None:
    fakes("good")

    assert type(module.load(METRICS, "acme.latency")).__name__ == "Latency"


def test_stevedore_neither_discovers_nor_caches(fakes: Fakes) -> None:
    from stevedore.extension import ExtensionManager

    ExtensionManager.ENTRY_POINT_CACHE.clear()
    Drivers(fakes("good")).load(METRICS, "acme.latency")

    assert not ExtensionManager.ENTRY_POINT_CACHE
