"""The one form of an error, and the border where errors become exit codes."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest

from assay_core.commandline import error_document, error_json, main_guard, render_error
from assay_core.documents import parse_document
from assay_core.errors import AssayError, InputError, Place, PluginFault, ServiceError, UsageError


def make_error(**fields: object) -> InputError:
    given = {"code": "E_CFG_UNKNOWN_KEY", "message": "unknown key 'tsts'", "remedy": "write 'tests'", **fields}
    return InputError(**given)  # type: ignore[arg-type]  # the fields of the class


def test_an_error_is_place_code_message_line_caret_remedy() -> None:
    error = make_error(place=Place("eval.yaml", 12, 3, "  tsts: []"))

    assert render_error(error, color=False) == (
        "eval.yaml:12:3: error[E_CFG_UNKNOWN_KEY]: unknown key 'tsts'\n"
        "  12 |   tsts: []\n"
        "     |   ^\n"
        "  = remedy: write 'tests'\n"
    )


def test_an_error_without_a_place_has_no_line() -> None:
    assert render_error(make_error(remedy=""), color=False) == (
        "error[E_CFG_UNKNOWN_KEY]: unknown key 'tsts'\n"
        "  = remedy: correct the spelling, prefix your own keys with `x-`, or load with --lenient\n"
    )


def test_the_caret_stands_below_the_column_of_what_is_shown() -> None:
    text = "\tkey\x1b: 漢字 here"
    error = make_error(place=Place("f", 1, text.index("here") + 1, text))

    line, caret = render_error(error, color=False).splitlines()[1:3]

    assert line == "  1 | \\tkey\\x1b: 漢字 here"
    assert caret.index("^") == line.index("here") + 2  # the two characters before it are two columns wide


@pytest.mark.parametrize("column", [1, 49, 51, 5_000, 9_999, 10_000])
def test_a_long_line_is_cut_around_the_column(column: int) -> None:
    text = "x" * (column - 1) + "!" + "x" * (10_000 - column)
    error = make_error(place=Place("f", 7, column, text))

    line, caret = render_error(error, color=False).splitlines()[1:3]

    assert len(line) < 120
    assert line[caret.index("^")] == "!"


def test_everything_hostile_is_made_visible() -> None:
    error = PluginFault(
        message="bad \x1b]0;title\x07 \u202e",
        distribution="evil\n 1",
        stage="st\x00age",
        remedy="do \x9b this",
        place=Place("na\u200bme", 1, 1, "\x1b[2J"),
        code="E_\x1b",
    )

    shown = render_error(error, color=False)

    assert all(character.isprintable() or character == "\n" for character in shown)
    assert "  = plugin: evil\\n 1 (st\\x00age)" in shown


def test_colour_adds_nothing_but_colour() -> None:
    error = make_error(place=Place("f", 1, 1, "x"))

    colored = render_error(error, color=True)

    assert "\x1b[31;1merror[E_CFG_UNKNOWN_KEY]\x1b[0m" in colored
    for code in ("\x1b[31;1m", "\x1b[1m", "\x1b[0m"):
        colored = colored.replace(code, "")
    assert colored == render_error(error, color=False)


def test_further_errors_follow_and_a_remedy_is_told_once() -> None:
    others = tuple(make_error(message=f"other {number}") for number in range(25))

    shown = render_error(make_error(others=others), color=False)

    assert shown.count("error[") == 21
    assert shown.count("remedy") == 1
    assert shown.endswith("… and 5 more errors\n")


def test_an_error_as_json_keeps_every_part() -> None:
    fault = PluginFault(message="m", distribution="acme 1", stage="s", place=Place("f", 2))

    assert error_json(make_error(place=Place("f", 1, 2, "t"), others=(fault,))) == {
        "code": "E_CFG_UNKNOWN_KEY",
        "message": "unknown key 'tsts'",
        "remedy": "write 'tests'",
        "file": "f",
        "line": 1,
        "column": 2,
        "others": [
            {
                "code": "E_PLUGIN_FAULT",
                "message": "m",
                "remedy": fault.remedy,
                "file": "f",
                "line": 2,
                "column": None,
                "distribution": "acme 1",
                "stage": "s",
            }
        ],
    }


def test_a_sarif_document_of_an_error_is_a_run_that_did_not_happen() -> None:
    document = json.loads(error_document(make_error(place=Place("dir/f", 3, 0)), "sarif"))

    (run,) = document["runs"]
    assert run["results"] == []
    (invocation,) = run["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 2)
    (note,) = invocation["toolConfigurationNotifications"]
    assert note["locations"][0]["physicalLocation"]["region"] == {"startLine": 3, "startColumn": 1}


# -- the border


def guarded(error: BaseException, *words: str) -> int:
    with pytest.raises(SystemExit) as caught, main_guard(words):
        raise error
    code = caught.value.code
    assert isinstance(code, int)
    return code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (make_error(), 2),
        (ServiceError(code="E_IO", message="m"), 3),
        (UsageError(code="E_TEST_FAILED", message="m"), 1),
        (AssayError(code="E_OF_A_PLUGIN", message="m"), 2),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (click.exceptions.Exit(5), 5),
        (click.UsageError("No such option: --x."), 2),
        (ZeroDivisionError("division by zero"), 3),
    ],
)
def test_every_end_has_its_exit_code(error: BaseException, code: int) -> None:
    assert guarded(error) == code


def test_nothing_happens_without_an_error() -> None:
    with main_guard([]):
        pass


def test_an_error_of_click_has_the_one_form(capsys: pytest.CaptureFixture[str]) -> None:
    command = click.Command("validate", params=[click.Option(["--count"], type=int)])
    context = click.Context(
        command, info_name="validate", parent=click.Context(click.Group("assay"), info_name="assay")
    )

    assert guarded(click.BadParameter("'x' is not a valid integer.", ctx=context, param=command.params[0])) == 2

    assert capsys.readouterr().err == (
        "error[E_INVALID_ARGS]: invalid value for '--count': 'x' is not a valid integer\n"
        "  = remedy: see `assay validate --help`\n"
    )


def test_a_fault_of_assay_itself_is_told_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ASSAY_DEBUG", raising=False)
    guarded(ZeroDivisionError("division by zero"))
    quiet = capsys.readouterr().err
    monkeypatch.setenv("ASSAY_DEBUG", "1")
    guarded(ZeroDivisionError("division by zero"))
    loud = capsys.readouterr().err

    assert "error[E_INTERNAL]: ZeroDivisionError: division by zero" in quiet
    assert "Traceback" not in quiet
    assert "Traceback" in loud


def test_debug_shows_the_traceback_of_an_error_on_purpose_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_DEBUG", "1")

    guarded(make_error())

    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "valid"),
    [
        (("--format", "json"), True),
        (("--format=json",), True),
        (("--format", "text", "--format", "json"), True),
        (("--format", "text"), False),
        (("--", "--format", "json"), False),
        ((), False),
    ],
)
def test_a_machine_format_gets_one_valid_document(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], valid: bool
) -> None:
    guarded(make_error(), *words)

    out = capsys.readouterr().out
    if valid:
        assert json.loads(out)["error"]["code"] == "E_CFG_UNKNOWN_KEY"
    else:
        assert out == ""


def test_the_words_of_the_command_line_choose_the_colour(capsys: pytest.CaptureFixture[str]) -> None:
    guarded(make_error(), "--color", "always")
    assert "\x1b[" in capsys.readouterr().err
    guarded(make_error(), "--color=never")
    assert "\x1b[" not in capsys.readouterr().err


def test_ctrl_c_in_a_real_process_is_130() -> None:
    program = """
import os, signal
from assay_core.commandline import main_guard
with main_guard([]):
    os.kill(os.getpid(), signal.SIGINT)
    import time; time.sleep(10)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (result.returncode, result.stdout, result.stderr) == (130, "", "\ninterrupted\n")


def test_a_whole_error_out_of_a_document() -> None:
    with pytest.raises(InputError) as caught:
        parse_document("suite: x\nsuite: y\n", "eval.yaml")

    assert render_error(caught.value, color=False).startswith(
        "eval.yaml:2:1: error[E_CFG_PARSE]: the key 'suite' stands twice; first at eval.yaml:1:1\n"
        "  2 | suite: y\n"
        "    | ^\n"
    )
