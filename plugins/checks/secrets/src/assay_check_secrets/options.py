"""What stands under `secrets:` in policy.yaml."""

from __future__ import annotations

import attrs

from assay_check_secrets.kinds import Kind
from assay_core.model import Severity

__all__ = ["SecretsOptions"]


@attrs.frozen(kw_only=True)
class SecretsOptions:
    """The section `secrets`. The core checks types, unknown keys and unknown kinds, with place and suggestion."""

    block: tuple[Kind, ...]  # the kinds of credentials to look for; at least one
    tools: tuple[str, ...] = ("*",)  # names or patterns of the tools whose calls are looked at
    exclude_tools: tuple[str, ...] = ()  # … but not these
    allow: tuple[str, ...] = ()  # credentials that are public, such as those of a vendor's documentation
    severity: Severity = "deny"
    responses: bool = False  # True: results and errors of tools are looked at as well
    max_bytes: int = 2 * 1024 * 1024  # larger arguments or results are refused as not inspected
