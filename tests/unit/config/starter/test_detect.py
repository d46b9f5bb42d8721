"""What `assay init` sees in a project."""

from __future__ import annotations

import json
from pathlib import Path

from assay_core.config.starter import detect, server_notes


def write_servers(folder: Path, name: str, servers: object, key: str = "mcpServers") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({key: servers}))


def test_detect_names_the_languages_of_a_project(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / "requirements.txt").write_text("")

    assert detect(tmp_path).languages == ("python", "node")


def test_detect_finds_nothing_in_an_empty_folder(tmp_path: Path) -> None:
    project = detect(tmp_path)

    assert (project.languages, project.servers, project.unreadable) == ((), (), ())


def test_detect_lists_servers_of_every_client_configuration(tmp_path: Path) -> None:
    filesystem = {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "."]}
    write_servers(tmp_path, ".mcp.json", {"files": filesystem})
    write_servers(tmp_path, ".vscode/mcp.json", {"web": {"url": "https://example.com/mcp"}}, key="servers")
    write_servers(tmp_path, "claude_desktop_config.json", {"own": {"command": "/opt/bin/own-server"}})

    found = detect(tmp_path).servers

    assert [(each.name, each.file, each.program) for each in found] == [
        ("files", ".mcp.json", "npx"),
        ("web", ".vscode/mcp.json", ""),
        ("own", "claude_desktop_config.json", "own-server"),
    ]
    assert "write_file" in found[0].hint
    assert found[1].hint == found[2].hint == ""


def test_detect_keeps_arguments_and_environment_of_a_server_to_itself(tmp_path: Path) -> None:
    server = {"command": "npx", "args": ["server-github", "--token", "hunter2"], "env": {"TOKEN": "hunter3"}}
    write_servers(tmp_path, ".mcp.json", {"github": server})

    project = detect(tmp_path)

    assert "hunter" not in repr(project) + "".join(server_notes(project.servers))


def test_detect_names_a_configuration_that_is_not_json(tmp_path: Path) -> None:
    (tmp_path / "mcp.json").write_text('{"mcpServers": ')

    assert detect(tmp_path).unreadable == ("mcp.json",)


def test_detect_survives_configurations_of_any_shape(tmp_path: Path) -> None:
    for number, value in enumerate(([], 1, {"mcpServers": []}, {"mcpServers": {"a": 1, "b": {"args": 3}}})):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / ".mcp.json").write_text(json.dumps(value))

        assert all(each.name == "b" for each in detect(folder).servers)


def test_server_notes_stay_comments_whatever_a_server_is_called(tmp_path: Path) -> None:
    write_servers(tmp_path, ".mcp.json", {"x\ntools: {allow: ['*']}\r\u2028\u202e": {"command": "x"}})

    notes = "".join(server_notes(detect(tmp_path).servers))

    assert all(line.startswith("#") for line in notes.splitlines() if line)
    assert "\u202e" not in notes
