"""What kind of project a folder holds, and which MCP servers its client configurations name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import attrs

from assay_core.documents import parse_json
from assay_core.errors import AssayError
from assay_core.model import JsonValue

__all__ = ["FoundServer", "Project", "detect"]

_MARKS = {
    "python": ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt"),
    "node": ("package.json",),
}
# Only files of the project: the configurations in the user's home say nothing about it.
_CLIENT_FILES = (
    ".mcp.json",
    "mcp.json",
    ".cursor/mcp.json",
    ".vscode/mcp.json",
    "claude_desktop_config.json",
)
_MAX_BYTES = 1 << 20

# What stands in the command line of a server, and what to know of its tools.
_HINTS = {
    "server-filesystem": "write_file, edit_file, move_file and create_directory change files; give `path` a pattern",
    "server-fetch": "fetch reaches any address; give `url` a pattern such as '^https://docs[.]example[.]com/'",
    "server-git": "git_commit, git_add, git_reset and git_checkout change the repository",
    "server-github": "create_*, push_files and merge_pull_request write to GitHub in your name",
    "github-mcp-server": "create_*, push_files and merge_pull_request write to GitHub in your name",
    "server-postgres": "query takes any SQL; let the database role be read-only as well",
    "server-sqlite": "write_query and create_table change the database",
    "server-slack": "slack_post_message and slack_reply_to_thread speak in your name",
    "server-puppeteer": "puppeteer_evaluate runs scripts in pages; puppeteer_navigate reaches any address",
    "playwright": "browser_evaluate runs scripts in pages; browser_navigate reaches any address",
    "server-memory": "delete_entities and delete_relations forget for good",
}


@attrs.frozen(kw_only=True)
class FoundServer:
    """One MCP server that a client configuration names. Arguments and environment are left out: they hold keys."""

    name: str
    file: str  # relative to the project, with forward slashes
    program: str  # the last part of its command, or "" for a server that is reached by URL
    hint: str  # what to know of its tools, "" where nothing is known


@attrs.frozen(kw_only=True)
class Project:
    """What was found in a folder."""

    languages: tuple[str, ...] = ()  # of "python", "node"
    servers: tuple[FoundServer, ...] = ()  # by file as searched, then as written
    unreadable: tuple[str, ...] = ()  # client configurations that are not JSON


def detect(folder: Path) -> Project:
    """Look at the folder, not below it and not above. Never raises for what the files hold."""
    languages = tuple(name for name, marks in _MARKS.items() if any((folder / mark).is_file() for mark in marks))
    servers: list[FoundServer] = []
    unreadable: list[str] = []
    for name in _CLIENT_FILES:
        path = folder / name
        try:
            if not path.is_file() or path.stat().st_size > _MAX_BYTES:
                continue
            servers.extend(_servers(parse_json(path.read_bytes(), name), name))
        except (AssayError, OSError):
            unreadable.append(name)
    return Project(languages=languages, servers=tuple(servers), unreadable=tuple(unreadable))


def _servers(value: JsonValue, file: str) -> Iterator[FoundServer]:
    """Yield the servers of one configuration, whichever of its two spellings it uses."""
    if not isinstance(value, Mapping):
        return
    for key in ("mcpServers", "servers"):
        section = value.get(key)
        if isinstance(section, Mapping):
            for name, server in section.items():
                if isinstance(server, Mapping):
                    yield _server(name, server, file)


def _server(name: str, server: Mapping[str, JsonValue], file: str) -> FoundServer:
    command = server.get("command")
    arguments = server.get("args")
    words = [command, *arguments] if isinstance(arguments, list | tuple) else [command]
    line = " ".join(word for word in words if isinstance(word, str))
    hint = next((hint for mark, hint in _HINTS.items() if mark in line), "")
    program = PurePosixPath(command.replace("\\", "/")).name if isinstance(command, str) else ""
    return FoundServer(name=name, file=file, program=program, hint=hint)
