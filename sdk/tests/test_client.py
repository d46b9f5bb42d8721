from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from assay import AssayClient, TraceError, TraceFileError

from .conftest import Read


def events(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def run(source: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", source, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_client_writes_one_episode_of_v2_events(trace: Path, read: Read) -> None:
    with AssayClient(trace, prompt="Tidy up.", meta={"agent": "x"}, test_id="t1") as client:
        client.record_trace({"tool": "a", "args": {"path": "/tmp/f"}})
        client.record_call("b", {"n": 2}, result=[1], duration_ms=3.5, server="s", call_id="id-x", parent_id="p")
        client.record_call("b", error="refused")
        client.record_response("Done.")

    (episode,) = read(trace)

    assert [each["type"] for each in events(trace)] == [
        "episode_start", "tool_call", "tool_call", "tool_call", "step", "episode_end",
    ]  # fmt: skip
    assert (episode.prompt, episode.response, episode.complete, episode.test_id) == ("Tidy up.", "Done.", True, "t1")
    assert episode.meta == {"agent": "x"}
    assert [(call.tool, call.args, call.outcome) for call in episode.tool_calls] == [
        ("a", {"path": "/tmp/f"}, "unknown"), ("b", {"n": 2}, "ok"), ("b", {}, "error"),
    ]  # fmt: skip
    second = episode.tool_calls[1]
    assert (second.duration_ms, second.server, second.call_id, second.parent_id) == (3.5, "s", "id-x", "p")
    assert all(call.ts_ms for call in episode.tool_calls)


def test_every_record_is_on_disk_when_the_method_returns(trace: Path) -> None:
    client = AssayClient(trace, prompt="hi")
    assert len(events(trace)) == 1

    client.record_trace({"tool": "a"})

    assert len(events(trace)) == 2


def test_a_client_that_recorded_nothing_leaves_no_episode(trace: Path) -> None:
    AssayClient(trace).close()

    assert trace.read_bytes() == b""


def test_a_block_in_which_nothing_happens_is_an_episode(trace: Path, read: Read) -> None:
    with AssayClient(trace, episode_id="e"):
        pass

    assert [(each.id, each.complete, each.events) for each in read(trace)] == [("e", True, ())]


def test_an_exception_that_leaves_the_block_is_the_outcome(trace: Path, read: Read) -> None:
    with pytest.raises(KeyError), AssayClient(trace):
        raise KeyError("x")

    assert read(trace)[0].outcome == "error"


def test_two_clients_on_one_file_are_two_episodes(trace: Path, read: Read) -> None:
    one, two = AssayClient(trace), AssayClient(trace)
    for client, tool in ((one, "a"), (two, "b"), (one, "c")):
        client.record_trace({"tool": tool})
    one.close()
    two.close()

    assert [[call.tool for call in each.tool_calls] for each in read(trace)] == [["a", "c"], ["b"]]


def test_a_client_that_is_forgotten_ends_its_episode(trace: Path, read: Read) -> None:
    client = AssayClient(trace)
    client.record_trace({"tool": "a"})
    del client
    gc.collect()

    assert read(trace)[0].complete


def test_a_closed_client_refuses_and_closing_twice_is_fine(trace: Path) -> None:
    client = AssayClient(trace)
    client.record_trace({"tool": "a"})
    client.close("pass")
    client.close()

    with pytest.raises(TraceError, match="is over"):
        client.record_trace({"tool": "b"})
    assert events(trace)[-1]["outcome"] == "pass"


def test_the_first_prompt_is_the_episodes_and_a_later_one_is_a_step(trace: Path, read: Read) -> None:
    client = AssayClient(trace)
    client.record_prompt("first")
    client.record_prompt("second")
    client.record_response('{"prompt": "not this", "completion": "nor this"}')
    client.close()

    (episode,) = read(trace)

    assert episode.prompt == "first"
    assert episode.response == '{"prompt": "not this", "completion": "nor this"}'
    assert [event["kind"] for event in events(trace) if event["type"] == "step"] == ["prompt", "model"]


def test_without_a_file_recording_is_an_error_that_says_so() -> None:
    client = AssayClient()

    with pytest.raises(RuntimeError, match="trace_file is not configured"):
        client.record_trace({"tool": "a"})
    with pytest.raises(RuntimeError, match="trace_file is not configured"), client:
        pass


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="Failed to open trace file") as caught:
        AssayClient(trace_file=str(tmp_path / "no" / "t.jsonl"))

    assert isinstance(caught.value, TraceFileError)
    assert caught.value.code == "E_IO"


@pytest.mark.parametrize("bad", ["", "  ", 3])
def test_a_call_without_a_tool_is_refused(trace: Path, bad: object) -> None:
    with pytest.raises(ValueError, match="a tool has a name"):
        AssayClient(trace).record_call(bad)  # type: ignore[arg-type]  # on purpose


def test_a_call_block_records_time_result_and_exception(trace: Path, read: Read) -> None:
    with AssayClient(trace) as client:
        with client.call("a", {"q": 1}, server="s") as call:
            call.result = {"hits": 3}
        with pytest.raises(OSError, match="gone"), client.call("b"):
            raise OSError("gone")

    one, two = read(trace)[0].tool_calls

    assert (one.result, one.outcome, one.server) == ({"hits": 3}, "ok", "s")
    assert one.duration_ms is not None
    assert (two.error, two.outcome) == ("OSError: gone", "error")


def test_threads_share_a_client_and_lose_nothing(trace: Path, read: Read) -> None:
    with AssayClient(trace) as client:

        def work(name: int) -> None:
            for count in range(50):
                client.record_trace({"tool": f"t{name}", "args": {"count": count, "pad": "x" * 3000}})

        threads = [threading.Thread(target=work, args=(name,)) for name in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    (episode,) = read(trace)

    assert len(episode.tool_calls) == 300
    for name in range(6):
        counts = [call.args["count"] for call in episode.tool_calls if call.tool == f"t{name}"]  # type: ignore[index, call-overload]  # an object
        assert counts == list(range(50))


def test_asyncio_tasks_with_a_block_each_are_episodes_of_their_own(trace: Path, read: Read) -> None:
    async def agent(name: str) -> None:
        async def step(count: int) -> None:
            await asyncio.sleep(0)
            client.record_trace({"tool": name, "args": {"count": count}})

        with AssayClient(trace, episode_id=name) as client:
            await asyncio.gather(*(step(count) for count in range(10)))

    async def main() -> None:
        await asyncio.gather(*(agent(name) for name in "xyz"))

    asyncio.run(main())

    assert {each.id: {call.tool for call in each.tool_calls} for each in read(trace)} == {
        "x": {"x"},
        "y": {"y"},
        "z": {"z"},
    }


WRITER = """
import sys
from assay import AssayClient
client = AssayClient(sys.argv[1], episode_id=sys.argv[2])
for count in range(60):
    client.record_trace({"tool": "t", "args": {"count": count, "pad": "x" * (count % 7) * 20_000}})
"""


def test_processes_append_to_one_file_without_mixing_lines(trace: Path, read: Read) -> None:
    writers = [run(WRITER, str(trace), f"p{number}") for number in range(4)]
    for writer in writers:
        _, printed = writer.communicate(timeout=60)
        assert writer.returncode == 0, printed

    episodes = read(trace)

    assert sorted(each.id for each in episodes) == ["p0", "p1", "p2", "p3"]
    for episode in episodes:
        assert episode.complete
        assert [call.args["count"] for call in episode.tool_calls] == list(range(60))  # type: ignore[index, call-overload]  # an object


def test_a_forked_process_records_an_episode_of_its_own(trace: Path, read: Read) -> None:
    source = """
import os, sys
from assay import AssayClient
client = AssayClient(sys.argv[1], episode_id="parent")
client.record_trace({"tool": "a"})
child = os.fork()
client.record_trace({"tool": "b" if child else "c"})
if child:
    os.waitpid(child, 0)
"""
    process = run(source, str(trace))
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 0, printed

    parent, child = sorted(read(trace), key=lambda each: each.id != "parent")

    assert [call.tool for call in parent.tool_calls] == ["a", "b"]
    assert [call.tool for call in child.tool_calls] == ["c"]
    assert child.meta == {"forked_from": "parent"}
    assert parent.complete
    assert child.complete


@pytest.mark.parametrize(
    ("end", "complete"),
    [("", True), ("raise SystemExit(3)", True), ("raise ValueError('x')", False), ("os.kill(os.getpid(), 9)", False)],
)
def test_only_a_peaceful_end_of_the_process_ends_the_episode(trace: Path, read: Read, end: str, complete: bool) -> None:
    source = "import os, sys\nfrom assay import AssayClient\nclient = AssayClient(sys.argv[1])\n"
    process = run(f'{source}client.record_trace({{"tool": "a"}})\n{end}\n', str(trace))
    process.communicate(timeout=60)

    (episode,) = read(trace)

    assert [call.tool for call in episode.tool_calls] == ["a"]
    assert episode.complete is complete


def test_a_process_that_is_killed_loses_at_most_the_line_being_written(trace: Path, read: Read) -> None:
    source = """
import sys
from assay import AssayClient
client = AssayClient(sys.argv[1])
count = 0
while True:
    client.record_trace({"tool": "t", "args": {"count": count}})
    count += 1
    print(count, flush=True)
"""
    process = run(source, str(trace))
    assert process.stdout is not None
    told = [int(process.stdout.readline()) for _ in range(200)]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)

    (episode,) = read(trace)

    counts = [call.args["count"] for call in episode.tool_calls]  # type: ignore[index, call-overload]  # an object
    assert counts == list(range(len(counts)))
    assert len(counts) >= told[-1]


def test_a_line_that_a_dying_machine_tore_is_taken_away(trace: Path, read: Read) -> None:
    trace.write_text('{"tool": "a"}\n{"type":"tool_call","episode_id":"x","tool_na')

    with AssayClient(trace) as client:
        client.record_trace({"tool": "b"})

    assert [[call.tool for call in each.tool_calls] for each in read(trace)] == [["a"], ["b"]]


def test_a_last_line_without_its_line_feed_is_kept(trace: Path, read: Read) -> None:
    trace.write_text('{"tool": "a"}')

    with AssayClient(trace) as client:
        client.record_trace({"tool": "b"})

    assert [[call.tool for call in each.tool_calls] for each in read(trace)] == [["a"], ["b"]]


def test_a_file_that_is_no_trace_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("dear diary,\ntoday")

    with pytest.raises(TraceFileError, match="its end is no JSON line"):
        AssayClient(path)

    assert path.read_text() == "dear diary,\ntoday"


def test_a_full_disk_is_an_error_and_not_silence() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")

    with pytest.raises(TraceFileError, match="No space left"):
        AssayClient("/dev/full").record_trace({"tool": "a"})


def test_tool_definitions_are_recorded_once(trace: Path, read: Read) -> None:
    definition = {"name": "a", "description": "reads", "input_schema": {"type": "object"}, "server_id": "s"}
    with AssayClient(trace) as client:
        client.record_tools([definition])
        client.record_tools([definition, {**definition, "name": "b"}])

    definitions = read(trace)[0].tool_definitions

    assert definitions is not None
    assert [(each.name, each.description, each.input_schema, each.server) for each in definitions] == [
        ("a", "reads", {"type": "object"}, "s"), ("b", "reads", {"type": "object"}, "s"),
    ]  # fmt: skip
