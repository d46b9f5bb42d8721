"""Keeps one run after another and says each number once it is kept. Is killed by the tests."""

from __future__ import annotations

import sys
from pathlib import Path

from assay_core.model import Episode, ToolCall
from assay_core.store import RunEnd, RunStart, RunStore, StoredResult

EPISODES = [
    Episode(id=f"e{at}", events=tuple(ToolCall.of("t", {"n": n}, index=n) for n in range(20))) for at in range(20)
]
ROWS = [StoredResult(test_id=f"t{at}", kind="test", outcome="pass", score=1.0, message="ok " * 50) for at in range(200)]


def main() -> None:
    store = RunStore(Path(sys.argv[1]))
    while True:
        run_id = store.begin_run(RunStart(suite="s", command="run", assay_version="1"))
        store.add_episodes(run_id, EPISODES)
        store.finish_run(run_id, RunEnd(exit_code=0), ROWS)
        sys.stdout.write(f"{run_id}\n")
        sys.stdout.flush()


main()
