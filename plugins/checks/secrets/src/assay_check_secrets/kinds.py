"""What credentials look like, by kind.

A pattern holds a fixed, telling part of the credential and has no anchor and no word boundary: whatever is glued
to a credential does not hide it. Its character classes are ASCII only, so that the engine stays small and fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

import attrs

__all__ = ["KINDS", "CredentialKind", "Kind"]

Kind: TypeAlias = Literal[
    "anthropic",
    "aws",
    "azure",
    "basic_auth",
    "github",
    "gitlab",
    "google",
    "jwt",
    "npm",
    "openai",
    "private_key",
    "pypi",
    "slack",
    "stripe",
]


@attrs.frozen(kw_only=True)
class CredentialKind:
    """How to tell one kind of credential."""

    pattern: str  # found in the text itself
    shortest: int  # characters of the shortest credential that the patterns find
    pair: str = ""  # found in `key=value`, for values that tell nothing without the key they stand under


_USERINFO = r"[A-Za-z0-9._~!$&()*+,;=%-]"

KINDS: Mapping[Kind, CredentialKind] = MappingProxyType(
    {
        "anthropic": CredentialKind(pattern=r"sk-ant-[A-Za-z0-9_-]{32}", shortest=39),
        "aws": CredentialKind(
            pattern=r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"
            r"|(?i:aws_?secret(?:_?access)?_?key)[\"']? ?[:=] ?[\"']?[A-Za-z0-9/+]{40}",
            pair=r"(?i:secret[_-]?access[_-]?key|aws[_-]?secret(?:[_-]?key)?)=[A-Za-z0-9/+]{40}",
            shortest=20,
        ),
        "azure": CredentialKind(
            pattern=r"(?i:AccountKey|SharedAccessKey)=[A-Za-z0-9/+]{43}"
            r"|[?&]sig=[A-Za-z0-9%/+]{43}"
            r"|[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31}",
            shortest=37,
        ),
        "basic_auth": CredentialKind(
            pattern=rf"[A-Za-z][A-Za-z0-9+.-]+://{_USERINFO}*:{_USERINFO}+@[A-Za-z0-9\[]", shortest=9
        ),
        "github": CredentialKind(
            pattern=r"gh[pousr]_[A-Za-z0-9._-]{36}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{30}", shortest=40
        ),
        "gitlab": CredentialKind(
            pattern=r"gl(?:agent|cbt|dt|feoat|ft|imt|oas|pat|ptt|rt|soat)-[A-Za-z0-9_.-]{20}", shortest=25
        ),
        "google": CredentialKind(
            pattern=r"AIza[A-Za-z0-9_-]{35}|GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_-]{30}", shortest=35
        ),
        "jwt": CredentialKind(pattern=r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16}", shortest=42),
        "npm": CredentialKind(pattern=r"npm_[A-Za-z0-9]{36}", shortest=40),
        "openai": CredentialKind(
            pattern=r"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{32}|sk-[A-Za-z0-9]{48}|T3BlbkFJ[A-Za-z0-9_-]{20}",
            shortest=28,
        ),
        "private_key": CredentialKind(
            pattern=r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
            r"|PuTTY-User-Key-File-[0-9]:"
            r"|AGE-SECRET-KEY-1[A-Z0-9]{58}",
            shortest=22,
        ),
        "pypi": CredentialKind(pattern=r"pypi-AgE[A-Za-z0-9_-]{40}", shortest=48),
        "slack": CredentialKind(
            pattern=r"xox[abceoprs]-[A-Za-z0-9-]{10}"
            r"|xapp-[0-9]-[A-Za-z0-9-]{20}"
            r"|hooks\.slack\.com/(?:services|triggers|workflows)/[A-Za-z0-9/_-]{20}",
            shortest=15,
        ),
        "stripe": CredentialKind(
            pattern=r"[rs]k_(?:live|prod|test)_[A-Za-z0-9]{16}|whsec_[A-Za-z0-9+/]{24}", shortest=24
        ),
    }
)
