"""A call that is being made: its time, its result, and the exception that leaves it."""

from __future__ import annotations

import time

from assay.active import current_capture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from assay.client import AssayClient
    from assay.recorder import Recorder

__all__ = ["OpenCall"]


class OpenCall:
    """A call that is being made."""

    def __init__(
        self, client: AssayClient, tool: str, args: object, *, server: str | None = None, call_id: str | None = None
    ) -> None:
        self.result: Any = None  # what the tool returned; set it in the block
        self.error: str | None = None  # why it failed, where no exception says so
        self.replayed = False  # True: `result` is the recorded one, and the tool is not to be called
        self._client = client
        self._tool = tool
        self._args = args
        self._server = server
        self._call_id = call_id
        self._step_id: str | None = None
        self._begin_ms = 0
        self._begin_ns = 0

    def __enter__(self) -> OpenCall:
        """Note that the call begins.

        Raises:
            NotRecordedError: a test replays a recording that lacks this call.
            ReplayedError: the recorded call failed.
        """
        from assay.recorder import build_call, now_ms

        self._begin_ms, self._begin_ns = now_ms(), time.perf_counter_ns()
        attempted = build_call(self._tool, self._args)
        self._args = attempted.args if self._args is not None else None  # what a tool changes later is not what it got
        self._notes = attempted.extra_json
        capture = current_capture()
        try:
            recorded = None if capture is None else capture.claim(attempted.tool, attempted.args)
        except Exception as error:
            self._write(str(error))
            raise
        self._client._run(self._begin)
        if recorded is not None:
            self.replayed, self.result = True, recorded.result
            if recorded.result_json is None and recorded.error is not None:
                from assay.failures import ReplayedError

                self._write(recorded.error)
                raise ReplayedError(recorded.error)
            self.error = recorded.error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Record the call, with the exception that leaves the block as its error."""
        self._write(self.error if error is None else _describe(error), failed=error is not None)

    def _begin(self, recorder: Recorder) -> None:
        step_id = recorder.begin_call(self._tool)
        self._step_id = self._step_id or step_id

    def _write(self, error: str | None, *, failed: bool = False) -> None:
        import msgspec

        from assay.recorder import build_call

        call = build_call(
            self._tool, self._args, result=self.result, error=error, ts_ms=self._begin_ms, server=self._server,
            outcome="ok" if error is None and self.result is None and not failed else None, call_id=self._call_id,
            duration_ms=(time.perf_counter_ns() - self._begin_ns) // 1000 / 1000,
        )  # fmt: skip
        noted = msgspec.json.decode(self._notes).get("unrepresentable", []) + call.extra.get("unrepresentable", [])
        if noted:
            call = msgspec.structs.replace(call, extra_json=msgspec.json.encode({"unrepresentable": noted}))
        self._client._write_call(call, self._step_id, claimed=True)


def _describe(error: BaseException) -> str:
    """Return an exception as one text: its type, and what it says if it can be asked."""
    try:
        said = str(error)
    except Exception:  # noqa: BLE001 - a foreign exception that cannot even say what it is
        said = ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
