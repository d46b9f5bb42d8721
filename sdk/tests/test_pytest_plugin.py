"""The plugin in real pytest runs; a process of its own where that matters, for it takes its time."""

from __future__ import annotations

import assay.replay  # noqa: F401 - imported once here, not anew in every run
import pytest

from .conftest import POLICY, Read

pytest_plugins = ["pytester"]

AGENT = """
import threading
import assay

RUNS = []

@assay.tool
def a(x=0):
    RUNS.append("a")
    return {"got": x}

@assay.tool
def b():
    RUNS.append("b")
    return "b"

@assay.tool
def c():
    RUNS.append("c")
"""


class Suite:
    """A folder with an agent, a policy and one file of tests."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.folder = pytester.path
        self.recording = self.folder / "recordings" / "agent.jsonl"
        self._pytester = pytester
        (self.folder / "agent.py").write_text(AGENT)
        (self.folder / "policy.yaml").write_text(POLICY)
        (self.folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers -p no:cacheprovider\n")

    def write(self, source: str) -> None:
        (self.folder / "test_agent.py").write_text("import assay, pytest, agent\nfrom agent import a, b, c\n" + source)

    def run(self, *words: str, expect: int = 0, process: bool = False) -> str:
        run = self._pytester.runpytest_subprocess if process else self._pytester.runpytest_inprocess
        done = run("-q", *words)
        assert done.ret == expect, done.stdout.str() + done.stderr.str()
        return done.stdout.str()


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # a test file is rewritten within the same second
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    return Suite(pytester)


MARK = '@pytest.mark.assay(trace_file="recordings/agent.jsonl", policy="policy.yaml")\n'
JUDGE = '@pytest.mark.assay(policy="policy.yaml")\n'


def test_calls_are_captured_from_threads_and_tasks_and_judged(suite: Suite) -> None:
    suite.write(f"""
import asyncio, threading
from concurrent.futures import ThreadPoolExecutor

{JUDGE}def test_threads():
    thread = threading.Thread(target=c)
    thread.start()
    thread.join()

{JUDGE}def test_pool():
    with ThreadPoolExecutor() as pool:
        pool.submit(c).result()

{JUDGE}def test_tasks():
    async def agent():
        await asyncio.gather(asyncio.to_thread(a), asyncio.to_thread(c))
    asyncio.run(agent())

{JUDGE}def test_keeps_to_it():
    a()
    b()
""")

    printed = suite.run(expect=1)

    assert "3 failed, 1 passed" in printed
    failures = printed.partition("short test summary info")[0]  # under CI pytest says it all again in the summary
    assert failures.count("E_TOOL_DENIED tools.deny:c: 'c' is denied by name (c)\n      reason: it deletes") == 3


def test_the_fixture_and_clients_of_the_agent_itself_are_captured(suite: Suite) -> None:
    suite.write(f"""
{JUDGE}def test_fixture(assay_client):
    assay_client.record_trace({{"tool": "b", "args": {{}}}})

{JUDGE}def test_own_client(tmp_path):
    with assay.AssayClient(tmp_path / "own.jsonl") as client:
        client.record_call("c")

{JUDGE}def test_client_without_a_file():
    assay.AssayClient().record_call("c")

{JUDGE}def test_fixture_as_a_block(assay_client):
    with assay_client:
        a()
    c()

def test_unmarked(assay_client):
    with pytest.raises(RuntimeError, match="trace_file is not configured"):
        assay_client.record_trace({{"tool": "a"}})
""")

    printed = suite.run(expect=1)

    assert "4 failed, 1 passed" in printed
    assert "before:a->b: 'b' needs an earlier call of a" in printed


def test_a_rule_that_is_unmet_at_the_end_fails_the_test(suite: Suite) -> None:
    (suite.folder / "policy.yaml").write_text(POLICY + "  - {type: require, tool: b}\n")
    suite.write(f"{JUDGE}def test_forgets_b():\n    a()\n")

    assert "At the end:\n      E_SEQUENCE_VIOLATION require:b" in suite.run(expect=1)


def test_a_marked_test_that_records_nothing_fails(suite: Suite) -> None:
    suite.write(f"""
{JUDGE}def test_nothing():
    pass

