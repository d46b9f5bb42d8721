"""Suites of the Rust project: which load, which are refused, where and why."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from assay_core.config import json_schema, kind_of, load_suite
from assay_core.documents import read_document
from assay_core.errors import AssayError
from assay_core.model import Suite
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.drivers import Drivers
from tests.vectors import vectors_dir

LOADS = {
    "demo/fixtures/assay.yaml": 0,
    "demo/fixtures/eval.yaml": 1,
    "examples/baseline-gate/eval.yaml": 1,
    "examples/demo/assay-safe.yaml": 1,  # its empty must_contain is refused when the check is prepared
    "examples/demo/common-mistake/assay.yaml": 1,  # as above
    "examples/negation-safety/eval.yaml": 2,
    "tests/fixtures/contract/fail.yaml": 1,
    "tests/fixtures/contract/pass.yaml": 1,
    "tests/fixtures/golden/eval.yaml": 1,
    "tests/fixtures/golden/eval_fail.yaml": 1,
    "tests/fixtures/golden/legacy_eval.yaml": 1,
    "tests/fixtures/migrate-zoo/01_anchors_and_aliases.yaml": 2,  # its bare schema is refused when prepared
    "tests/fixtures/migrate-zoo/04_legacy_syntax.yaml": 1,
    "tests/fixtures/migration/compat_anchors.yaml": 1,  # as above
    "tests/fixtures/migration/complex_expected.yaml": 3,  # as above
    "tests/fixtures/migration/complex_legacy.yaml": 3,  # its policies are named relative to another folder
    "tests/fixtures/perf/eval_small.yaml": 5,
    "tests/fp_suite.yaml": 17,
    "tests/regex_compatibility.yaml": 2,
}
MEANING = {  # need the metrics of meaning: embeddings and judges
    "ci-eval.yaml": 3,
    "examples/negation-safety/simple.yaml": 3,
    "examples/rag-grounding/eval.yaml": 3,
    "examples/rag-grounding/simple.yaml": 3,
    "tests/fixtures/perf/semantic_vcr/eval_semantic_vcr.yaml": 2,
    "tests/precompute/eval.yaml": 1,
}
LOADS |= MEANING
REFUSED = {
    "tests/fixtures/contract/invalid.yaml": [("E_CFG_UNKNOWN_KEY", 4, 1)],
    "tests/fixtures/golden/eval_broken.yaml": [("E_CFG_PARSE", 14, 1)],
    "tests/fixtures/mcp/malformed.yaml": [("E_CFG_PARSE", 3, 1)],
    "tests/fixtures/migrate-zoo/02_weird_paths.yaml": [("E_CFG_UNKNOWN_KEY", 10, 1)],
    "tests/fixtures/migrate-zoo/03_nulls_and_empty.yaml": [("E_CFG_VACUOUS", 21, 5)],
    "tests/fixtures/migration/compat_unknown.yaml": [("E_CFG_UNKNOWN_KEY", 4, 1)],
    "tests/parity_suite.yaml": [("E_CFG_UNKNOWN_KEY", 14, 1)],  # a format of its own
}  # fmt: skip
NEITHER = {  # lists and bare schemas that a suite of the Rust project names as policies
    "tests/fixtures/mcp/sequence_policy.yaml",
    "tests/fixtures/migration/policies/dup_seq.yaml",
    "tests/fixtures/migration/policies/empty.yaml",
    "tests/fixtures/migration/policies/strict.yaml",
}


@pytest.fixture(scope="module")
def drivers() -> Drivers:
    found = Drivers(Catalogue.scan())
    if "args_valid" not in found.names("assay.metrics"):
        pytest.skip("assay-metric-standard is not installed")
    return found


def upstream(*parts: str) -> Path:
    return vectors_dir().joinpath("upstream", *parts)


def load(name: str, drivers: Drivers) -> Suite:
    if name in MEANING and not {"semantic_similarity_to", "faithfulness"} <= set(drivers.names("assay.metrics")):
        pytest.skip("assay-metric-embedding or assay-metric-judge is not installed")
    return load_suite(upstream(*name.split("/")), drivers=drivers)


@pytest.mark.parametrize("name", sorted(LOADS))
def test_a_suite_loads(name: str, drivers: Drivers) -> None:
    suite = load(name, drivers)

    assert len(suite.tests) == LOADS[name]
    assert all(test.expectations for test in suite.tests)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_suite_is_refused_at_its_line(name: str, drivers: Drivers) -> None:
    with pytest.raises(AssayError) as caught:
        load(name, drivers)

    found = [caught.value, *caught.value.others]
    assert [(each.code, *each.place[1:3]) for each in found if each.place] == REFUSED[name]
    assert caught.value.exit_code == 2
    lines = upstream(*name.split("/")).read_text().split("\n")
    assert all(each.place and each.place.text == lines[each.place.line - 1] for each in found)


def test_a_misspelt_key_names_the_right_one(drivers: Drivers) -> None:
    with pytest.raises(AssayError, match="did you mean 'policy'"):
        load("tests/fixtures/contract/invalid.yaml", drivers)


def test_unknown_keys_that_the_rust_project_ignores_are_notices_where_that_is_asked_for(drivers: Drivers) -> None:
    suite = load_suite(upstream("tests", "fixtures", "migration", "compat_unknown.yaml"), drivers=drivers, lenient=True)

    assert [(each.code, each.place and each.place.line) for each in suite.notices] == [
        ("W_CFG_LENIENT", 4),
        ("W_CFG_LENIENT", 8),
    ]


def test_every_other_yaml_file_is_told_apart() -> None:
    """A policy is never taken for a suite, nor a suite for a policy."""
    kinds: dict[str, set[str]] = {"suite": set(), "policy": set(), "neither": set(), "broken": set()}
    root = upstream()
    for path in sorted(root.rglob("*.yaml")):
        name = path.relative_to(root).as_posix()
        try:
            kinds[kind_of(path)].add(name)
        except AssayError as error:
            kinds["neither" if error.code == "E_CFG_KIND" else "broken"].add(name)

    assert kinds["suite"] == {*LOADS, *REFUSED} - kinds["broken"]
    assert kinds["neither"] == NEITHER
    assert kinds["broken"] == {
        "tests/fixtures/golden/eval_broken.yaml",
        "tests/fixtures/mcp/malformed.yaml",
        "tests/security_audit/policies/claude_production.yaml",  # duplicate keys hide rules
        "tests/security_audit/policies/constraints.yaml",  # as above
    }


@pytest.mark.parametrize("name", sorted(LOADS))
def test_a_suite_that_loads_is_valid_by_the_schema_for_editors(name: str, drivers: Drivers) -> None:
    from jsonschema import Draft202012Validator

    load(name, drivers)  # skips where its metrics are not installed
    schema = json_schema("eval", drivers)
    document = read_document(Path(upstream(*name.split("/"))))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # jsonschema on Python 3.13
        errors = [error.message for error in Draft202012Validator(schema).iter_errors(document.value)]

    assert errors == []


@pytest.mark.parametrize(
    "name", ["tests/fixtures/contract/invalid.yaml", "tests/fixtures/migration/compat_unknown.yaml"]
)
def test_the_schema_for_editors_finds_unknown_keys_too(name: str, drivers: Drivers) -> None:
    from jsonschema import Draft202012Validator

    document = read_document(Path(upstream(*name.split("/"))))

    assert not Draft202012Validator(json_schema("eval", drivers)).is_valid(document.value)


def test_policies_of_the_current_version_are_valid_by_their_schema_too(drivers: Drivers) -> None:
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(json_schema("policy", drivers))
    root = upstream()
    checked = []
    for path in sorted(root.rglob("*.yaml")):
        name = path.relative_to(root).as_posix()
        if name in {*LOADS, *REFUSED, *NEITHER} or "security_audit/policies/c" in name:
            continue
        value = read_document(path).value
        if isinstance(value, dict) and value.get("version") in ("2.0", 2.0):
            checked.append(name)
            assert [error.message for error in validator.iter_errors(value)] == [], name

    assert len(checked) >= 15
