"""`make demo`: learn a policy from a careful agent's trace, then gate a careless one and a raw MCP session by it.

Everything is written to `.demo/`, or to the folder that is named; what was there is deleted. Where Node 20 or newer is
found, both traces are recorded anew by `record.py`; otherwise the bundled ones are used, and the demo says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
DEMO = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else REPOSITORY / ".demo"
AGENTS = ("careful", "careless")
RECORDER = REPOSITORY / "plugins" / "importers" / "mcp" / "tests" / "record_sessions.py"
SESSION = "filesystem.wire.jsonl"  # what went over the wire between the official client and the npm server


def say(text: str) -> None:
    """Print one line of the demo's own, ahead of what the next command prints."""
    print(text, flush=True)


def assay(*words: str, expect: int) -> bool:
    """Run one assay command in `.demo`, show it with its exit code, and tell whether that is the expected one."""
    say(f"\n$ assay {' '.join(words)}")
    code = subprocess.run([sys.executable, "-m", "assay_core", *words], cwd=DEMO, check=False).returncode
    say(f"[exit code {code}]" if code == expect else f"[exit code {code}, but {expect} was expected]")
    return code == expect


def node_is_new_enough() -> bool:
    """Tell whether Node 20 or newer is here, and npm with it."""
    if not (shutil.which("node") and shutil.which("npm")):
        return False
    found = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    return found.startswith("v") and int(found[1:].split(".")[0]) >= 20


def record_anew(traces: Path) -> str:
    """Record both agents into the folder, and a session beside it; say why that was not possible, "" if it was."""
    if os.environ.get("ASSAY_DEMO") == "bundled":
        return "ASSAY_DEMO=bundled"
    if not node_is_new_enough():
        return "no Node 20 or newer here"
    say("Node found: recording both agents anew (ASSAY_DEMO=bundled skips this) ...")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    wanted = ["-c", "requirements/constraints.txt", "-r", "requirements/demo.txt"]
    agents = [sys.executable, str(HERE / "record.py"), str(traces)]
    session = [sys.executable, str(RECORDER), str(traces.parent / "session"), "filesystem"]
    for step in ([*pip, *wanted], agents, session):
        done = subprocess.run(step, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip() or "no message").splitlines()[-1]
            return f"recording failed: {last}"
    return ""


def tool_names(trace: Path) -> tuple[list[str], list[str]]:
    """Return the tools that the agent called, in order, and those that the server announced."""
    called: list[str] = []
    announced: list[str] = []
    for line in trace.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        if event["type"] == "tool_call":
            called.append(event["tool_name"])
        elif event["type"] == "episode_start":
            announced = sorted(tool["name"] for tool in event["meta"]["tool_definitions"])
    return called, announced


def provide_traces(traces: Path) -> bool:
    """Put both traces into the folder; tell whether new ones name the same tools as the bundled ones."""
    bundled = HERE / "traces"
    if why := record_anew(traces):
        say(f"Using the bundled traces ({why}).")
        shutil.copytree(bundled, traces, dirs_exist_ok=True)
        (traces.parent / "session").mkdir(exist_ok=True)
        shutil.copy(RECORDER.parent / "recordings" / SESSION, traces.parent / "session")
        return True
    same = True
    for agent in AGENTS:
        (called, announced), (was_called, was_announced) = (
            tool_names(folder / f"{agent}.jsonl") for folder in (traces, bundled)
        )
        same = same and called == was_called
        say(f"  {agent}: {len(called)} calls, the same tools as in the bundled trace: {called == was_called}")
        if announced != was_announced:
            say(f"  note: the server now announces {sorted(set(announced) ^ set(was_announced))} differently")
    return same


def main() -> int:
    """Show init, validate, ci and import; 0 if every command ended as it should."""
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir()
    good = [provide_traces(DEMO / "traces")]

    say("\n1. Learn a starting policy and suite from what the careful agent did.")
    good.append(assay("init", "--from-trace", "traces/careful.jsonl", expect=0))
    say("\n2. Both are valid, and the trace they come from passes.")
    good.append(assay("validate", "traces/careful.jsonl", expect=0))
    say("\n3. The gate in CI: the careful agent passes, the careless one does not.")
    for agent, code in zip(AGENTS, (0, 1), strict=True):
        reports = ("--sarif", f"{agent}/results.sarif", "--junit", f"{agent}/junit.xml", "--out-dir", agent)
        (DEMO / agent).mkdir()
        good.append(assay("ci", f"traces/{agent}.jsonl", *reports, expect=code))

    say("\n4. A session as it went over the wire, imported and held to the same policy.")
    good.append(assay("import", f"session/{SESSION}", expect=0))
    good.append(assay("validate", "policy.yaml", f"session/{Path(SESSION).stem}.trace.jsonl", expect=1))

    say("\nOn disk now:")
    for path in sorted(DEMO.rglob("*")):
        if path.is_file():
            say(f"  {DEMO.name}/{path.relative_to(DEMO)}  ({path.stat().st_size} bytes)")
    say("\nEverything ended as it should." if all(good) else "\nNot everything ended as it should.")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
