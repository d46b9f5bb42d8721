"""The judge `openai`: a model behind any endpoint that speaks OpenAI's chat completions."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import attrs
import msgspec

from assay_core.canonical import canonical_bytes
from assay_core.errors import ServiceError, UsageError
from assay_core.model import JsonValue
from assay_metric_judge.redaction import without_keys
from assay_metric_judge.transport import Answer, exchange

__all__ = ["OpenAIJudge", "OpenAIOptions"]

_KEY = "OPENAI_API_KEY"
_BASE = "OPENAI_BASE_URL"
_DEFAULT_BASE = "https://api.openai.com/v1"
_ATTEMPTS = 4
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 8.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_SYSTEM = (
    "You are a strict evaluator. Answer with exactly one JSON object that fits the JSON Schema below, without any "
    "text before or after it.\n"
)


@attrs.frozen(kw_only=True)
class OpenAIOptions:
    """Options of the judge `openai`: `--judge-model`, `--judge-base-url` and so on."""

    model: str = "gpt-4o-mini"
    base_url: str | None = None  # without it OPENAI_BASE_URL, and without that OpenAI's own
    temperature: float = 0.0
    max_tokens: int = 800


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message


class _Completion(msgspec.Struct):
    choices: list[_Choice]


class OpenAIJudge:
    """Asks over HTTP, with retries. The key is read when it is needed, from OPENAI_API_KEY and nowhere else.

    It goes to the one host that was named and to no other: redirects are not followed, and it does not travel
    unencrypted to another machine.
    """

    options_type = OpenAIOptions
    needs: frozenset[str] = frozenset({"network"})

    def __init__(
        self,
        options: OpenAIOptions,
        *,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Check the endpoint.

        Raises:
            UsageError: E_INVALID_ARGS for an address that is none, or that holds a password.
        """
        self._options = options
        self._environment = environment
        self._clock = clock
        self._sleep = sleep
        self._base = (options.base_url or environment.get(_BASE) or _DEFAULT_BASE).rstrip("/")
        self._is_local = _check_address(self._base)
        self.id = f"openai:{options.model}@{self._base}"

    def ask(self, prompt: str, schema: JsonValue, seed: int, *, timeout_s: float) -> str:
        """Return the text of the first choice. See `assay_core.contracts.Judge`."""
        key = self._key()
        system = _SYSTEM + canonical_bytes(schema).decode()
        body = msgspec.json.encode(
            {
                "model": self._options.model,
                "messages": [{"role": "system", "content": system}, {"role": "user", "content": prompt}],
                "temperature": self._options.temperature,
                "max_tokens": self._options.max_tokens,
                "seed": seed,
            }
        )
        deadline = self._clock() + timeout_s
        wait_s = _FIRST_WAIT_S
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                text = self._content(self._exchange(body, key, deadline))
            except _RefusedError as refused:
                pause = max(wait_s, refused.retry_after_s or 0.0)
                if refused.final or attempt == _ATTEMPTS or self._clock() + pause >= deadline:
                    raise refused.as_error(attempt, key) from refused.__cause__
                self._sleep(pause)
                wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
            else:
                return text.replace(key, "[redacted]") if key else text
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _key(self) -> str:
        key = self._environment.get(_KEY, "").strip()
        if not key and self._base == _DEFAULT_BASE:
            message = f"the judge 'openai' needs a key, and {_KEY} is not set"
            raise UsageError(code="E_CREDENTIAL_MISSING", message=message)
        if not key.isascii() or not key.isprintable() or " " in key:
            raise UsageError(code="E_CREDENTIAL_MISSING", message=f"{_KEY} holds characters that no key has")
        if key and self._base.startswith("http://") and not self._is_local:
            message = f"{_KEY} is set, and {self._base!r} would carry it unencrypted to another machine"
            raise UsageError(code="E_INVALID_ARGS", message=message, remedy=f"use https, or unset {_KEY}")
        return key

    def _exchange(self, body: bytes, key: str, deadline: float) -> Answer:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        left = deadline - self._clock()
        if left <= 0:
            raise _RefusedError("E_TIMEOUT", "did not answer in time", final=True)
        try:
            url = f"{self._base}/chat/completions"
            return exchange(url, body, headers, timeout_s=left, direct=self._is_local)
        except TimeoutError as error:
            raise _RefusedError("E_TIMEOUT", "did not answer in time") from error
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise _RefusedError("E_NETWORK_ERROR", f"cannot be reached: {reason}") from error

    def _content(self, answer: Answer) -> str:
        status = answer.status
        if status == 429:
            raise _RefusedError("E_RATE_LIMIT", "refuses further requests (429)", retry_after_s=answer.retry_after_s)
        if status >= 500:
            raise _RefusedError("E_PROVIDER_5XX", f"failed ({status})", retry_after_s=answer.retry_after_s)
        if status == 408:
            raise _RefusedError("E_TIMEOUT", "gave up waiting (408)")
        if 300 <= status < 400:
            text = f"answers with a redirect ({status}), which is not followed; name the endpoint itself"
            raise _RefusedError("E_JUDGE_UNAVAILABLE", text, final=True)
        if status in (401, 403):
            raise _RefusedError("E_JUDGE_UNAVAILABLE", f"refuses the key ({status}); look at {_KEY}", final=True)
        if status != 200:
            raise _RefusedError("E_JUDGE_UNAVAILABLE", f"refuses the request ({status})", final=True)
        try:
            choices = msgspec.json.decode(answer.body, type=_Completion).choices
        except (msgspec.DecodeError, UnicodeDecodeError):
            choices = []
        content = choices[0].message.content if choices else None
        if not content:
            raise _RefusedError("E_JUDGE_UNAVAILABLE", "gave an answer that is no chat completion")
        return content


class _RefusedError(Exception):
    """One attempt failed; `message` continues `the judge at HOST …`."""

    def __init__(self, code: str, message: str, *, final: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.final = final
        self.retry_after_s = retry_after_s

    def as_error(self, attempts: int, key: str) -> ServiceError:
        times = f" in {attempts} attempts" if attempts > 1 else ""
        message = f"the judge 'openai' {self}{times}"
        return ServiceError(code=self.code, message=without_keys(message, key))


def _check_address(base: str) -> bool:
    """Return whether it is this machine."""
    try:
        parts = urlsplit(base)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    is_plain = base.isascii() and base.isprintable() and " " not in base and not parts.query and not parts.fragment
    if parts.scheme not in ("http", "https") or not host or not is_plain:
        message = "the judge's endpoint is no address such as https://api.openai.com/v1"
        raise UsageError(code="E_INVALID_ARGS", message=message, remedy=f"correct --judge-base-url or {_BASE}")
    if "@" in parts.netloc:
        message = "the judge's endpoint holds a user or a password, which would be shown and stored"
        raise UsageError(code="E_INVALID_ARGS", message=message, remedy=f"take it out; a key belongs in {_KEY}")
    return host in _LOOPBACK
