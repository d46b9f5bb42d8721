"""One service: where it is, whose key it takes, and how patient we are with it."""

from __future__ import annotations

import ipaddress
import os
import time
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import urlsplit

from assay_core.errors import ServiceError, UsageError
from assay_core.remote.keys import HIDDEN, without_keys
from assay_core.remote.transport import Answer, NotHttpError, exchange

__all__ = ["NoAnswerError", "RemoteService"]

T = TypeVar("T")


class NoAnswerError(ValueError):
    """What `read` raises for an answer that is none; the message continues `the judge answered with …`."""


class RemoteService:
    """Posts JSON to one base address, with retries and growing pauses. Safe in threads.

    The key is read from the environment when it is needed, goes to the one host that was named and to no other, and
    never unencrypted to another machine. Redirects are not followed; the proxies of the environment are used, except
    for this machine. What a service says in an error is not shown: some quote the key in it.

    Attributes:
        url: The base address, without a slash at its end.
        name: Its host, with the port where one is given; for messages and ids.
        is_local: Whether it is this machine.
    """

    def __init__(
        self,
        url: str,
        *,
        what: str,
        unavailable: str,
        key_name: str,
        key_needed: bool = False,
        attempts: int = 4,
        backoff_s: float = 0.5,
        longest_pause_s: float = 8.0,
        most_bytes: int = 64 * 1024 * 1024,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Check the address; nothing is sent yet.

        Args:
            url: The base address, http or https.
            what: The service in messages, e.g. `the judge 'openai'`.
            unavailable: The reason code of a refusal, and of answers that are none.
            key_name: The variable that holds the key.
            key_needed: Whether nothing is sent without a key.
            attempts: How often it is asked at most.
            backoff_s: The pause before the second attempt; doubled before each further one.
            longest_pause_s: No pause grows beyond it.
            most_bytes: No answer may be longer.
            environment: Where the key is looked up.
            clock: Seconds.
            sleep: Pauses.

        Raises:
            UsageError: E_INVALID_ARGS for an address that is none, or that holds a user or a password.
        """
        self.url = url.rstrip("/")
        self.name, self.is_local = _checked(self.url, what)
        self._what = f"{what} at {self.name}"
        self._unavailable = unavailable
        self._key_name = key_name
        self._key_needed = key_needed
        self._attempts = attempts
        self._backoff_s = backoff_s
        self._longest_pause_s = longest_pause_s
        self._most_bytes = most_bytes
        self._environment = environment
        self._clock = clock
        self._sleep = sleep

    def post(
        self, path: str, body: bytes, read: Callable[[bytes], T], *, timeout_s: float, budget_s: float | None = None
    ) -> T:
        """Send a request, again where that can help, and return what `read` makes of the answer.

        Args:
            path: What is added to the base address, with its slash.
            body: JSON.
            read: Reads the body of a 200; raises NoAnswerError where that is no answer, and is asked for again.
            timeout_s: For one attempt, from looking up the name to the last byte.
            budget_s: For all attempts and the pauses between them; None: only their number is bounded. A service
                that asks for a pause (Retry-After) gets it where the budget allows it, else the longest pause.

        Raises:
            ServiceError: E_RATE_LIMIT, E_PROVIDER_5XX, E_TIMEOUT, E_NETWORK_ERROR, and the reason code `unavailable`.
            UsageError: E_CREDENTIAL_MISSING; E_INVALID_ARGS for a key that would travel unencrypted.
        """
        key = self._key()
        deadline = None if budget_s is None else self._clock() + budget_s
        pause_s = self._backoff_s
        for attempt in range(1, self._attempts + 1):
            try:
                return self._once(path, body, read, key, timeout_s=timeout_s, deadline=deadline)
            except _FailedError as failed:
                pause = max(pause_s, failed.retry_after_s or 0.0)
                if deadline is None:
                    pause = min(pause, self._longest_pause_s)
                late = deadline is not None and self._clock() + pause >= deadline
                if failed.final or attempt == self._attempts or late:
                    raise self._error(failed, attempt) from None
                self._sleep(pause)
                pause_s = min(pause_s * 2, self._longest_pause_s)
        raise ValueError("attempts has to be at least 1")

    def _key(self) -> str:
        name, key = self._key_name, self._environment.get(self._key_name, "").strip()
        if not key and self._key_needed:
            message = f"{self._what} needs a key, and {name} is not set"
            raise UsageError(code="E_CREDENTIAL_MISSING", message=message, remedy=f"set {name}")
        if not all("!" <= each <= "~" for each in key):
            raise UsageError(code="E_CREDENTIAL_MISSING", message=f"{name} holds characters that no key has")
        if key and self.url.startswith("http://") and not self.is_local:
            message = f"{name} is set, and {self.url!r} would carry it unencrypted to another machine"
            raise UsageError(code="E_INVALID_ARGS", message=message, remedy=f"use https, or unset {name}")
        return key

    def _once(
        self,
        path: str,
        body: bytes,
        read: Callable[[bytes], T],
        key: str,
        *,
        timeout_s: float,
        deadline: float | None,
    ) -> T:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        left = timeout_s if deadline is None else min(timeout_s, deadline - self._clock())
        if left <= 0:
            raise _FailedError("E_TIMEOUT", "did not answer in time", final=True)
        try:
            answer = exchange(
                self.url + path,
                body,
                headers,
                timeout_s=left,
                direct=self.is_local,
                most_bytes=self._most_bytes,
            )
        except TimeoutError:
            raise _FailedError("E_TIMEOUT", f"did not answer within {left:.3g} s") from None
        except NotHttpError as error:
            raise _FailedError(self._unavailable, f"answered with {error}") from None
        except OSError as error:
            why = without_keys(str(getattr(error, "reason", error)), key)
            raise _FailedError("E_NETWORK_ERROR", f"cannot be reached: {why}") from None
        self._refuse_status(answer)
        try:
            return read(answer.body.replace(key.encode(), HIDDEN.encode()) if key else answer.body)
        except NoAnswerError as error:
            raise _FailedError(self._unavailable, f"answered with {error}") from None

    def _refuse_status(self, answer: Answer) -> None:
        """Raise for every status but 200."""
        status, wait = answer.status, answer.retry_after_s
        if status == 429:
            raise _FailedError("E_RATE_LIMIT", "refuses further requests (429)", retry_after_s=wait)
        if status >= 500:
            raise _FailedError("E_PROVIDER_5XX", f"failed ({status})", retry_after_s=wait)
        if status == 408:
            raise _FailedError("E_TIMEOUT", "gave up waiting (408)")
        if 300 <= status < 400:
            text = f"answers with a redirect ({status}), which is not followed; name the endpoint itself"
        elif status in (401, 403):
            text = f"refuses the key ({status}); look at {self._key_name}"
        elif status == 404:
            text = "knows no such address or model (404)"
        else:
            text = f"refuses the request ({status})"
        if status != 200:
            raise _FailedError(self._unavailable, text, final=True)

    def _error(self, failed: _FailedError, attempts: int) -> ServiceError:
        times = f" in {attempts} attempts" if attempts > 1 else ""
        return ServiceError(code=failed.code, message=f"{self._what} {failed}{times}")


class _FailedError(Exception):
    """One attempt failed; the message continues `the judge at HOST …`."""

    def __init__(self, code: str, message: str, *, final: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.final = final
        self.retry_after_s = retry_after_s


def _checked(url: str, what: str) -> tuple[str, bool]:
    """Return the host with its port, and whether it is this machine."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    is_plain = all("!" <= each <= "~" for each in url) and not parts.query and not parts.fragment
    if parts.scheme not in ("http", "https") or not host or not is_plain:
        message = f"the base URL of {what} is no http or https URL such as https://api.openai.com/v1"
        raise UsageError(code="E_INVALID_ARGS", message=message)
    if "@" in parts.netloc:
        message = f"the base URL of {what} holds a user name or a password, which would be shown and stored"
        raise UsageError(code="E_INVALID_ARGS", message=message, remedy="take it out; a key belongs in the environment")
    try:
        is_local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_local = host == "localhost"
    return host if port is None else f"{host}:{port}", is_local
