"""The plugins of this project: which distribution offers which name. A test compares the list with the folders."""

from __future__ import annotations

__all__ = ["FIRST_PARTY", "first_party_distributions", "offered_by"]

# group -> name -> distribution
FIRST_PARTY: dict[str, dict[str, str]] = {
    "assay.importers": {
        "inspect": "assay-importer-inspect",
        "jsonl": "assay-importer-jsonl",
        "mcp": "assay-importer-mcp",
        "otel": "assay-importer-otel",
        "promptfoo": "assay-importer-promptfoo",
    },
    "assay.metrics": {
        "args_valid": "assay-metric-standard",
        "assert.args_valid": "assay-metric-standard",
        "assert.sequence_valid": "assay-metric-standard",
        "assert.tool_blocklist": "assay-metric-standard",
        "assert.trace_max_steps": "assay-metric-standard",
        "assert.trace_must_call_tool": "assay-metric-standard",
        "assert.trace_must_not_call_tool": "assay-metric-standard",
        "assert.trace_tool_sequence": "assay-metric-standard",
        "faithfulness": "assay-metric-judge",
        "json_schema": "assay-metric-standard",
        "judge_criteria": "assay-metric-judge",
        "must_contain": "assay-metric-standard",
        "must_not_contain": "assay-metric-standard",
        "nearest_known_bad": "assay-metric-embedding",
        "nearest_known_good": "assay-metric-embedding",
        "novelty_of_arguments": "assay-metric-embedding",
        "regex_match": "assay-metric-standard",
        "regex_not_match": "assay-metric-standard",
        "relevance": "assay-metric-judge",
        "semantic_similarity_to": "assay-metric-embedding",
        "sequence_valid": "assay-metric-standard",
        "tool_blocklist": "assay-metric-standard",
        "tool_collision_detect": "assay-metric-standard",
        "tool_description_integrity": "assay-metric-standard",
        "tool_output_valid": "assay-metric-standard",
    },
    "assay.checks": {
        "secrets": "assay-check-secrets",
    },
    "assay.reporters": {
        "console": "assay-reporter-console",
        "evidence": "assay-reporter-evidence",
        "history": "assay-reporter-history",
        "job-summary": "assay-reporter-markdown",
        "junit": "assay-reporter-junit",
        "markdown": "assay-reporter-markdown",
        "pr-comment": "assay-reporter-markdown",
        "sarif": "assay-reporter-sarif",
    },
    "assay.enforcers": {
        "mcp": "assay-enforcer-mcp",
    },
    "assay.embedders": {
        "hashing": "assay-metric-embedding",
        "local": "assay-metric-embedding",
        "openai": "assay-metric-embedding",
    },
    "assay.judges": {
        "openai": "assay-metric-judge",
    },
    "assay.commands": {
        "baseline report": "assay-reporter-history",
        "calibrate": "assay-reporter-history",
        "evidence verify": "assay-reporter-evidence",
        "mcp wrap": "assay-enforcer-mcp",
        "trace precompute-embeddings": "assay-metric-embedding",
        "trace precompute-judge": "assay-metric-judge",
    },
}


def offered_by(group: str, name: str) -> str | None:
    """Return the first-party distribution that offers a name, None where none does.

    A command is found by any leading words: `evidence` where `evidence explore` is offered.
    """
    names = FIRST_PARTY.get(group, {})
    if group == "assay.commands":
        for command, dist in names.items():
            if command == name or command.startswith(name + " "):
                return dist
    return names.get(name)


def first_party_distributions() -> frozenset[str]:
    """Return the names of all distributions whose plugins may use names without a dotted prefix."""
    return frozenset([dist for names in FIRST_PARTY.values() for dist in names.values()])
