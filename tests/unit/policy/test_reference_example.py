"""The policy in the reference page is one that loads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assay_core.plugins.catalogue import Catalogue
from assay_core.policy.load import load_policy

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "policy-language.md"


def example() -> str:
    found = re.search(r"^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert found is not None
    return found.group(1)


def test_the_example_without_the_key_of_a_plugin_has_no_finding(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    lines = [line for line in example().splitlines() if not line.startswith("secrets:")]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    policy = load_policy(path)

    assert policy.notices == ()
    assert policy.unrestricted == ()
    assert len(lines) == len(example().splitlines()) - 1


def test_the_whole_example_has_no_finding_where_its_plugin_is_installed(tmp_path: Path) -> None:
    checks = Catalogue.scan().records("assay.checks")
    if not any(record.name == "secrets" and record.state == "ready" for record in checks):
        pytest.skip("assay-check-secrets is not installed")
    path = tmp_path / "policy.yaml"
    path.write_text(example(), encoding="utf-8")

    policy = load_policy(path)

    assert policy.notices == ()
    assert any(rule.section == "secrets" for rule in policy.rules)
