"""The command `assay`: what it answers, what it imports to do so, and how it fails."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from assay_core import __version__
from assay_core.cli.app import main
from assay_core.cli.table import CORE_COMMANDS

FAKES = Path(__file__).parents[2] / "fakes"
# What no help may import: each costs more than the help itself, or is a plugin's own affair.
HEAVY = (
    "acme_",
    "assay_core.model",
    "attr",
    "cattrs",
    "jsonschema_rs",
    "msgspec",
    "numpy",
    "orjson",
    "pluggy",
    "polars",
    "rich",
    "ruamel",
    "sqlite3",
    "stevedore",
)

Answer = subprocess.CompletedProcess[str]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("ASSAY_PLUGINS", "ASSAY_DEBUG", "_ASSAY_COMPLETE"):
        monkeypatch.delenv(name, raising=False)
    yield
    for name in [name for name in sys.modules if name.startswith("acme_")]:
        del sys.modules[name]


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def install(*cases: str) -> None:
        for case in reversed(cases):
            monkeypatch.syspath_prepend(str(FAKES / case))

    return install


def start(words: Sequence[str], *cases: str, imported: bool = False, **environment: str) -> Answer:
    """Run `python -m assay_core` in a process of its own, with the fakes on its path."""
    path = os.pathsep.join([str(FAKES / case) for case in cases])
    command = [sys.executable, *(("-X", "importtime") if imported else ()), "-m", "assay_core", *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": path, **environment}
    )


def imports(answer: Answer) -> set[str]:
    """Return the modules that a process under `-X importtime` says it imported."""
    lines = [line for line in answer.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize("words", [["version"], ["--version"], ["-V"]])
def test_version_is_answered_without_click_or_metadata(words: list[str]) -> None:
    answer = start(words, "slow", "broken", "malformed", imported=True)

    assert (answer.returncode, answer.stdout) == (0, f"assay {__version__}\n")
    assert not {"click", "typing", "assay_core.plugins", "assay_core.errors"} & imports(answer)


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_overview_lists_core_and_plugin_commands_without_click_or_plugin_code(words: list[str]) -> None:
    answer = start(words, "slow", "broken", "malformed", "colliding", imported=True)

    assert answer.returncode == 0
    listed = [line.split()[0] for line in answer.stdout.splitlines() if line.startswith("  ") and line[2] != " "]
    assert set(CORE_COMMANDS) | {"acme.broken", "acme.slow"} <= set(listed)
    assert "Takes its time" in answer.stdout
    assert not {"click", "typing", "re", "enum", "dataclasses", "importlib.metadata"} & imports(answer)
    assert not [name for name in imports(answer) if name.startswith("acme_")]


def test_overview_shows_hostile_summaries_harmlessly() -> None:
    answer = start([], "commands")

    assert "Tools of \\u202eacme\\x1b[31m" in answer.stdout


def test_overview_is_the_same_with_and_without_click(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    fast = capsys.readouterr().out
    os.environ["ASSAY_PLUGINS"] = ""  # sends it through click
    try:
        assert main(["--help"]) == 0
    finally:
        del os.environ["ASSAY_PLUGINS"]

    assert capsys.readouterr().out == fast


@pytest.mark.parametrize("name", CORE_COMMANDS)
def test_help_of_a_command_imports_nothing_heavy_and_no_plugin(name: str) -> None:
    answer = start([name, "--help"], "slow", "broken", "listeners", imported=True)

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith(f"Usage: assay {name}")
    heavy = sorted(each for each in imports(answer) if each.startswith(HEAVY))
    assert not heavy, f"help of {name} imports {heavy}"


@pytest.mark.parametrize("name", CORE_COMMANDS)
def test_summary_in_the_overview_fits_the_command(name: str) -> None:
    summary = CORE_COMMANDS[name].summary

    assert summary.endswith(".")
    assert len(summary) <= 70


@pytest.mark.parametrize(
    ("words", "guess"), [(["verison"], "assay version"), (["plugin"], "assay plugins"), (["runn"], "assay run")]
)
def test_a_misspelt_command_is_answered_with_the_nearest(
    words: list[str], guess: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2

    told = capsys.readouterr()
    assert told.out == ""
    assert f"error[E_INVALID_ARGS]: there is no command '{words[0]}'" in told.err
    assert f"did you mean `{guess}`?" in told.err


def test_a_command_of_a_plugin_that_is_not_installed_names_the_distribution(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay_core.plugins.first_party import FIRST_PARTY

    monkeypatch.setitem(FIRST_PARTY, "assay.commands", {"ledger show": "assay-command-ledger"})

    assert main(["ledger", "show"]) == 2

    told = capsys.readouterr().err
    assert "error[E_PLUGIN_MISSING]: the command 'ledger' comes from assay-command-ledger" in told
    assert "pip install assay-command-ledger" in told


@pytest.mark.parametrize("words", [["plugins", "list", "--frmat", "json"], ["--nothing"], ["plugins", "describe"]])
def test_usage_errors_have_the_one_form_and_exit_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2

    assert capsys.readouterr().err.startswith("error[E_INVALID_ARGS]: ")


def test_commands_of_plugins_nest_below_each_other_and_below_the_core(
    fakes: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    fakes("commands")

    codes = [
        main(["acme.tools", "near"]),
        main(["acme.tools", "deep", "--code", "1"]),
        main(["plugins", "acme.extra"]),
        main(["plugins", "list"]),
    ]

    assert codes == [0, 1, 0, 0]
    assert capsys.readouterr().out.startswith("near\ndeep\nextra\n")


def test_help_of_a_group_lists_what_plugins_add_to_it(
    fakes: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    fakes("commands")

    assert main(["plugins", "--help"]) == 0

    assert "acme.extra" in capsys.readouterr().out
    assert "acme_tools" not in sys.modules


@pytest.mark.parametrize(
    ("word", "code", "told"),
    [
        ("acme.wrong", "E_PLUGIN_FAULT", "is no click command"),
        ("acme.failing", "E_PLUGIN_FAULT", "LookupError: no such thing"),
    ],
)
def test_a_failing_plugin_command_names_its_distribution(
    fakes: Callable[..., None], capsys: pytest.CaptureFixture[str], word: str, code: str, told: str
) -> None:
    fakes("commands")

    assert main([word]) == 2

    shown = capsys.readouterr().err
    assert f"error[{code}]" in shown
    assert told in shown
    assert "acme-tools 3.1" in shown
    assert "Traceback" not in shown


def test_a_broken_plugin_command_says_so_and_nothing_else_suffers(
    fakes: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    fakes("broken")

    assert main(["acme.broken"]) == 2
    assert "error[E_PLUGIN_BROKEN]" in capsys.readouterr().err
    assert main(["plugins", "list"]) == 0


def test_a_plugin_cannot_take_over_a_command_of_the_core(
    fakes: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    fakes("malformed")  # one of them claims `version`

    assert main(["version", "--format", "json"]) == 0

    assert json.loads(capsys.readouterr().out)["version"] == __version__


def test_assay_plugins_none_hides_plugin_commands(
    fakes: Callable[..., None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes("commands")
    monkeypatch.setenv("ASSAY_PLUGINS", "none")

    assert main(["--help"]) == 0
    assert "acme.tools" not in capsys.readouterr().out
    assert main(["acme.tools", "near"]) == 2
    assert "E_PLUGIN_DENIED" in capsys.readouterr().err


def test_a_wrong_word_in_assay_plugins_is_a_usage_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_PLUGINS", "nnoe")

    assert main(["--help"]) == 2
    assert "error[E_INVALID_ARGS]" in capsys.readouterr().err


@pytest.mark.parametrize(("debug", "traceback"), [("", False), ("1", True)])
def test_a_fault_shows_its_traceback_only_when_asked(
    fakes: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    debug: str,
    traceback: bool,
) -> None:
    fakes("commands")
    monkeypatch.setenv("ASSAY_DEBUG", debug)

    assert main(["acme.failing"]) == 2

    assert ("Traceback" in capsys.readouterr().err) is traceback


def test_an_error_nobody_foresaw_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay_core.plugins.catalogue import Catalogue

    monkeypatch.setattr(Catalogue, "all", property(lambda _: 1 / 0))

    code = main(["plugins", "list"])

    shown = capsys.readouterr().err
    assert code not in (0, 1)
    assert shown.startswith("error[E_INTERNAL]: ZeroDivisionError")
    assert "Traceback" not in shown


def test_ctrl_c_is_130(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from assay_core.plugins.catalogue import Catalogue

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Catalogue, "all", property(interrupt))

    assert main(["plugins", "list"]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["version"], ["plugins", "list", "--format", "json"], ["plugins", "--help"]])
def test_a_reader_that_goes_away_is_no_crash(words: list[str]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        command = [sys.executable, "-m", "assay_core", *words]
        answer = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, text=True, timeout=60)
    finally:
        os.close(write_end)

    assert answer.stderr == ""


def test_a_group_without_a_word_shows_its_help_and_exits_2() -> None:
    answer = start(["acme.tools"], "commands")

    assert answer.returncode == 2
    assert "Usage: assay acme.tools" in answer.stderr + answer.stdout


@pytest.mark.parametrize(
    ("line", "expected"),
    [("assay plu", "plain,plugins"), ("assay acme", "plain,acme.tools"), ("assay plugins de", "plain,describe")],
)
def test_shell_completion_offers_words_without_importing_plugins(line: str, expected: str) -> None:
    words = line.split()
    answer = start(
        [],
        "commands",
        "slow",
        _ASSAY_COMPLETE="bash_complete",
        COMP_WORDS=line,
        COMP_CWORD=str(len(words) - 1),
    )

    assert expected in answer.stdout.split("\n")


def test_pyproject_may_deny_a_command_of_a_plugin(
    fakes: Callable[..., None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fakes("commands")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[tool.assay.plugins]\ndeny = ["acme-tools"]\n')

    assert main(["acme.tools", "near"]) == 2

    assert "error[E_PLUGIN_DENIED]" in capsys.readouterr().err
    assert "acme_tools" not in sys.modules
    assert main(["version", "--format", "json"]) == 0
