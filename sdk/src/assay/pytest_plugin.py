"""The pytest plugin: captures the tool calls of tests marked `assay`, and holds them to a policy.

Nothing of assay but this file is imported before a test uses the marker or the fixture.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from assay.client import AssayClient
    from assay.replay import Capture, Mode
    from assay_core.policy import Policy

__all__ = [
    "assay_client", "pytest_addoption", "pytest_configure", "pytest_runtest_call", "pytest_runtest_setup",
    "pytest_runtest_teardown",
]  # fmt: skip

_MARKER = (
    "assay(trace_file=None, policy=None): capture the test's tool calls, record or replay them in trace_file, and "
    "fail the test where they break the policy. Paths are relative to the test's file."
)
_running: pytest.StashKey[_Running] = pytest.StashKey()
_policies: pytest.StashKey[dict[Path, Policy]] = pytest.StashKey()


class _Running:
    """A marked test that runs."""

    def __init__(self, capture: Capture, policy: Policy | None, trace_file: Path | None, mode: Mode) -> None:
        self.capture = capture
        self.policy = policy
        self.trace_file = trace_file
        self.mode = mode
        self.recorded_before = False


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--assay-record`."""
    parser.getgroup("assay").addoption(
        "--assay-record",
        choices=("none", "once", "new", "all"),
        default="once",
        help="when tests marked `assay` run and record their tool calls: none: replay only; once (default): record "
        "what has no recording yet, else replay; new: replay, and record new calls; all: record everything anew",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def assay_client(request: pytest.FixtureRequest) -> Generator[AssayClient]:
    """Give a client that records into the test's capture; in a test without the marker it records nowhere."""
    from assay.client import AssayClient

    running = request.node.stash.get(_running, None)
    if running is not None:
        yield running.capture.client
        return
    client = AssayClient()
    yield client
    client.close()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Begin to capture before any fixture runs."""
    if item.get_closest_marker("assay") is not None:
        _start(item)
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Judge the capture once the test has run; a test that failed or skipped keeps its own outcome."""
    running = item.stash.get(_running, None)
    if running is None:
        return (yield)
    try:
        result = yield
    except pytest.skip.Exception:
        raise
    except BaseException:
        item.add_report_section("call", "assay", running.capture.complaint(running.policy) or "nothing to complain of")
        raise
    complaint = running.capture.complaint(running.policy)
    if complaint:
        pytest.fail(complaint, pytrace=False)
    if running.trace_file is not None and _is_to_be_saved(running):
        running.capture.save(running.trace_file)
    return result


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Capture until the last fixture is gone."""
    try:
        return (yield)
    finally:
        if item.stash.get(_running, None) is not None:
            from assay.active import CAPTURE, set_fallback

            CAPTURE.set(None)
            set_fallback(None)
            del item.stash[_running]


def _start(item: pytest.Item) -> None:
    """Capture what the test does from here on."""
    from assay.active import CAPTURE, set_fallback
    from assay.replay import Capture, load_recording
    from assay_core.commandline import render_error
    from assay_core.errors import AssayError

    trace_file, policy_file = _words_of(item)
    mode: Mode = item.config.getoption("--assay-record")
    try:
        policy = _policy(item, policy_file)
        if policy is None and trace_file is None:
            pytest.fail("the marker `assay` names no policy and no trace_file, and no policy was found", pytrace=False)
        recording = None if trace_file is None else load_recording(trace_file, item.nodeid)
    except AssayError as error:
        pytest.fail(render_error(error, color=False), pytrace=False)
    if trace_file is None:
        mode = "all"  # there is nothing to replay from
    elif mode == "none" and recording is None:
        pytest.fail(f"{trace_file} has no recording of this test, and --assay-record=none makes none", pytrace=False)
    capture = Capture(item.nodeid, recording, mode)
    running = item.stash[_running] = _Running(capture, policy, trace_file, mode)
    running.recorded_before = recording is not None
    CAPTURE.set(capture)
    set_fallback(capture)


def _is_to_be_saved(running: _Running) -> bool:
    if running.mode == "new":
        return running.capture.new_calls > 0 or not running.recorded_before
    return running.mode == "all" or (running.mode == "once" and not running.recorded_before)


def _words_of(item: pytest.Item) -> tuple[Path | None, Path | None]:
    """Return the files that the closest marker names."""
    marker = item.get_closest_marker("assay")
    keywords = dict(marker.kwargs) if marker is not None else {}
    if marker is not None and marker.args:
        keywords.setdefault("trace_file", marker.args[0])
    unknown = sorted(keywords.keys() - {"trace_file", "policy"})
    if unknown or (marker is not None and len(marker.args) > 1):
        pytest.fail(f"the marker is `assay(trace_file=..., policy=...)`; it knows no {unknown}", pytrace=False)
    folder = item.path.parent
    return tuple(None if (word := keywords.get(name)) is None else folder / word for name in ("trace_file", "policy"))  # type: ignore[return-value]  # two by the line


def _policy(item: pytest.Item, path: Path | None) -> Policy | None:
    """Return the policy that is named, else the one that `assay run` finds above the test's file, if any."""
    from assay_core.analysis.episodes import find_policy
    from assay_core.errors import UsageError
    from assay_core.policy import load_policy

    known = item.config.stash.setdefault(_policies, {})
    key = path if path is not None else item.path.parent
    if key not in known:
        try:
            known[key] = load_policy(path) if path is not None else find_policy(item.path.parent)
        except UsageError as error:
            if path is None and error.code == "E_MISSING_CONFIG":
                return None
            raise
    return known[key]
