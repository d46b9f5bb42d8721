"""The policies and suites that `assay init` writes."""

from __future__ import annotations

import pytest

from assay_core.config.starter import POLICY_HEAD, PRESETS, find_preset, template, workflow
from assay_core.documents import parse_document
from assay_core.errors import AssayError, UsageError
from assay_core.policy import load_policy


@pytest.mark.parametrize("name", PRESETS)
def test_preset_loads_as_policy_2_0(name: str) -> None:
    text = POLICY_HEAD + PRESETS[name].text()
    value = parse_document(text, "policy.yaml").value

    policy = load_policy(value)  # type: ignore[arg-type]  # a mapping, as the next line shows

    assert isinstance(value, dict)
    assert value["version"] == "2.0"
    assert policy.rules


def test_presets_differ_from_one_another() -> None:
    assert len({preset.text() for preset in PRESETS.values()}) == len(PRESETS) == 3


def test_preset_is_found_in_any_case() -> None:
    assert find_preset("Hardened").name == "hardened"


def test_unknown_preset_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UsageError) as caught:
        find_preset("hardend")

    assert caught.value.code == "E_INVALID_ARGS"
    assert "did you mean 'hardened'" in caught.value.remedy


@pytest.mark.parametrize("provider", ["github", "gitlab"])
def test_workflow_is_yaml_and_uses_no_foreign_action(provider: str) -> None:
    text = workflow(provider, "traces/hello.jsonl")  # type: ignore[arg-type]  # both are providers

    parse_document(text, "workflow.yml")
    used = [line.split("uses:")[1].strip() for line in text.splitlines() if "uses:" in line]
    assert all(each.startswith(("actions/", "github/")) for each in used)
    assert "assay ci traces/hello.jsonl --sarif=assay.sarif --junit=junit.xml" in text
    assert "{{" not in text.replace("${{", "")


@pytest.mark.parametrize("trace", ["a b.jsonl", "$(id).jsonl", "${{ secrets.X }}", "a\nb", "-rf", "a;b", "a: b #"])
def test_workflow_refuses_a_trace_whose_name_is_more_than_a_name(trace: str) -> None:
    with pytest.raises(AssayError) as caught:
        workflow("github", trace)

    assert caught.value.code == "E_INVALID_ARGS"


def test_templates_are_yaml() -> None:
    for name in ("eval-starter.yaml", "eval-hello.yaml"):
        parse_document(template(name), name)
