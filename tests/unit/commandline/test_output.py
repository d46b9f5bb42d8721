"""What goes to terminals and pipes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from assay_core.commandline import color_wanted, echo_notice, json_text, paint, write_err, write_out
from assay_core.errors import Place, ServiceError
from assay_core.model.suite import Notice


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("choice", "stream", "environment", "wanted"),
    [
        ("always", io.StringIO(), {"NO_COLOR": "1"}, True),
        ("never", Terminal(), {"FORCE_COLOR": "1"}, False),
        ("auto", Terminal(), {}, True),
        ("auto", io.StringIO(), {}, False),
        ("auto", Terminal(), {"NO_COLOR": "1"}, False),
        ("auto", Terminal(), {"NO_COLOR": ""}, True),
        ("auto", Terminal(), {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ("auto", io.StringIO(), {"FORCE_COLOR": "1"}, True),
        ("auto", Terminal(), {"FORCE_COLOR": "0"}, False),
        ("auto", Terminal(), {"TERM": "dumb"}, False),
    ],
)
def test_colour_is_the_option_then_the_environment_then_the_terminal(
    choice: str, stream: io.StringIO, environment: dict[str, str], wanted: bool
) -> None:
    assert color_wanted(choice, stream, environment) is wanted  # type: ignore[arg-type]  # one of the three words


def test_a_closed_stream_takes_no_colour() -> None:
    stream = io.TextIOWrapper(io.BytesIO())
    stream.close()

    assert color_wanted("auto", stream, {}) is False


def test_paint_leaves_text_alone_without_colour() -> None:
    assert paint("x", "red", color=False) == "x"
    assert paint("x", "red", color=True) == "\x1b[31;1mx\x1b[0m"


def test_json_is_safe_to_show_and_reads_back() -> None:
    value = {"é漢😀": "\x1b[2J\x7f\x9b\u202e\u200b\u2028\ue000\U000e0041 fine\n\t", "list": [1, 2.5, None, True]}

    text = json_text(value)

    assert json.loads(text) == value
    assert "é漢😀" in text
    assert all(character.isprintable() or character == "\n" for character in text)
    assert text.endswith("}\n")


def test_json_replaces_half_surrogates_which_strict_readers_refuse() -> None:
    assert json.loads(json_text({"name": "a\udc80b"})) == {"name": "a?b"}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_refuses_what_is_no_json(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text({"x": value})


def test_text_that_the_terminal_cannot_show_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))

    write_out("fine · é 漢\n")

    assert raw.getvalue() == b"fine \\xb7 \\xe9 \\u6f22\n"


def test_nothing_is_written_without_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)

    write_out("x")
    write_err("x")


WRITER = """
import sys
from assay_core.commandline import write_out, write_bytes_out
for _ in range(20_000):
    {call}
sys.exit(7)
"""


@pytest.mark.parametrize("call", ["write_out('line of text\\n')", "write_bytes_out(b'line of text\\n')"])
def test_a_closed_pipe_is_no_crash_and_keeps_the_exit_code(call: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER.format(call=call)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stderr is not None
        writer.stdout.readline()
        writer.stdout.close()
        complaint = writer.stderr.read()

    assert (writer.returncode, complaint) == (7, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("call", ["write_out('x')", "write_bytes_out(b'x')"])
def test_a_full_disk_is_an_error(call: str) -> None:
    program = f"""
from assay_core.commandline import main_guard, write_out, write_bytes_out
with main_guard([]):
    {call}
"""
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert result.returncode == 3
    assert "error[E_IO]: cannot write the output: no space left on device" in result.stderr


def test_a_broken_standard_error_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Broken())

    write_err("x")


def test_a_notice_has_the_form_of_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    echo_notice(Notice(code="W_CFG_UNUSED", message="key \x1b[31m is not used", place=Place("a\nb.yaml", 3, 1)))

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "a\\nb.yaml:3:1: warning[W_CFG_UNUSED]: key \\x1b[31m is not used\n"


def test_writing_raises_only_for_what_is_not_a_closed_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())

    with pytest.raises(ServiceError):
        write_out("x")
