"""The judge `openai`: a model behind any endpoint that speaks OpenAI's chat completions."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

import attrs
import msgspec

from assay_core.canonical import canonical_bytes
from assay_core.model import JsonValue
from assay_core.remote import NoAnswerError, RemoteService

__all__ = ["OpenAIJudge", "OpenAIOptions"]

_KEY = "OPENAI_API_KEY"
_BASE = "OPENAI_BASE_URL"
_DEFAULT_BASE = "https://api.openai.com/v1"
_LARGEST = 4 * 1024 * 1024  # bytes of an answer
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
        base = options.base_url or environment.get(_BASE) or _DEFAULT_BASE
        self._service = RemoteService(
            base,
            what="the judge 'openai'",
            unavailable="E_JUDGE_UNAVAILABLE",
            key_name=_KEY,
            key_needed=base.rstrip("/") == _DEFAULT_BASE,
            most_bytes=_LARGEST,
            environment=environment,
            clock=clock,
            sleep=sleep,
        )
        self.id = f"openai:{options.model}@{self._service.url}"

    def ask(self, prompt: str, schema: JsonValue, seed: int, *, timeout_s: float) -> str:
        """Return the text of the first choice. See `assay_core.contracts.Judge`."""
        system = _SYSTEM + canonical_bytes(schema).decode()
        prompt = prompt.encode("utf-8", "replace").decode()  # JSON takes no lone surrogates
        body = msgspec.json.encode(
            {
                "model": self._options.model,
                "messages": [{"role": "system", "content": system}, {"role": "user", "content": prompt}],
                "temperature": self._options.temperature,
                "max_tokens": self._options.max_tokens,
                "seed": seed,
            }
        )
        return self._service.post("/chat/completions", body, _content, timeout_s=timeout_s, budget_s=timeout_s)


def _content(body: bytes) -> str:
    try:
        choices = msgspec.json.decode(body, type=_Completion).choices
    except (msgspec.DecodeError, UnicodeDecodeError):
        choices = []
    content = choices[0].message.content if choices else None
    if not content:
        raise NoAnswerError("something that is no chat completion")
    return content
