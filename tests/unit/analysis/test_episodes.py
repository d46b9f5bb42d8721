from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay_core.analysis.episodes import find_policy, read_episodes
from assay_core.errors import AssayError, UsageError
from assay_core.plugins.catalogue import Catalogue
from assay_core.trace import FileSource

POLICY = 'version: "2.0"\nname: found\ntools: {deny: [c]}\n'


def test_the_policy_is_found_upwards(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "deep").mkdir()

    assert find_policy(tmp_path / "deep").name == "found"


def test_the_policy_that_the_suite_names_comes_first(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "mine.yaml").write_text(POLICY.replace("found", "named"))
    (tmp_path / "eval.yaml").write_text("configVersion: 1\nsuite: s\nmodel: trace\npolicy: mine.yaml\ntests: []\n")

    assert find_policy(tmp_path).name == "named"


@pytest.mark.parametrize("suite", ["", "configVersion: 1\nsuite: s\nmodel: trace\npolicy: null\ntests: []\n"])
def test_no_policy_is_an_error_that_says_where_was_looked(tmp_path: Path, suite: str) -> None:
    if suite:
        (tmp_path / "eval.yaml").write_text(suite)

    with pytest.raises(AssayError) as caught:
        find_policy(tmp_path)

    assert caught.value.code in ("E_MISSING_CONFIG", "E_CFG_VACUOUS")
    if not suite:
        assert isinstance(caught.value, UsageError)
        assert str(tmp_path) in caught.value.message


def test_a_trace_file_is_read_by_the_importer_that_knows_it(tmp_path: Path) -> None:
    if not Catalogue.scan().records("assay.importers"):
        pytest.skip("no importer is installed")
    trace = tmp_path / "calls.jsonl"
    trace.write_text(json.dumps({"tool": "a", "args": {}}) + "\n")

    (episode,) = read_episodes(FileSource(trace))

    assert (episode.id, [call.tool for call in episode.tool_calls]) == ("calls", ["a"])
