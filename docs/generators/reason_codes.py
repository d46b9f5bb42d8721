"""docs/reference/reason-codes.md."""

from __future__ import annotations

from typing import cast

from assay_core.contracts import PolicyCheck
from assay_core.errors import known_codes
from docs.generators.markdown import HEAD, first_party, table

INTRODUCTION = """\
# Reason codes and exit codes

A code is permanent: programs may rely on it, the sentence beside it may change. `assay explain CODE` prints one.

| Exit code | Meaning |
| --- | --- |
| 0 | passed |
| 1 | a test or the policy failed, or a judge abstained |
| 2 | configuration, usage, a missing or broken plugin |
| 3 | infrastructure: a service, the network, a disk; or a report was not written |
| 130 | interrupted by Ctrl-C |

Several at once: 2 before 3 before 1. A report that was not written turns only 0 into 3. The same spelling may stand in
two scopes and mean two things.
"""
SCOPES = (
    ("run", "Codes of a run", "Why a run ended as it did: `reason_code` in run.json, and every error message."),
    ("decision", "Codes of findings", "What was found in one tool call or one check; the run ends with exit code 1."),
    ("notice", "Notices", "Worth knowing, and never a failure by themselves."),
)  # fmt: skip


def page() -> str:
    """Return the page."""
    parts = [HEAD, INTRODUCTION]
    for scope, title, words in SCOPES:
        rows = [
            (f"`{row.code}`", str(row.exit_code), row.cause, row.remedy) for row in known_codes() if row.scope == scope
        ]
        parts.append(f"\n## {title}\n\n{words}\n\n{table(('Code', 'Exit', 'Cause', 'Remedy'), rows)}")
    further = [
        (f"`{row.code}`", str(row.exit_code), row.cause, row.remedy, f"`{dist}`")
        for check, dist in first_party("assay.checks").values()
        for row in cast("PolicyCheck", check).codes
    ]
    head = ("Code", "Exit", "Cause", "Remedy", "From")
    parts.append(f"\n## Codes of checks\n\nPolicy checks bring codes of their own.\n\n{table(head, further)}")
    return "".join(parts)


PAGES = {"reference/reason-codes.md": page}
