"""One HTTP request to an embedding service: bounded in time, in size and in attempts; the key goes nowhere else."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Self, TypeVar
from urllib.parse import urlsplit

import attrs

from assay_core.errors import ServiceError, UsageError

__all__ = ["Endpoint", "Retrying", "endpoint_of"]

T = TypeVar("T")

_MOST_BYTES = 64 * 1024 * 1024  # of an answer
_LONGEST_WAIT_S = 5.0


class Refused(ServiceError):
    """The service understood and said no; asking again would not help."""


class Busy(ServiceError):
    """The service asks to come back later."""

    wait_s: float | None = None


@attrs.frozen(kw_only=True)
class Endpoint:
    """Where requests go."""

    secure: bool
    host: str
    port: int | None
    path: str  # without a slash at the end

    @property
    def name(self) -> str:
        """The host, with the port where it is not the usual one; for messages and keys."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether the host is this machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def post(self, path: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float) -> bytes:
        """Send one request and return the whole answer. No redirect is followed.

        Raises:
            ServiceError: E_RATE_LIMIT, E_PROVIDER_5XX, E_TIMEOUT, E_NETWORK_ERROR, E_EMBEDDER_UNAVAILABLE.
        """
        kind = http.client.HTTPSConnection if self.secure else http.client.HTTPConnection
        connection = kind(self.host, self.port, timeout=timeout_s)
        with _Deadline(connection, timeout_s) as expired:
            try:
                connection.connect()
                expired.watch(connection.sock)
                connection.request("POST", self.path + path, body, dict(headers))
                with contextlib.closing(connection.getresponse()) as answer:
                    data = answer.read(_MOST_BYTES + 1)
                    status, wait = answer.status, answer.getheader("Retry-After")
            except (OSError, http.client.HTTPException) as error:
                raise _broken(self, error, expired.is_set(), timeout_s) from None
        if expired.is_set():
            raise _broken(self, TimeoutError(), True, timeout_s)
        if status != 200:
            raise _refusal(self, status, wait)
        if len(data) > _MOST_BYTES:
            raise ServiceError(code="E_EMBEDDER_UNAVAILABLE", message=f"{self.name} answered with more than 64 MiB")
        return data


@attrs.frozen(kw_only=True)
class Retrying:
    """Asks again, later each time, where that can help."""

    attempts: int
    backoff_s: float
    sleep: Callable[[float], None] = time.sleep

    def call(self, ask: Callable[[], T]) -> T:
        """Return the first good answer.

        Raises:
            ServiceError: the last error.
        """
        for attempt in range(1, self.attempts + 1):
            try:
                return ask()
            except ServiceError as error:
                if attempt == self.attempts or isinstance(error, Refused):
                    raise
                wanted = error.wait_s if isinstance(error, Busy) else None
                pause = self.backoff_s * 2 ** (attempt - 1) if wanted is None else wanted
                self.sleep(min(pause, _LONGEST_WAIT_S))
        raise ValueError("attempts has to be at least 1")


def endpoint_of(url: str) -> Endpoint:
    """Take a base URL apart.

    Raises:
        UsageError: E_INVALID_ARGS for what is no http(s) URL, holds a password, or would send the key in the clear
            to another machine.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise UsageError(code="E_INVALID_ARGS", message="the base URL of the embedder is no http or https URL")
    if parts.username is not None or parts.password is not None:
        raise UsageError(code="E_INVALID_ARGS", message="the base URL of the embedder holds a user name or a password")
    if not all("!" <= each <= "~" for each in host + parts.path):
        raise UsageError(code="E_INVALID_ARGS", message="the base URL of the embedder holds a character no URL has")
    endpoint = Endpoint(secure=parts.scheme == "https", host=host, port=port, path=parts.path.rstrip("/"))
    if not endpoint.secure and not endpoint.is_local:
        message = f"http://{endpoint.name} would show the key and the texts to everybody on the way"
        raise UsageError(code="E_INVALID_ARGS", message=message, remedy="use https, or a server on this machine")
    return endpoint


class _Deadline:
    """Cuts the connection when the time is up: a socket's own timeout starts anew with every byte that drips in."""

    def __init__(self, connection: http.client.HTTPConnection, timeout_s: float) -> None:
        self._connection = connection
        self._expired = threading.Event()
        self._sock: socket.socket | None = None  # the connection forgets its own once the answer begins
        self._timer = threading.Timer(timeout_s, self._cut)
        self._timer.daemon = True

    def watch(self, sock: socket.socket) -> None:
        """Take the socket to cut."""
        self._sock = sock

    def is_set(self) -> bool:
        """Whether the time is up."""
        return self._expired.is_set()

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._connection.close()

    def _cut(self) -> None:
        self._expired.set()
        if self._sock is not None:  # else it is still connecting, and the socket's own timeout holds
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)


def _broken(endpoint: Endpoint, error: Exception, expired: bool, timeout_s: float) -> ServiceError:
    if expired or isinstance(error, TimeoutError):
        return ServiceError(code="E_TIMEOUT", message=f"{endpoint.name} did not answer within {timeout_s:g} s")
    if isinstance(error, OSError):
        why = (error.strerror or type(error).__name__).lower()
        return ServiceError(code="E_NETWORK_ERROR", message=f"{endpoint.name} cannot be reached: {why}")
    return ServiceError(
        code="E_EMBEDDER_UNAVAILABLE",
        message=f"{endpoint.name} answered with something that is no HTTP ({type(error).__name__})",
    )


def _refusal(endpoint: Endpoint, status: int, wait: str | None) -> ServiceError:
    """Return the error of a status. The answer's text stays out: services quote the key in it."""
    said = f"{endpoint.name} answered with status {status}"
    if status == 429:
        busy = Busy(code="E_RATE_LIMIT", message=said)
        busy.wait_s = float(wait) if wait and wait.isascii() and wait.isdigit() and len(wait) < 6 else None
        return busy
    if status >= 500:
        return ServiceError(code="E_PROVIDER_5XX", message=said)
    if status == 408:
        return ServiceError(code="E_TIMEOUT", message=said)
    hints = {401: "it refuses the key", 403: "it refuses the key", 404: "is the address right, and the model's name?"}
    hint = "redirects are not followed" if 300 <= status < 400 else hints.get(status, "it refuses the request")
    return Refused(code="E_EMBEDDER_UNAVAILABLE", message=f"{said}: {hint}")
