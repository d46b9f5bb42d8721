"""Telling everybody who listens."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from assay_core.model import JsonObject, PluginRules
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.hooks import Hooks

Fakes = Callable[..., Catalogue]


def test_one_failing_listener_neither_hides_nor_silences_another(fakes: Fakes) -> None:
    hooks = Hooks(fakes("listeners"))

    hooks.tell("assay_run_started", suite=None, command="ci")

    assert sys.modules["acme_ears"].heard == ["ci"]
    assert sys.modules["acme_zeal"].heard == ["ci"]
    (notice,) = hooks.notices
    assert notice.code == "W_HOOK_FAILED"
    assert "acme-bomb 1.0" in notice.message
    assert "SystemExit" in notice.message


def test_a_listener_that_failed_on_a_batch_is_told_nothing_more(fakes: Fakes) -> None:
    hooks = Hooks(fakes("listeners"))

    for _ in range(3):
        hooks.tell("assay_episode_imported", episodes=[1, 2])

    assert sys.modules["acme_ears"].heard == [2, 2, 2]
    assert sys.modules["acme_bomb"].told == [2]
    assert len(hooks.notices) == 1


def test_listeners_are_called_by_distribution(fakes: Fakes) -> None:
    hooks = Hooks(fakes("listeners"))

    redacted = hooks.redact({"secret": "hunter2"})

    # acme-ears comes before acme-zeal, so it still saw the secret; both worked on copies.
    assert redacted == {"secret": "***", "seen_by_ears": "hunter2"}


def test_redacting_never_changes_the_record_itself(fakes: Fakes) -> None:
    event: JsonObject = {"secret": "hunter2", "nested": {"deep": [1]}}

    Hooks(fakes("listeners")).redact(event)

    assert event == {"secret": "hunter2", "nested": {"deep": [1]}}


@pytest.mark.parametrize("case", ["failing_redactor", "misspelt_hook"])
def test_failing_to_redact_never_leaks(fakes: Fakes, case: str) -> None:
    hooks = Hooks(fakes(case, "listeners"))

    assert hooks.redact({"secret": "hunter2"}) is None
    assert any(notice.code == "W_HOOK_FAILED" for notice in hooks.notices)


def test_a_redactor_that_is_installed_but_incompatible_lets_nothing_be_written(tmp_path: object) -> None:
    from assay_core.plugins.record import PluginRecord

    record = PluginRecord(
        group="assay.hooks", name="acme.old", dist="acme-old", state="incompatible", reason="too old", target="acme_old"
    )
    hooks = Hooks(Catalogue([record]))

    assert hooks.redact({"secret": "hunter2"}) is None
    assert "too old" in hooks.notices[0].message


def test_a_misspelt_hook_is_reported_and_others_still_hear(fakes: Fakes) -> None:
    hooks = Hooks(fakes("misspelt_hook", "listeners"), PluginRules(deny=("acme-bomb",)))

    hooks.tell("assay_run_started", suite=None, command="run")

    assert sys.modules["acme_ears"].heard == ["run"]
    (notice,) = hooks.notices
    assert "acme-typo 1.0" in notice.message
    assert "assay_run_startet" in notice.message


def test_a_denied_listener_is_not_imported(fakes: Fakes) -> None:
    hooks = Hooks(fakes("listeners"), PluginRules(deny=("acme-bomb", "acme-ears", "acme-zeal")))

    hooks.tell("assay_run_started", suite=None, command="run")

    assert not hooks.listening
    assert hooks.redact({"secret": 1}) == {"secret": 1}
    assert not {"acme_bomb", "acme_ears", "acme_zeal"} & set(sys.modules)


def test_where_nobody_listens_not_even_pluggy_is_imported() -> None:
    script = """
import sys
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.hooks import Hooks
hooks = Hooks(Catalogue.scan([]))
hooks.tell("assay_run_started", suite=None, command="run")
assert hooks.redact({"a": 1}) == {"a": 1} and not hooks.listening and not hooks.notices
assert not {"pluggy", "assay_core.hookspecs"} & set(sys.modules), "imported"
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_listeners_are_imported_only_when_something_is_told(fakes: Fakes) -> None:
    hooks = Hooks(fakes("listeners"))

    assert hooks.listening
    assert "acme_ears" not in sys.modules
