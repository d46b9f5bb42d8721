"""One HTTP request that never goes anywhere but where it was sent."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, cast

import attrs

if TYPE_CHECKING:
    from email.message import Message
    from http.client import HTTPResponse

__all__ = ["Answer", "NotHttpError", "exchange"]

_CHUNK = 64 * 1024


@attrs.frozen(kw_only=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    retry_after_s: float | None = None


class NotHttpError(Exception):
    """What came back is no answer of HTTP, or too long for one; the message says what it is."""


def exchange(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    timeout_s: float,
    direct: bool,
    most_bytes: int,
) -> Answer:
    """POST and return the answer, whatever its status. Redirects are answers like any other.

    It runs in a thread of its own: a socket's timeout starts anew with every byte, and looking up a name has none.

    Args:
        url: http or https.
        body: What is sent.
        headers: Further headers.
        timeout_s: For the whole exchange, in real time.
        direct: True: no proxy is used, whatever the environment says.
        most_bytes: No body may be longer.

    Raises:
        TimeoutError: it took longer.
        NotHttpError: it is no HTTP, or too long.
        OSError: the connection failed, or ended before the answer did.
    """
    slot: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()

    def work() -> None:
        try:
            slot.put(_exchange(url, body, headers, timeout_s=timeout_s, direct=direct, most_bytes=most_bytes))
        except Exception as error:  # noqa: BLE001 - carried to the thread that waits, and raised there
            slot.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        answer = slot.get(timeout=timeout_s)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _exchange(
    url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float, direct: bool, most_bytes: int
) -> Answer:
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

    class NoRedirects(HTTPRedirectHandler):
        def redirect_request(self, *_: object, **__: object) -> None:
            return None

    request = Request(url, data=body, headers=dict(headers), method="POST")  # noqa: S310 - the caller checked the scheme
    opener = build_opener(NoRedirects, *([ProxyHandler({})] if direct else []))
    try:
        try:
            response = opener.open(request, timeout=timeout_s)
        except HTTPError as error:
            response = error
        with response:
            return _read(cast("HTTPResponse", response), time.monotonic() + timeout_s, most_bytes)
    except URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise TimeoutError from error
        raise
    except ConnectionError:  # hung up before the answer; it is an HTTPException as well
        raise
    except HTTPException as error:
        raise NotHttpError(f"something that is no HTTP ({type(error).__name__})") from error


def _read(response: HTTPResponse, deadline: float, most_bytes: int) -> Answer:
    chunks: list[bytes] = []
    size = 0
    while chunk := response.read1(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > most_bytes:
            raise NotHttpError(f"more than {most_bytes} bytes")
        if time.monotonic() > deadline:  # nobody waits any more: end the thread
            raise TimeoutError
    announced = response.headers.get("Content-Length", "")
    if announced.isdecimal() and size < int(announced):
        raise OSError("the connection was closed before the answer ended")
    return Answer(status=response.status, body=b"".join(chunks), retry_after_s=_retry_after(response.headers))


def _retry_after(headers: Message) -> float | None:
    """Return the seconds of Retry-After. A date is compared with the server's own clock."""
    text = headers.get("Retry-After", "").strip()
    if text.replace(".", "", 1).isdecimal() and len(text) < 10:
        return float(text)
    try:
        then, now = parsedate_to_datetime(text), parsedate_to_datetime(headers.get("Date", ""))
        return max((then - now).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return None
