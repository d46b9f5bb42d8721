"""The border around the code of plugins."""

from collections.abc import Callable, Iterator

import pytest

from assay_core.errors import InputError, PluginFault
from assay_core.model import Episode, MetricResult, Outcome, SourcePlace, ToolCall
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.drivers import Drivers
from assay_core.plugins.guard import each, stage
from assay_core.plugins.record import PluginRecord

RECORD = PluginRecord(group="assay.metrics", name="acme.latency", dist="acme-latency", version="1.2")


def test_an_unexpected_error_names_distribution_version_and_stage() -> None:
    with pytest.raises(PluginFault) as caught, stage(RECORD, "metric acme.latency: measure"):
        raise ZeroDivisionError("division\nby zero")

    fault = caught.value
    assert (fault.code, fault.exit_code, fault.distribution) == ("E_PLUGIN_FAULT", 2, "acme-latency 1.2")
    assert fault.stage == "metric acme.latency: measure"
    assert fault.message == (
        "acme-latency 1.2 failed in metric acme.latency: measure: ZeroDivisionError: division by zero"
    )
    assert isinstance(fault.__cause__, ZeroDivisionError)


def test_an_error_on_purpose_passes_as_it_is() -> None:
    error = InputError(code="E_TRACE_INVALID", message="no")

    with pytest.raises(InputError) as caught, stage(RECORD, "read"):
        raise error

    assert caught.value is error


def test_what_is_the_users_doing_passes() -> None:
    with pytest.raises(KeyboardInterrupt), stage(RECORD, "read"):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    "error", [SystemExit(0), MemoryError(), GeneratorExit(), RecursionError(), StopIteration(1), BaseException()]
)
def test_everything_else_is_a_fault(error: BaseException) -> None:
    with pytest.raises(PluginFault), stage(RECORD, "read"):
        raise error


def test_an_exception_whose_text_fails_is_told_by_its_type() -> None:
    class Hostile(Exception):
        def __str__(self) -> str:
            raise SystemError

    with pytest.raises(PluginFault) as caught, stage(RECORD, "read"):
        raise Hostile

    assert caught.value.message.endswith("failed in read: Hostile")


def test_an_iterator_is_guarded_and_its_consumer_is_not_blamed() -> None:
    def numbers() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    with pytest.raises(PluginFault), stage(RECORD, "unused"):
        assert list(each(RECORD, "importer: read", numbers()))
    with pytest.raises(ZeroDivisionError):
        assert [1 // (one - 1) for one in each(RECORD, "importer: read", iter([1]))]


def episode() -> Episode:
    calls = (ToolCall.of("fetch", {"url": "u"}, extra={"kept": 1}),)
    return Episode(id="e1", prompt="p", events=calls, source=SourcePlace("t.jsonl", 1), extra_json=b'{"meta":{}}')


def test_a_plugin_cannot_change_what_it_was_lent(fakes: Callable[..., Catalogue]) -> None:
    lent, untouched = episode(), episode()
    metric = Drivers(fakes("mutating")).load("assay.metrics", "acme.mutating")

    metric.measure([lent])  # type: ignore[attr-defined]  # the fake's

    assert metric.denied == 6  # type: ignore[attr-defined]  # every way was refused
    assert lent == untouched


def test_a_verdict_does_not_depend_on_which_other_plugins_are_installed(fakes: Callable[..., Catalogue]) -> None:
    def verdict(catalogue: Catalogue) -> list[MetricResult]:
        drivers = Drivers(catalogue)
        shared = [episode()]
        for name in drivers.names("assay.metrics"):
            if name != "acme.latency":
                drivers.load("assay.metrics", name).measure(shared)  # type: ignore[attr-defined]  # the fakes'
        return list(drivers.load("assay.metrics", "acme.latency").measure(shared))  # type: ignore[attr-defined]  # fakes

    assert verdict(fakes("good")) == verdict(fakes("mutating", "good")) == [MetricResult(outcome=Outcome.HELD)]


def test_an_exit_while_measuring_is_a_fault_and_no_pass(fakes: Callable[..., Catalogue]) -> None:
    drivers = Drivers(fakes("exiting"))
    metric = drivers.load("assay.metrics", "acme.exiting")

    with pytest.raises(PluginFault) as caught, stage(drivers.record("assay.metrics", "acme.exiting"), "measure"):
        metric.measure([episode()])  # type: ignore[attr-defined]  # the fake's

    assert caught.value.exit_code == 2
