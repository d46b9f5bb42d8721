"""The workflows of docs/how-to/ci-on-github-and-gitlab.md: their commands and scripts are run as they stand there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "how-to" / "ci-on-github-and-gitlab.md"
TRACES = REPOSITORY / "docs" / "examples" / "demo" / "traces"
MARKER = "<!-- assay-governance-report -->"


def block(label: str) -> str:
    """Return the code block after a label of the page."""
    found = re.search(rf"<!-- {label} -->\n```\w+\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.S | re.M)
    assert found, f"the page has no block {label}"
    return found[1]


def steps() -> dict[str, dict[str, Any]]:
    workflow = YAML(typ="safe").load(block("workflow: github"))
    return {step["name"]: step for step in workflow["jobs"]["gate"]["steps"] if "name" in step}


def gates() -> list[str]:
    gitlab = YAML(typ="safe").load(block("workflow: gitlab"))["assay"]
    return [steps()["Gate"]["run"], *(line for line in gitlab["script"] if line.startswith("assay "))]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "traces").mkdir()
    shutil.copy(TRACES / "careless.jsonl", tmp_path / "traces" / "agent.jsonl")
    policy = 'version: "2.0"\nname: demo\ntools:\n  deny: [write_file]\n'
    (tmp_path / "policy.yaml").write_text(policy, encoding="utf-8")
    return tmp_path


def run(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{folder / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("command", gates())
def test_gate_fails_the_job_and_writes_what_later_steps_take(command: str, project: Path) -> None:
    for name in ("console", "sarif", "junit", "markdown"):
        pytest.importorskip(f"assay_reporter_{name}", reason=f"assay-reporter-{name} is not installed here")
    pytest.importorskip("assay_importer_jsonl", reason="assay-importer-jsonl is not installed here")

    done = run(command, project)

    assert done.returncode == 1, done.stdout + done.stderr
    assert {"assay.sarif", "junit.xml", "pr-comment.md", "run.json", "summary.json"} <= {
        path.name for path in project.iterdir()
    }
    assert (project / "pr-comment.md").read_text(encoding="utf-8").startswith(MARKER + "\n")


GH = """\
#!/usr/bin/env python3
import json, os, sys
words = sys.argv[1:]
with open(os.environ["CALLS"], "a") as log:
    log.write(json.dumps(words) + "\\n")
if "--jq" in words:
    sys.stdout.write(os.environ["FOUND"])
"""


@pytest.mark.parametrize(
    ("found", "method", "path"),
    [
        ("", "POST", "repos/acme/agent/issues/7/comments"),
        ("41\n42\n", "PATCH", "repos/acme/agent/issues/comments/41"),
    ],
)
def test_comment_on_github_replaces_the_last_one(found: str, method: str, path: str, project: Path) -> None:
    (project / "bin").mkdir()
    (project / "bin" / "gh").write_text(GH, encoding="utf-8")
    (project / "bin" / "gh").chmod(0o755)
    calls = project / "calls"

    done = run(
        steps()["Comment on the pull request"]["run"],
        project,
        GITHUB_REPOSITORY="acme/agent",
        NUMBER="7",
        CALLS=str(calls),
        FOUND=found,
    )

    assert done.returncode == 0, done.stderr
    listed, written = map(json.loads, calls.read_text(encoding="utf-8").splitlines())
    assert listed[:3] == ["api", "--paginate", "repos/acme/agent/issues/7/comments"]
    assert f'startswith("{MARKER}")' in listed[-1]
    assert 'user.login == "github-actions[bot]"' in listed[-1]
    assert written == ["api", "--silent", "--method", method, path, "--field", "body=@pr-comment.md"]


class GitLab(BaseHTTPRequestHandler):
    """The part of GitLab's API that the script needs, with two pages of notes."""

    pages: list[list[dict[str, Any]]]
    written: list[tuple[str, str, str]]

    def do_GET(self) -> None:
        page = int(self.path.rpartition("page=")[2]) if "/notes" in self.path else 0
        body: Any = self.pages[page - 1] if page else {"id": 5}
        self._answer(body, str(page + 1) if 0 < page < len(self.pages) else "")

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.written.append((self.command, self.path, sent["body"]))
        self._answer({}, "")

    do_PUT = do_POST  # noqa: N815 - the name http.server calls

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, body: Any, following: str) -> None:
        data = json.dumps(body).encode()
        self.send_response(200 if self.headers["PRIVATE-TOKEN"] == "secret" else 401)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Next-Page", following)
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def gitlab() -> Iterator[type[GitLab]]:
    handler = type("Handler", (GitLab,), {"pages": [], "written": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    handler.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]  # for the test
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("mine", [False, True])
def test_comment_on_gitlab_replaces_the_last_one(mine: bool, project: Path, gitlab: Any) -> None:
    foreign = {"id": 1, "author": {"id": 9}, "body": MARKER + "\nnot from the gate"}
    other = {"id": 2, "author": {"id": 5}, "body": "hello"}
    own = {"id": 3, "author": {"id": 5}, "body": MARKER + "\nold"}
    gitlab.pages.extend([[foreign, other], [own] if mine else []])
    (project / "pr-comment.md").write_text(MARKER + "\nnew ❌", encoding="utf-8")
    (project / "comment.py").write_text(block("script: ci/comment.py"), encoding="utf-8")

    done = run(
        "python comment.py",
        project,
        CI_API_V4_URL=gitlab.url,
        CI_PROJECT_ID="4",
        CI_MERGE_REQUEST_IID="8",
        GITLAB_COMMENT_TOKEN="secret",
    )

    assert done.returncode == 0, done.stderr
    path = "/projects/4/merge_requests/8/notes"
    expected = ("PUT", f"{path}/3") if mine else ("POST", path)
    assert gitlab.written == [(*expected, MARKER + "\nnew ❌")]