{JUDGE}def test_only_a_prompt(assay_client):
    assay_client.record_prompt("hi")
""")

    printed = suite.run(expect=1)

    assert "2 failed" in printed
    assert printed.count("E_NO_CHECKS") >= 2


def test_a_test_that_fails_skips_or_is_expected_to_fail_keeps_its_own_outcome(suite: Suite) -> None:
    suite.write(f"""
{JUDGE}def test_fails():
    c()
    assert 1 == 2

{JUDGE}def test_skips():
    pytest.skip("not today")

@pytest.mark.xfail(strict=True)
{JUDGE}def test_is_expected_to():
    c()
""")

    printed = suite.run("-rA", expect=1)

    assert "1 failed, 1 skipped, 1 xfailed" in printed
    assert "assert 1 == 2" in printed
    assert "E_TOOL_DENIED" in printed


def test_once_records_the_first_time_and_replays_without_running_the_tools(suite: Suite, read: Read) -> None:
    suite.write(f"""
{MARK}def test_agent(request):
    assert a(1) == {{"got": 1}}
    assert b() == "b"
    print("RAN", agent.RUNS)
""")

    first = suite.run("-s")
    data = suite.recording.read_bytes()
    second = suite.run("-s")

    assert "RAN ['a', 'b']" in first
    assert "RAN []" in second
    assert suite.recording.read_bytes() == data
    (episode,) = read(suite.recording)
    assert (episode.id, episode.complete) == ("test_agent.py::test_agent", True)


def test_a_call_that_the_recording_lacks_fails_although_the_agent_catches_it(suite: Suite) -> None:
    suite.write(f"{MARK}def test_agent():\n    a(1)\n")
    suite.run()
    suite.write(f"""
{MARK}def test_agent():
    a(1)
    try:
        a(2)
    except Exception:
        pass
    print("RAN", agent.RUNS)
""")

    printed = suite.run("-s", expect=1)

    assert "RAN []" in printed
    assert '1 tool call(s) are not in the recording:\n  a({"x":2})' in printed
    assert "--assay-record=new" in printed


def test_a_call_is_replayed_as_often_as_it_was_recorded(suite: Suite) -> None:
    suite.write(f"{MARK}def test_agent():\n    a(1)\n")
    suite.run()
    suite.write(f"{MARK}def test_agent():\n    a(1)\n    a(1)\n")

    assert "not in the recording" in suite.run(expect=1)


def test_calls_that_the_test_reports_itself_are_held_against_the_recording(suite: Suite) -> None:
    suite.write(f"{MARK}def test_agent(assay_client):\n    assay_client.record_trace({{'tool': 'a'}})\n")
    suite.run()
    suite.run("--assay-record=none")
    suite.write(f"{MARK}def test_agent(assay_client):\n    assay_client.record_trace({{'tool': 'b'}})\n")

    assert "no further call b({})" in suite.run(expect=1)


def test_none_never_records(suite: Suite) -> None:
    suite.write(f"{MARK}def test_agent():\n    a(1)\n")

    printed = suite.run("--assay-record=none", expect=1)

    assert "has no recording of this test" in printed
    assert not suite.recording.exists()


def test_new_replays_what_is_there_and_adds_the_rest(suite: Suite, read: Read) -> None:
    suite.write(f"{MARK}def test_agent():\n    a(1)\n")
    suite.run()
    suite.write(f"{MARK}def test_agent():\n    a(1)\n    b()\n    print('RAN', agent.RUNS)\n")

    printed = suite.run("-s", "--assay-record=new")

    assert "RAN ['b']" in printed
    assert [call.tool for call in read(suite.recording)[0].tool_calls] == ["a", "b"]
    suite.run("--assay-record=none")


def test_all_runs_everything_and_replaces_the_recording_of_this_test_only(suite: Suite, read: Read) -> None:
    source = f"{MARK}def test_one():\n    a(1)\n    print('RAN', agent.RUNS)\n\n{MARK}def test_two():\n    a(2)\n"
    suite.write(source)
    suite.run()
    suite.write(source.replace("a(1)", "a(3)"))

    printed = suite.run("-s", "--assay-record=all", "-k", "one")

    assert "RAN ['a']" in printed
    found = {each.id.rpartition("::")[2]: [call.args for call in each.tool_calls] for each in read(suite.recording)}
    assert found == {"test_one": [{"x": 3}], "test_two": [{"x": 2}]}


def test_a_run_that_breaks_the_policy_or_fails_is_not_recorded(suite: Suite) -> None:
    suite.write(f"{MARK}def test_denied():\n    c()\n\n{MARK}def test_fails():\n    a()\n    assert False\n")

    suite.run(expect=1)

    assert not suite.recording.exists()


def test_a_recorded_failure_fails_again_when_it_is_replayed(suite: Suite) -> None:
    suite.write(f"""
