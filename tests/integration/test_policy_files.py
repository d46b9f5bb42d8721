"""Policies that others wrote: which load, as what, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay_core.documents import EditableDocument
from assay_core.errors import AssayError
from assay_core.policy.load import load_policy, read_policy, reread
from assay_core.policy.normalise import normalised
from assay_core.policy.rewriting.layout import comments_of, laid_out
from assay_core.policy.rewriting.migrate import migrated_text
from tests.vectors import vectors_dir

MIGRATED, NO_VERSION, SCHEMAS = "W_POLICY_MIGRATED", "W_POLICY_VERSION", "W_POLICY_SCHEMAS_ONLY"
IPI = "scripts/ci/fixtures/exp-mcp-fragmented-ipi/policies"
LEARNT = "crates/assay-cli/tests/golden"

# file: what its author is told
ACCEPTED = {
    "examples/mcp-quickstart/policy.yaml": [],
    "examples/demo/common-mistake.yaml": [],
    "examples/demo/filesystem-mcp-hardened-fixed.yaml": [],
    "examples/demo/safe-policy.yaml": [],
    "examples/demo/unsafe-policy.yaml": [],
    "examples/demo/common-mistake/policy.yaml": [MIGRATED],
    "demo/fixtures/common-mistake.yaml": [],
    "demo/fixtures/policy.yaml": [],
    "demo/fixtures/safe-policy.yaml": [],
    "demo/fixtures/unsafe-policy.yaml": [],
    "crates/assay-cli/packs/default-policy.yaml": [MIGRATED],
    "crates/assay-cli/packs/dev-policy.yaml": [MIGRATED],
    "crates/assay-cli/packs/hardened-policy.yaml": [MIGRATED],
    "tests/security_audit/policies/allowlist.yaml": [NO_VERSION],
    "tests/security_audit/policies/denylist.yaml": [NO_VERSION],
    "tests/security_audit/policies/ratelimit.yaml": [NO_VERSION],
    "tests/fixtures/mcp/policy.yaml": [SCHEMAS],
    "tests/fixtures/mcp/slow.yaml": [SCHEMAS],
    "tests/fixtures/mcp/strict_policy.yaml": [],
    f"{IPI}/ablation_combined.yaml": [],
    f"{IPI}/ablation_sequence_only.yaml": [],
    f"{IPI}/ablation_wrap_only.yaml": [],
    f"{IPI}/baseline_wrap.yaml": [],
    f"{IPI}/fragmented_sequence.yaml": [MIGRATED],
    f"{IPI}/protected_wrap.yaml": [],
    f"{IPI}/second_sink_sequence.yaml": [MIGRATED],
    "scripts/ci/fixtures/tool_taxonomy/policy_tool_class_block_network.yaml": [],
    f"{LEARNT}/dedup/expected.yaml": [MIGRATED],
    f"{LEARNT}/empty/expected.yaml": [MIGRATED, "W_POLICY_VACUOUS"],
    f"{LEARNT}/entropy/expected.yaml": [MIGRATED, "W_POLICY_REVIEW"],
    f"{LEARNT}/many_network/expected.yaml": [MIGRATED],
    f"{LEARNT}/passthrough/expected.yaml": [MIGRATED],
    f"{LEARNT}/profile/profile/expected_policy.yaml": [MIGRATED],
}

# file: code, line, part of the message
REFUSED = {
    "tests/security_audit/policies/constraints.yaml": ("E_POLICY_PARSE", 13, "stands twice"),
    "tests/security_audit/policies/claude_production.yaml": ("E_POLICY_PARSE", 36, "stands twice"),
    "tests/fixtures/mcp/malformed.yaml": ("E_POLICY_PARSE", 3, "begins in line 1"),
    "tests/fixtures/mcp/blocklist_policy.yaml": ("E_POLICY_UNSUPPORTED", 1, "list of blocked tools"),
    "tests/fixtures/mcp/sequence_policy.yaml": ("E_POLICY_UNSUPPORTED", 1, "list of sequence rules"),
    "tests/fixtures/golden/policies/legacy_args.yaml": ("E_POLICY_UNSUPPORTED", 1, "names no tool"),
    "tests/fixtures/mandate/sample_policy.yaml": ("E_POLICY_UNSUPPORTED", 4, "mandates"),
    "examples/demo/assay-safe.yaml": ("E_CFG_KIND", 1, "suite"),
    "examples/demo/common-mistake/assay.yaml": ("E_CFG_KIND", 1, "suite"),
    "demo/fixtures/assay.yaml": ("E_CFG_KIND", 1, "suite"),
    "demo/fixtures/eval.yaml": ("E_CFG_KIND", 1, "suite"),
    "demo/fixtures/profile.yaml": ("E_POLICY_UNSUPPORTED", 10, "profile"),
    f"{LEARNT}/profile_basic.yaml": ("E_POLICY_UNSUPPORTED", 6, "sandbox policy"),
    f"{LEARNT}/profile/profile/expected_profile.yaml": ("E_POLICY_UNSUPPORTED", 9, "profile"),
}

FOLDERS = (
    "examples/mcp-quickstart",
    "examples/demo",
    "demo/fixtures",
    "crates/assay-cli/packs",
    "tests/security_audit/policies",
    "tests/fixtures/mcp",
    "scripts/ci/fixtures",
)


@pytest.fixture
def upstream() -> Path:
    return vectors_dir() / "upstream"


@pytest.mark.parametrize("name", sorted(ACCEPTED))
def test_a_policy_loads_and_its_author_is_told(upstream: Path, name: str) -> None:
    assert [notice.code for notice in load_policy(upstream / name).notices] == ACCEPTED[name]


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_would_check_nothing_is_refused_with_its_line(upstream: Path, name: str) -> None:
    code, line, message = REFUSED[name]

    with pytest.raises(AssayError) as caught:
        load_policy(upstream / name)

    place = caught.value.place
    assert (caught.value.code, place.line if place else 0) == (code, line)
    assert message in caught.value.message


@pytest.mark.parametrize("name", ["constraints.yaml", "claude_production.yaml"])
def test_the_unsupported_constraints_are_refused_for_their_form_too(upstream: Path, tmp_path: Path, name: str) -> None:
    text = (upstream / "tests/security_audit/policies" / name).read_text(encoding="utf-8")
    path = tmp_path / name
    without_repeated_keys = [line for line in text.splitlines() if "file_path" not in line]
    path.write_text("\n".join(without_repeated_keys) + "\n", encoding="utf-8")

    with pytest.raises(AssayError) as caught:
        load_policy(path)

    assert caught.value.code == "E_POLICY_UNSUPPORTED"
    assert "'command'" in caught.value.message


def test_every_policy_among_the_vectors_is_in_a_table_above(upstream: Path) -> None:
    known = {*ACCEPTED, *REFUSED}
    missing = [
        name
        for folder in FOLDERS
        for path in (upstream / folder).rglob("*.yaml")
        if (name := path.relative_to(upstream).as_posix()) not in known
    ]

    assert missing == []


@pytest.mark.parametrize("name", sorted(ACCEPTED))
def test_a_policy_is_rewritten_with_its_meaning_and_its_comments(upstream: Path, tmp_path: Path, name: str) -> None:
    original = upstream / name
    reading = read_policy(original)

    new = migrated_text(EditableDocument.read(original), reading.kind, reading.form, lambda text: reread(text, "new"))
    path = tmp_path / "policy.yaml"
    path.write_text(new, encoding="utf-8")
    path.write_text(laid_out(EditableDocument.read(path)), encoding="utf-8")

    assert normalised(read_policy(path).form) == normalised(reading.form)
    assert sorted(comments_of(path.read_text(encoding="utf-8"))) == sorted(
        comments_of(original.read_text(encoding="utf-8"))
    )
    assert laid_out(EditableDocument.read(path)) == path.read_text(encoding="utf-8")
