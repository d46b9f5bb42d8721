"""The time that evidence is stamped with."""

from __future__ import annotations

import datetime
import os

__all__ = ["moment"]


def moment() -> str:
    """Return the time in UTC as RFC 3339 with `Z`, to the second: that of SOURCE_DATE_EPOCH where it is set."""
    stated = os.environ.get("SOURCE_DATE_EPOCH", "")
    utc = datetime.UTC
    now = datetime.datetime.fromtimestamp(int(stated), utc) if stated.isdigit() else datetime.datetime.now(utc)
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")