@assay.tool(name="a")
def failing():
    raise OSError("gone")

{MARK}def test_agent():
    with pytest.raises(Exception, match="gone") as caught:
        failing()
    print("GOT", type(caught.value).__name__)
""")

    assert "GOT OSError" in suite.run("-s")
    assert "GOT ReplayedError" in suite.run("-s")


def test_tests_in_parallel_share_one_recording(suite: Suite, read: Read) -> None:
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    suite.write(f"""
@pytest.mark.parametrize("number", range(24))
{MARK}def test_agent(number):
    a(number)

{MARK}def test_denied():
    c()
""")

    assert "1 failed, 24 passed" in suite.run("-n", "2", expect=1, process=True)
    assert "1 failed, 24 passed" in suite.run("-n", "2", "--assay-record=new", expect=1, process=True)

    assert sorted(call.args["x"] for each in read(suite.recording) for call in each.tool_calls) == list(range(24))  # type: ignore[index, call-overload]  # an object


@pytest.mark.parametrize(
    ("mark", "told"),
    [
        ("@pytest.mark.assay(polcy='policy.yaml')", "it knows no ['polcy']"),
        ("@pytest.mark.assay(policy='missing.yaml')", "missing.yaml"),
        ("@pytest.mark.assay(policy='agent.py')", "E_POLICY_PARSE"),
        ("@pytest.mark.assay('agent.py', policy='policy.yaml')", "error[E_TRACE"),
    ],
)
def test_a_marker_that_cannot_work_is_an_error(suite: Suite, mark: str, told: str) -> None:
    suite.write(f"{mark}\ndef test_agent():\n    a()\n")

    assert told in suite.run(expect=1)


def test_a_marker_that_names_no_policy_takes_the_one_that_is_found(suite: Suite) -> None:
    suite.write("@pytest.mark.assay\ndef test_agent():\n    c()\n")
    assert "E_TOOL_DENIED" in suite.run(expect=1)

    (suite.folder / "policy.yaml").unlink()
    assert "no policy was found" in suite.run(expect=1)


def test_the_marker_is_listed_and_strict_markers_know_it(suite: Suite) -> None:
    assert "@pytest.mark.assay(trace_file=None, policy=None)" in suite.run("--markers")


def test_a_suite_that_does_not_use_the_plugin_imports_nothing_of_it(suite: Suite) -> None:
    (suite.folder / "agent.py").unlink()
    (suite.folder / "test_agent.py").write_text("""
import sys

def test_inert():
    ours = ("assay", "assay_core", "msgspec", "attr", "attrs")
    found = {name for name in sys.modules if name.partition(".")[0] in ours}
    assert found == {"assay", "assay.pytest_plugin"}
""")

    assert "1 passed" in suite.run(process=True)


def test_calls_after_the_test_belong_to_nobody(suite: Suite) -> None:
    suite.write(f"""
@pytest.fixture
def cleaned():
    yield
    c()

{JUDGE}def test_agent(cleaned):
    a()

{JUDGE}def test_next():
    a()
""")

    assert "2 passed" in suite.run()
