"""What `assay watch` does: run, wait for a change, run again; never two runs at once.

Each run is a process of its own. In this process a run would take a twentieth of the time (25 ms against 440 ms for
the demo), but every import, cache and scan of an earlier run would still be there: a plugin that is being written, or
was just installed, would not be run, and one that crashes would take the watcher with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

import click
from click.core import ParameterSource

from assay_core.cli.file_changes import Events, wait_for_change
from assay_core.cli.watched_files import State, WatchedFiles, output_files, root_files
from assay_core.cli.watched_run import ENDING
from assay_core.cli.words import Words
from assay_core.commandline.output import write_err, write_out
from assay_core.commandline.visible import excerpt
from assay_core.errors import UsageError

__all__ = ["forwarded_words", "watch"]

_OWN = ("clear", "debounce_ms", "poll")
_CLEAR = "\x1b[H\x1b[2J\x1b[3J"
_GRACE_S = 5.0  # for a run to end after Ctrl-C
_STRIKES = 3  # runs in a row that change a file which they are said to read


def forwarded_words(context: click.Context) -> list[str]:
    """Return the words for `assay run`: those of the command line but for watch's own."""
    options: list[str] = []
    files: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in _OWN or context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params[name]
        if isinstance(parameter, click.Argument):
            files.extend(value)
        elif isinstance(parameter, click.Option):
            options.extend(_option_words(parameter, value))
    return [*options, "--", *files]


def watch(words: Words, forwarded: Sequence[str], *, clear: bool, debounce_s: float, poll: bool) -> None:
    """Run and run again until a signal ends it.

    Raises:
        UsageError: E_INVALID_ARGS for a trace on standard input, which could be read only once.
        click.exceptions.Exit: 0 after Ctrl-C; 128 and the number of another signal.
    """
    if "-" in (*words.files, words.config, words.policy, words.trace):
        message = "standard input can be read only once, so it cannot be watched"
        raise UsageError(code="E_INVALID_ARGS", message=message, remedy="write the trace to a file, and name that")
    files = WatchedFiles(root_files(words), output_files(words))
    events = Events(poll=poll)
    with _signals() as received:
        try:
            _Watch(files, events, forwarded, clear=clear, quiet=words.quiet).carry_on(debounce_s)
        except KeyboardInterrupt:
            _say("ended", own_line=True)
        finally:
            events.close()
    raise click.exceptions.Exit(0 if received[-1:] in ([], [signal.SIGINT]) else 128 + received[-1])


class _Watch:
    """The runs so far."""

    def __init__(
        self, files: WatchedFiles, events: Events, forwarded: Sequence[str], *, clear: bool, quiet: bool
    ) -> None:
        self._files = files
        self._events = events
        self._argv = [sys.executable, "-P", "-m", "assay_core.cli.watched_run", "run", *forwarded]
        self._clear = clear and sys.stdout is not None and sys.stdout.isatty()
        self._quiet = quiet
        self._problem = ""
        self._strikes: Counter[Path] = Counter()  # files that changed while the last runs went on

    def carry_on(self, debounce_s: float) -> None:
        """Run, wait, and so on, until KeyboardInterrupt."""
        number, why = 1, ""
        before = self._files.state()
        while True:
            if self._clear:
                write_out(_CLEAR)
            _say(f"run {number}{why}")
            code = _run(self._argv)
            self._drop_outputs(before)
            now = self._files.state()
            before = {path: state for path, state in before.items() if path in now}
            ended = f"exit {code}" if code >= 0 else f"the run was ended by signal {-code}"
            _say(f"{ended}; watching {_files(sum(state is not None for state in now.values()))}, Ctrl-C ends")
            self._say_problem()
            after = wait_for_change(self._files, before, self._events, debounce_s=debounce_s)
            number, why, before = number + 1, f": {_difference(before, after)}", after

    def _drop_outputs(self, before: State) -> None:
        """Stop watching what every run changes: it is written by the run, and would have it run for ever."""
        now = self._files.state()
        changed = {path for path in before if path in now and now[path] != before[path]}
        self._strikes = Counter({path: self._strikes[path] + 1 for path in changed})
        for path in self._files.give_up(path for path, count in self._strikes.items() if count >= _STRIKES):
            _say(f"{_shown(path)} changes in every run, so it is not watched any more")

    def _say_problem(self) -> None:
        """Say once why there are no events, where the user did not ask for that."""
        if self._events.problem not in (self._problem, "--poll") and not self._quiet:
            _say(f"looking at the files four times a second: {self._events.problem}")
        self._problem = self._events.problem


def _run(argv: Sequence[str]) -> int:
    """Run once, in a process of its own, and return its exit code, negative for a signal."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
    process: subprocess.Popen[bytes] | None = None
    try:
        old = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # inherited: see `watched_run`
        try:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)  # noqa: S603 - our own module, words as given
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, old)
        return process.wait()
    except KeyboardInterrupt:
        if process is not None:
            process.send_signal(signal.SIGINT)  # a terminal has sent it to both, `kill` to this process alone
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_S)
        raise
    finally:
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """Turn the signals that end a program into KeyboardInterrupt, and say which they were."""
    received: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    old = {number: signal.signal(number, note) for number in ENDING if signal.getsignal(number) != signal.SIG_IGN}
    try:
        yield received
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _option_words(option: click.Option, value: object) -> Iterator[str]:
    name = max(option.opts, key=len)
    if option.count:
        yield from [name] * (value if isinstance(value, int) else 0)
    elif option.is_flag:
        yield from [name] if value else []
    else:
        values = value if isinstance(value, tuple) else (value,)
        yield from (f"{name}={each}" for each in values)


def _difference(before: State, after: State) -> str:
    """Say what is different, for people."""
    known = {**before, **after}  # only the order counts
    changed = [path for path in known if before.get(path) != after.get(path)]
    if not changed:  # another file is named now, and there is none of that name
        return "other files are named"
    first = changed[0]
    what = "is gone" if after.get(first) is None else "is new" if before.get(first) is None else "changed"
    more = f", and {_files(len(changed) - 1)} more" if len(changed) > 1 else ""
    return f"{_shown(first)} {what}{more}"


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"


def _shown(path: Path) -> str:
    here = Path.cwd()
    return excerpt(str(path.relative_to(here) if path.is_relative_to(here) else path), 200)


def _say(text: str, *, own_line: bool = False) -> None:
    """Write a line of the watcher to standard error; after the `^C` that a terminal shows, on a line of its own."""
    fresh = own_line and sys.stderr is not None and os.isatty(2)
    newline = "\n" if fresh else ""
    write_err(f"{newline}watch: {text}\n")
