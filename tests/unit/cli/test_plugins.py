"""`assay plugins`: what is installed, from where, in which state, and the remedy."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay_core.cli.app import main

FAKES = Path(__file__).parents[2] / "fakes"


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Let the fakes be all that is installed."""
    monkeypatch.delenv("ASSAY_PLUGINS", raising=False)
    packages = [each for each in sys.path if "site-packages" not in each]

    def install(*cases: str) -> None:
        from assay_core.plugins import catalogue

        monkeypatch.setattr(catalogue, "sys", type("Path", (), {"path": [str(FAKES / case) for case in cases]}))
        monkeypatch.setattr(sys, "path", [*(str(FAKES / case) for case in cases), *sys.path])

    assert packages
    yield install
    for name in [name for name in sys.modules if name.startswith("acme_")]:
        del sys.modules[name]


def test_list_shows_state_and_remedy_of_each(fakes: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    fakes("good", "colliding", "old_api")

    assert main(["plugins", "list"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:5]] == [
        ["GROUP", "NAME", "DISTRIBUTION", "VERSION", "STATE"],
        ["metrics", "acme.clash", "acme-one", "1.0", "colliding"],
        ["metrics", "acme.clash", "acme-two", "2.0", "colliding"],
        ["metrics", "acme.latency", "acme-latency", "1.2", "ready"],
        ["metrics", "acme.old", "acme-old", "0.9", "incompatible"],
    ]
    assert "  = remedy: choose with name@distribution, or uninstall one" in lines


def test_plugins_without_a_word_lists(fakes: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    fakes("good")

    assert main(["plugins"]) == 0

    assert "acme.latency" in capsys.readouterr().out


def test_list_in_json_is_one_document_with_every_field(
    fakes: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    fakes("old_api")

    assert main(["plugins", "list", "--format", "json"]) == 0

    (plugin,) = json.loads(capsys.readouterr().out)["plugins"]
    assert plugin == {
        "group": "assay.metrics",
        "name": "acme.old",
        "distribution": "acme-old",
        "version": "0.9",
        "summary": "A fake plugin for the tests of assay",
        "requires_core": "<1,>=0.3",
        "state": "incompatible",
        "reason": "it needs assay-core <1,>=0.3; this core offers the plugin API 1",
        "remedy": "upgrade the plugin or the core",
        "target": "acme_old:Old",
        "location": str(FAKES / "old_api"),
    }


def test_list_of_nothing_says_so(fakes: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    fakes()

    assert main(["plugins", "list"]) == 0

    assert "no plugin is installed" in capsys.readouterr().out


def test_list_shows_hostile_metadata_harmlessly(fakes: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    fakes("malformed", "commands")

    assert main(["plugins", "list"]) == 0

    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "acme.\\x1b[31mred" in out


def test_list_writes_to_a_file(fakes: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fakes("good")

    assert main(["plugins", "list", "--format", "json", "--output", str(tmp_path / "plugins.json")]) == 0

    assert capsys.readouterr().out == ""
    assert json.loads((tmp_path / "plugins.json").read_text())["plugins"][0]["name"] == "acme.latency"


def test_check_imports_each_plugin_and_exits_2_for_what_cannot_be_used(
    fakes: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    fakes("good", "broken", "incomplete")

    assert main(["plugins", "check"]) == 2

    out = capsys.readouterr().out
    assert "broken: 'acme.broken' of acme-broken 0.1" in out
    assert "broken: 'acme.function' of acme-incomplete 1.0" in out
    assert "acme.latency" not in out
    assert "broken: 'acme.raising' of acme-incomplete 1.0" in out
    assert "broken: 'acme.incomplete' of acme-incomplete 1.0" in out


def test_check_leaves_a_plugin_that_is_not_named_untouched_by_its_neighbours(
    fakes: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    fakes("colliding", "old_api", "good")

    assert main(["plugins", "check", "--format", "json"]) == 2

    states = {each["name"]: each["state"] for each in json.loads(capsys.readouterr().out)["plugins"]}
    assert states == {"acme.clash": "colliding", "acme.old": "incompatible", "acme.latency": "ready"}


def test_check_of_good_plugins_exits_0(fakes: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    fakes("good", "options", "listeners")

    assert main(["plugins", "check", "--format", "json"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is True
    assert {each["state"] for each in document["plugins"]} == {"ready"}


@pytest.mark.parametrize("name", ["acme.latency", "acme-latency", "acme.latency@acme-latency"])
def test_describe_takes_names_and_distributions(
    fakes: Callable[..., None], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    fakes("good")

    assert main(["plugins", "describe", name]) == 0

    out = capsys.readouterr().out
    assert "target:           acme_latency:Latency\n" in out
    assert f"found in:         {FAKES / 'good'}\n" in out


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("must_contain", "pip install assay-metric-standard"), ("acme.latenzy", "did you mean 'acme.latency'?")],
)
def test_describe_of_something_missing_says_what_to_do(
    fakes: Callable[..., None], capsys: pytest.CaptureFixture[str], name: str, remedy: str
) -> None:
    fakes("good")

    assert main(["plugins", "describe", name]) == 2

    shown = capsys.readouterr().err
    assert "error[E_PLUGIN_MISSING]" in shown
    assert remedy in shown
