"""The decision log: a chain over lines, files and crashes; whole lines only; for one pair of eyes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from assay_enforcer_mcp.log.decision_log import DecisionLog, default_path
from assay_enforcer_mcp.log.records import DecisionRecord, FrameRecord, LogFailure

from assay_core.errors import AssayError

ZERO = "sha256:" + "0" * 64


def opened(path: Path, **options: object) -> DecisionLog:
    return DecisionLog(path, source="assay://t", policy_digest="sha256:p", **options)  # type: ignore[arg-type]  # by name


def record(tool: str = "read", **fields: object) -> DecisionRecord:
    return DecisionRecord(tool=tool, decision="allow", call_id="c", **fields)  # type: ignore[arg-type]  # by name


def chain_of(*paths: Path) -> list[dict[str, object]]:
    """Read files in order and check that each line names the one before it."""
    last, events = ZERO, []
    for path in paths:
        for line in path.read_bytes().splitlines():
            if line.startswith(b'{"specversion"') and line.endswith(b"}"):
                events.append(json.loads(line))
                assert events[-1]["assayprev"] == last
            last = "sha256:" + hashlib.sha256(line).hexdigest()
    return events


def test_a_chain_goes_on_over_sessions_and_long_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    for tool in ("a", "b" * 3_000_000, "c"):
        log = opened(path)
        log.append([record(tool), record()])
        log.close()

    assert len(chain_of(path)) == 6


def test_a_chain_goes_on_behind_a_line_that_a_crash_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = opened(path)
    log.append([record()])
    log.close()
    with path.open("ab") as stream:
        stream.write(b'{"specversion":"1.0","id"')

    log = opened(path)
    log.append([record()])
    log.close()

    assert len(chain_of(path)) == 2
    assert path.read_bytes().count(b"\n") == 3


def test_a_rotated_log_goes_on_with_its_chain_after_a_restart_too(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = opened(path, rotate_bytes=200)
    for _ in range(3):
        log.append([record()])
    log.close()
    path.rename(tmp_path / "log.jsonl.3")  # as a crash between moving aside and writing leaves it
    log = opened(path)
    log.append([record()])
    log.close()

    assert len(chain_of(*(tmp_path / f"log.jsonl.{number}" for number in (1, 2, 3)), path)) == 4


def test_the_log_is_for_one_pair_of_eyes_even_where_it_was_there(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("")
    path.chmod(0o644)

    opened(path).close()

    assert path.stat().st_mode & 0o777 == 0o600


def test_links_pipes_and_logs_in_use_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "pipe")
    used = opened(tmp_path / "used")
    for name, code in (("link", "E_IO"), ("pipe", "E_IO"), ("used", "E_INVALID_ARGS")):
        with pytest.raises(AssayError) as raised:
            opened(tmp_path / name)
        assert raised.value.code == code
    used.close()

    assert not (tmp_path / "elsewhere").exists()


def test_facts_replace_nothing_and_what_is_no_text_is_a_failure(tmp_path: Path) -> None:
    log = opened(tmp_path / "log.jsonl")
    log.append([record(detail={"decision": "deny", "approver": "a"}), FrameRecord(event="e", message="\x1b[31m\n")])

    with pytest.raises(LogFailure):
        log.append([record("\ud800")])

    log.close()
    events = chain_of(tmp_path / "log.jsonl")
    assert [events[0]["data"][name] for name in ("decision", "approver")] == ["allow", "a"]  # type: ignore[index]  # an object
    assert len(events) == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(folder)]
    if os.geteuid() or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(log: DecisionLog) -> None:
    for _ in range(1000):
        log.append([record(), record("x" * 300)])


def test_a_full_disk_leaves_whole_lines_only(small_disk: Path) -> None:
    path = small_disk / "log.jsonl"
    log = opened(path)

    with pytest.raises(LogFailure):
        fill(log)

    log.close()
    assert path.read_bytes().endswith(b"}\n")
    assert len(chain_of(path)) % 2 == 0


def test_the_default_place_is_made_of_plain_letters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    assert default_path("../../a b\x1b").parent == tmp_path / "assay" / "decisions"
    assert default_path("../../a b\x1b").name == "_.._a_b_.jsonl"
