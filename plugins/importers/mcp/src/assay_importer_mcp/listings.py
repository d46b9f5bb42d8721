"""What the server announced: pages of `tools/list` put together, snapshots compared."""

from __future__ import annotations

import msgspec

from assay_core.contracts import ImportReport
from assay_core.model import ToolDefinition
from assay_core.trace import Members, RecordError, read_definitions

__all__ = ["Listings"]

_MAX_SNAPSHOTS = 100
_split_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Listings:
    """The snapshots of one session: each differs from the one before it."""

    def __init__(self) -> None:
        self.snapshots: list[list[bytes]] = []  # the announced objects, as they were written
        self._page: list[bytes] = []

    def add(self, members: Members, report: ImportReport, *, continues: bool) -> None:
        """Take one answer to `tools/list`; `continues` where the request named a cursor.

        Raises:
            RecordError: the tools are no list of objects with names.
        """
        tools = members.get("tools")
        if tools is None:
            report.drop("tools/list result without tools")
            return
        try:
            listed = [bytes(tool) for tool in _split_list(tools)]
        except msgspec.MsgspecError as error:
            raise RecordError("the announced tools are not a list") from error
        read_definitions(tools)
        self._page = [*self._page, *listed] if continues else listed
        if _is_text(members.get("nextCursor")):
            return
        snapshot, self._page = self._page, []
        if self.snapshots and self.snapshots[-1] == snapshot:
            return
        if len(self.snapshots) >= _MAX_SNAPSHOTS:
            report.drop("snapshot of the tool definitions")
            self.snapshots[-1] = snapshot  # what was announced last counts
        else:
            self.snapshots.append(snapshot)

    def close(self) -> None:
        """Take up a listing whose last page was not recorded."""
        if self._page:
            self.snapshots.append(self._page)
            self._page = []

    def definitions(self, server: str | None) -> tuple[ToolDefinition, ...] | None:
        """Return the definitions that were announced last; None where none were."""
        if not self.snapshots:
            return None
        found = read_definitions(b"[" + b",".join(self.snapshots[-1]) + b"]")
        return tuple(
            msgspec.structs.replace(each, server=server) if each.server is None and server else each for each in found
        )


def _is_text(raw: msgspec.Raw | None) -> bool:
    return raw is not None and bytes(raw)[:1] == b'"' and bytes(raw) != b'""'
