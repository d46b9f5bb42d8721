"""Which files `assay watch` watches, and what counts as a change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from assay_core.cli.watched_files import State, WatchedFiles, output_files, root_files
from assay_core.cli.words import Words

SUITE = """\
configVersion: 1
suite: shop
policy: "rules/policy.yaml"   # not old.yaml
tests:
  - id: shaped
    input: see notes.txt, and b/c
    expected: {type: json_schema, schema_file: shape.json}
  - id: other
    input: data
    expected:
      type: json_schema
      schema_file: with space.json
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("ASSAY_CONFIG", "ASSAY_POLICY", "ASSAY_TRACE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def names(state: State) -> set[str]:
    return {os.path.relpath(path) for path, found in state.items() if found is not None}


def write(name: str, text: str = "{}") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_files_that_a_suite_names_are_watched_and_what_those_name() -> None:
    write("eval.yaml", SUITE)
    write("rules/policy.yaml", "schemas: {refund: {$ref: 'deep.json#/$defs/a'}}\n")
    write("rules/deep.json", '{"$ref": "../deeper.json"}')
    write("deeper.json")
    write("shape.json")
    write("with space.json")
    write("old.yaml")
    write("never-named.json")

    state = WatchedFiles([Path("eval.yaml")]).state()

    expected = {"eval.yaml", "rules/policy.yaml", "rules/deep.json", "deeper.json", "shape.json", "with space.json"}
    assert names(state) == expected


def test_a_named_file_that_is_not_there_yet_is_waited_for() -> None:
    write("eval.yaml", SUITE)
    files = WatchedFiles([Path("eval.yaml")])
    before = files.state()

    write("shape.json")

    after = files.state()
    assert before[Path("shape.json").absolute()] is None
    assert after != before
    assert names(after) - names(before) == {"shape.json"}


def test_broken_yaml_keeps_what_it_names() -> None:
    write("shape.json")
    write("eval.yaml", "tests: [\n  {schema_file: shape.json\n\t: : }\n")

    assert names(WatchedFiles([Path("eval.yaml")]).state()) == {"eval.yaml", "shape.json"}


def test_a_deleted_document_keeps_what_it_named() -> None:
    write("shape.json")
    document = write("eval.yaml", SUITE)
    files = WatchedFiles([document])
    files.state()

    document.unlink()

    assert names(files.state()) == {"shape.json"}


def test_the_same_size_and_time_with_other_bytes_is_a_change() -> None:
    path = write("eval.yaml", "a: 1\n")
    files = WatchedFiles([path])
    before, times = files.state(), path.stat()

    path.write_text("a: 2\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert files.state() != before


def test_nothing_has_changed_where_nothing_was_written() -> None:
    write("eval.yaml", SUITE)
    files = WatchedFiles([Path("eval.yaml"), Path("trace.jsonl"), Path()])

    assert files.state() == files.state()


def test_files_that_name_each_other_come_to_an_end() -> None:
    write("a.json", '["b.json"]')
    write("b.json", '["a.json", "b.json"]')

    assert names(WatchedFiles([Path("a.json")]).state()) == {"a.json", "b.json"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00.json",
        '"' + "x" * 300 + '.json"',
        "/etc/passwd ../.. . ./ // a/ .json/ *.json ${HOME}.json",
        "\ud800.json",
        "[" * 10_000,
    ],
)
def test_hostile_text_names_nothing(text: str) -> None:
    Path("eval.yaml").write_bytes(text.encode("utf-8", "surrogatepass") + b"\xff\xfe")

    state = WatchedFiles([Path("eval.yaml")]).state()

    assert names(state) == {"eval.yaml"}


def test_a_pipe_is_not_read() -> None:
    os.mkfifo("trace.jsonl")

    assert names(WatchedFiles([Path("trace.jsonl")]).state()) == {"trace.jsonl"}


def test_a_folder_does_not_change_with_what_is_written_into_it() -> None:
    files = WatchedFiles([Path()])
    before = files.state()

    write("run.json.tmp")

    assert files.state() == before


def test_what_a_run_writes_is_not_watched_though_it_is_named() -> None:
    write("eval.yaml", "{a: run.json, b: out/junit.xml, c: shape.json}")
    for name in ("run.json", "out/junit.xml", "shape.json"):
        write(name)
    words = Words(junit="out/junit.xml", report=("sarif", "markdown=-"))

    files = WatchedFiles([Path("eval.yaml")], output_files(words))

    assert names(files.state()) == {"eval.yaml", "shape.json"}


def test_given_up_are_named_files_and_never_the_roots() -> None:
    write("shape.json")
    root = write("eval.yaml", SUITE).absolute()
    files = WatchedFiles([root])

    dropped = files.give_up([root, Path("shape.json").absolute()])

    assert dropped == (Path("shape.json").absolute(),)
    assert names(files.state()) == {"eval.yaml"}


def test_roots_are_named_files_defaults_and_those_of_the_project(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("eval.yaml", SUITE)
    write("pyproject.toml", '[tool.assay]\ntrace = "t.jsonl"\n')
    (here / "inner").mkdir()
    monkeypatch.chdir(here / "inner")
    monkeypatch.setenv("ASSAY_POLICY", "p.yaml")

    roots = {os.path.normpath(os.path.relpath(path, here)) for path in root_files(Words(files=("x.jsonl",)))}

    assert {"inner/x.jsonl", "inner/p.yaml", "eval.yaml", "pyproject.toml", "inner/eval.yaml"} <= roots
    assert any(name.endswith("t.jsonl") for name in roots)


def test_roots_are_found_where_pyproject_is_broken() -> None:
    write("pyproject.toml", "[tool.assay\n")

    assert Path("pyproject.toml").absolute() in [path.absolute() for path in root_files(Words())]
