"""`assay watch` as people use it: a real process, files that change under it, signals."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.command import assay

PATIENCE_S = 30.0
POLICY = """\
version: "2.0"
tools: {deny: [DENIED]}
enforcement: {unconstrained_tools: allow}
"""
SUITE = """\
configVersion: 1
suite: shop
policy: policy.yaml
tests:
  - id: shaped
    input: data
    expected: {type: json_schema, schema_file: shape.json}
"""
TRACE = '{"prompt":"data","response":"{}","tool":"refund","args":{}}\n'
GREEN = POLICY.replace("DENIED", "delete_user")
RED = POLICY.replace("DENIED", "refund")
# Gives the program a terminal of its own, whose keyboard is this process's standard input.
IN_A_TERMINAL = """\
import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn([sys.executable, "-m", "assay_core", *sys.argv[1:]])))
"""
WITHOUT_WATCHFILES = """\
import sys
sys.modules["watchfiles"] = None
from assay_core.cli.app import main
sys.exit(main())
"""


class Watched:
    """A watcher that runs, and its lines: standard output and standard error, in order."""

    def __init__(self, folder: Path, argv: list[str], **environment: str) -> None:
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("ASSAY", "GITHUB", "WATCHFILES"))
        }
        self.process = subprocess.Popen(
            argv,
            cwd=folder,
            env={**kept, "NO_COLOR": "1", **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._queue.put(line.rstrip("\n"))
        self.process.stdout.close()
        self._queue.put(None)

    def expect(self, pattern: str) -> str:
        """Return the next line that matches; fail with everything seen where none comes."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                line = self._queue.get(timeout=max(end - time.monotonic(), 0.01))
            except queue.Empty:
                line = None
            assert line is not None, f"no line matches {pattern!r}:\n" + "\n".join(self.lines)
            self.lines.append(line)
            if re.search(pattern, line):
                return line

    def close(self) -> None:
        """End it whatever it does, with everything it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join()
        assert self.process.stdin is not None
        self.process.stdin.close()

    def press(self, keys: str) -> None:
        """Type, in a terminal."""
        assert self.process.stdin is not None
        self.process.stdin.write(keys)
        self.process.stdin.flush()

    def run_ended(self, number: int, code: int) -> None:
        self.expect(rf"watch: run {number}\b")
        self.expect(rf"^watch: exit {code};")

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def all_lines(self) -> list[str]:
        """Return every line, once the process has ended."""
        while (line := self._queue.get(timeout=PATIENCE_S)) is not None:
            self.lines.append(line)
        return self.lines


Start = Callable[..., Watched]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(GREEN)
    (tmp_path / "eval.yaml").write_text(SUITE)
    (tmp_path / "shape.json").write_text('{"type": "object"}')
    (tmp_path / "t.jsonl").write_text(TRACE)
    return tmp_path


@pytest.fixture
def start(project: Path) -> Iterator[Start]:
    started: list[Watched] = []

    def begin(*words: str, program: tuple[str, ...] = ("-m", "assay_core"), **environment: str) -> Watched:
        argv = [sys.executable, *program, "watch", *words, "--debounce-ms", "50"]
        started.append(Watched(project, argv, **environment))
        return started[-1]

    yield begin
    for each in started:
        each.close()


def replace(path: Path, text: str) -> None:
    """Save as editors do: write another file, then rename it."""
    other = path.with_name(f"{path.name}~")
    other.write_text(text)
    other.replace(path)


@pytest.mark.parametrize("poll", [(), ("--poll",)], ids=["events", "poll"])
def test_every_kind_of_change_runs_again(project: Path, start: Start, poll: tuple[str, ...]) -> None:
    watched = start("t.jsonl", *poll)
    watched.run_ended(1, 0)

    replace(project / "policy.yaml", RED)
    assert watched.expect("^watch: run 2") == "watch: run 2: policy.yaml changed"
    watched.expect(r"^FAIL E_POLICY_VIOLATION: ")
    watched.expect("^watch: exit 1;")

    (project / "policy.yaml").write_text("tools: [")
    watched.expect("^watch: run 3")
    watched.expect(r"^policy\.yaml:1:\d+: error\[E_POLICY_PARSE\]: ")
    watched.expect("^watch: exit 2;")

    (project / "policy.yaml").unlink()
    assert watched.expect("^watch: run 4") == "watch: run 4: policy.yaml is gone"
    watched.expect(r"error\[E_CFG_REF\]")
    watched.expect("^watch: exit 2;")

    (project / "policy.yaml").write_text(GREEN)
    assert watched.expect("^watch: run 5") == "watch: run 5: policy.yaml is new"
    watched.expect("^watch: exit 0;")

    replace(project / "shape.json", '{"type": "array"}')
    watched.expect("^watch: run 6: shape.json changed")
    watched.expect(r"^FAIL E_TEST_FAILED: ")
    watched.expect("^watch: exit 1;")

    with (project / "t.jsonl").open("a") as stream:
        stream.write('{"prompt":"more","response":"{}"}\n')
    watched.expect("^watch: run 7: t.jsonl changed")
    watched.expect("^watch: exit 1;")

    assert watched.end() == 0
    assert watched.all_lines()[-1] == "watch: ended"


def test_a_file_of_another_folder_behind_a_link_is_watched(project: Path, start: Start) -> None:
    (project / "elsewhere").mkdir()
    (project / "policy.yaml").rename(project / "elsewhere" / "real.yaml")
    (project / "policy.yaml").symlink_to("elsewhere/real.yaml")
    watched = start("t.jsonl")
    watched.run_ended(1, 0)

    replace(project / "elsewhere" / "real.yaml", RED)

    watched.run_ended(2, 1)


def test_without_watchfiles_files_are_polled_and_it_says_so(project: Path, start: Start) -> None:
    watched = start("t.jsonl", program=("-c", WITHOUT_WATCHFILES))
    watched.run_ended(1, 0)
    said = watched.expect("four times a second")

    replace(project / "policy.yaml", RED)

    watched.run_ended(2, 1)
    assert "pip install 'assay-core[watch]'" in said
    assert sum("four times a second" in line for line in watched.lines) == 1


def test_with_watchfiles_nothing_is_said_of_polling(start: Start) -> None:
    if importlib.util.find_spec("watchfiles") is None:
        pytest.skip("watchfiles is not installed here")
    watched = start("t.jsonl")
    watched.run_ended(1, 0)
    watched.end()

    assert not [line for line in watched.all_lines() if "four times a second" in line]


def test_a_change_during_a_run_runs_again_and_runs_never_overlap(project: Path, start: Start) -> None:
    """A listener of the run waits until the file `go` is there, so that the run lasts as long as the test likes."""
    slow = project / "site"
    (slow / "acme_slow-1.dist-info").mkdir(parents=True)
    (slow / "acme_slow-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-slow\nVersion: 1\n")
    (slow / "acme_slow-1.dist-info" / "entry_points.txt").write_text("[assay.hooks]\nacme.slow = acme_slow\n")
    (slow / "acme_slow.py").write_text(
        "import pathlib, time\n"
        "from assay_core.hookspecs import hookimpl\n"
        "@hookimpl\n"
        "def assay_run_finished(report):\n"
        "    print('BEGIN', flush=True)\n"
        "    end = time.monotonic() + 60\n"
        "    while not pathlib.Path('go').exists() and time.monotonic() < end:\n"
        "        time.sleep(0.02)\n"
        "    print('END', flush=True)\n"
    )
    watched = start("t.jsonl", PYTHONPATH=str(slow))
    watched.expect("^BEGIN$")

    replace(project / "policy.yaml", RED)
    (project / "go").touch()

    watched.expect("^END$")
    watched.expect("^watch: exit 0;")
    assert watched.expect("^watch: run 2") == "watch: run 2: policy.yaml changed"
    watched.expect("^watch: exit 1;")
    watched.end()
    marks = [line for line in watched.all_lines() if line in ("BEGIN", "END")]
    assert marks == ["BEGIN", "END"] * 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_to_the_watcher_alone_ends_the_run_too(project: Path, start: Start, number: int, code: int) -> None:
    os.mkfifo(project / "pipe.jsonl")  # reading it waits for ever: the run hangs
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # what is started under nohup would go on ignoring it
    watched = start("pipe.jsonl")
    watched.expect("^watch: run 1")

    assert watched.end(number) == code

    assert watched.all_lines()[-1] == "watch: ended"
    assert not [line for line in watched.lines if "Traceback" in line]
    with pytest.raises(ProcessLookupError):  # nobody of its group is left
        os.killpg(watched.process.pid, 0)


def test_ctrl_c_of_a_terminal_reaches_both_and_leaves_no_traceback(project: Path, start: Start) -> None:
    for delay_s in (0.0, 0.1, 0.3):
        watched = start("t.jsonl")
        watched.expect("^watch: run 1")
        watched.process.poll()
        threading.Event().wait(delay_s)  # somewhere in the child's start, its imports, its run

        os.killpg(watched.process.pid, signal.SIGINT)

        assert watched.process.wait(PATIENCE_S) == 0
        assert not [line for line in watched.all_lines() if "Traceback" in line or "KeyboardInterrupt" in line]
        assert not list(project.glob(".*.tmp"))


@pytest.mark.parametrize("clear", [(), ("--clear",)], ids=["", "clear"])
def test_ctrl_c_in_a_terminal_leaves_it_clean(project: Path, start: Start, clear: tuple[str, ...]) -> None:
    watched = start("t.jsonl", *clear, program=("-c", IN_A_TERMINAL))
    watched.run_ended(1, 0)
    replace(project / "policy.yaml", RED)
    watched.run_ended(2, 1)

    watched.press("\x03")

    assert watched.process.wait(PATIENCE_S) == 0
    text = "\n".join(watched.all_lines())
    assert text.count("\x1b[H\x1b[2J\x1b[3J") == (2 if clear else 0)
    assert watched.lines[-1] == "watch: ended"
    assert "Traceback" not in text


def test_a_file_that_every_run_writes_is_given_up(project: Path, start: Start) -> None:
    (project / "eval.yaml").write_text(SUITE + "definitions: [sarif.json]\n")
    watched = start("t.jsonl", "--report", "sarif")

    watched.expect("^watch: sarif.json changes in every run, so it is not watched any more")
    watched.expect("^watch: exit 0;")
    replace(project / "policy.yaml", RED)

    assert watched.expect("^watch: run 4") == "watch: run 4: policy.yaml changed"
    watched.expect("^watch: exit 1;")


def test_options_of_run_are_passed_on_as_they_were_given(project: Path, start: Start) -> None:
    (project / "policy.yaml").write_text(RED)
    watched = start("--trace-file", "t.jsonl", "--out-dir", "out", "-vv", "--store=none", "--sarif", "--junit=x.xml")

    watched.run_ended(1, 1)

    assert {path.name for path in (project / "out").iterdir()} == {"run.json", "summary.json", "sarif.json"}
    assert (project / "x.xml").is_file()
    assert not (project / ".assay").exists()


def test_the_baseline_is_watched(project: Path, start: Start) -> None:
    assert assay("run", "t.jsonl", "--export-baseline", "b.json", cwd=project).exit_code == 0
    watched = start("t.jsonl", "--baseline", "b.json")
    watched.run_ended(1, 0)

    replace(project / "b.json", "{")

    assert watched.expect("^watch: run 2") == "watch: run 2: b.json changed"
    watched.expect(r"error\[E_BASELINE_INVALID\]")
    watched.expect("^watch: exit 2;")


def test_a_suite_that_is_not_there_yet_is_waited_for(project: Path, start: Start) -> None:
    for name in ("eval.yaml", "policy.yaml"):
        (project / name).unlink()
    watched = start("t.jsonl")
    watched.expect(r"error\[E_MISSING_CONFIG\]")
    watched.expect("^watch: exit 2;")

    (project / "policy.yaml").write_text(GREEN)

    assert watched.expect("^watch: run 2") == "watch: run 2: policy.yaml is new"
    watched.expect("^watch: exit 0;")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("-",), "E_INVALID_ARGS", "standard input"),
        (("--trace-file", "-"), "E_INVALID_ARGS", "standard input"),
        (("--debounce-ms", "49"), "E_INVALID_ARGS", "50"),
        (("--debounce-ms", "60001"), "E_INVALID_ARGS", "60000"),
        (("--format", "json"), "E_INVALID_ARGS", "--format"),
        (("--no-such",), "E_INVALID_ARGS", "--no-such"),
    ],
)
def test_words_that_no_change_of_a_file_could_mend_are_refused(
    project: Path, words: tuple[str, ...], code: str, told: str
) -> None:
    done = assay("watch", *words, cwd=project)

    assert done.exit_code == 2
    assert f"error[{code}]" in done.err
    assert told in done.err
    assert done.out == "" or "json" in words
