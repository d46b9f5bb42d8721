"""The judge `openai` against a real server that misbehaves."""

from __future__ import annotations

import socket
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from assay_metric_judge.openai import OpenAIJudge, OpenAIOptions
from assay_metric_judge.reply import SCHEMA

from assay_core.errors import AssayError, ServiceError, UsageError

KEY = "sk-test-0123456789abcdefABCDEF"
Serve = Callable[..., Any]  # a fixture of conftest.py: answers in order, the last one for ever


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def judge(url: str | None, time: Time | None = None, key: str = KEY, **options: object) -> OpenAIJudge:
    time = time or Time()
    environment = {"OPENAI_API_KEY": key} if key else {}
    made = OpenAIOptions(base_url=url, **options)  # type: ignore[arg-type]  # what each test is about
    return OpenAIJudge(made, environment=environment, clock=time, sleep=time.sleep)


def ask(asked: OpenAIJudge, timeout_s: float = 20.0) -> str:
    return asked.ask("Is it?", SCHEMA, 11, timeout_s=timeout_s)


def test_it_sends_prompt_schema_and_options_and_returns_the_text(serve: Serve) -> None:
    endpoint = serve("yes")

    assert ask(judge(endpoint.url, model="m-1", temperature=0.5, max_tokens=7)) == "yes"

    (sent,) = endpoint.requests
    assert endpoint.paths == ["/v1/chat/completions"]
    assert (sent["model"], sent["temperature"], sent["max_tokens"], sent["seed"]) == ("m-1", 0.5, 7, 11)
    assert endpoint.prompts() == ["Is it?"]
    assert '"passed"' in str(sent["messages"])
    assert endpoint.headers[0]["Authorization"] == f"Bearer {KEY}"


def test_the_endpoint_may_come_from_the_environment_and_need_no_key(serve: Serve) -> None:
    endpoint = serve("yes")
    asked = OpenAIJudge(OpenAIOptions(), environment={"OPENAI_BASE_URL": endpoint.url + "/"})

    assert ask(asked) == "yes"
    assert "Authorization" not in endpoint.headers[0]
    assert asked.id == f"openai:gpt-4o-mini@{endpoint.url}"


@pytest.mark.parametrize(
    ("planned", "code"),
    [
        ({"status": 429}, "E_RATE_LIMIT"),
        ({"status": 500, "body": b"<html>"}, "E_PROVIDER_5XX"),
        ({"status": 503}, "E_PROVIDER_5XX"),
        ({"status": 408}, "E_TIMEOUT"),
        ({"body": b"\x00garbage"}, "E_JUDGE_UNAVAILABLE"),
        ({"body": b"{}"}, "E_JUDGE_UNAVAILABLE"),
        ({"body": b'{"choices": []}'}, "E_JUDGE_UNAVAILABLE"),
        ({"body": b'{"choices": [{"message": {"content": null}}]}'}, "E_JUDGE_UNAVAILABLE"),
        ({"body": b'{"choices": [{"message": {"content": ', "cut": True}, "E_NETWORK_ERROR"),
        ({"closed": True}, "E_NETWORK_ERROR"),
    ],
)
def test_what_may_pass_is_tried_four_times_with_growing_pauses(
    serve: Serve, planned: dict[str, Any], code: str
) -> None:
    endpoint, time = serve(planned), Time()

    with pytest.raises(ServiceError) as caught:
        ask(judge(endpoint.url, time))

    assert (caught.value.code, caught.value.exit_code) == (code, 3)
    assert len(endpoint.requests) == 4
    assert time.slept == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 301])
def test_what_will_not_pass_is_tried_once(serve: Serve, status: int) -> None:
    endpoint = serve({"status": status, "body": f"the key {KEY} is wrong".encode()})

    with pytest.raises(ServiceError) as caught:
        ask(judge(endpoint.url))

    assert caught.value.code == "E_JUDGE_UNAVAILABLE"
    assert str(status) in caught.value.message
    assert KEY not in str(caught.value)
    assert len(endpoint.requests) == 1


def test_it_recovers_when_the_server_does(serve: Serve) -> None:
    time = Time()
    endpoint = serve({"status": 503}, {"closed": True}, "yes")

    assert ask(judge(endpoint.url, time)) == "yes"
    assert time.slept == [0.5, 1.0]


@pytest.mark.parametrize(
    "headers",
    [
        (("Retry-After", "7"),),
        (("Date", "Sun, 22 Nov 2026 10:00:00 GMT"), ("Retry-After", "Sun, 22 Nov 2026 10:00:07 GMT")),
    ],
)
def test_retry_after_is_heeded(serve: Serve, headers: tuple[tuple[str, str], ...]) -> None:
    time = Time()
    endpoint = serve({"status": 429, "headers": headers}, "yes")

    assert ask(judge(endpoint.url, time)) == "yes"
    assert time.slept == [7.0]


def test_retry_after_beyond_the_deadline_ends_at_once(serve: Serve) -> None:
    endpoint, time = serve({"status": 429, "headers": (("Retry-After", "3600"),)}), Time()

    with pytest.raises(ServiceError) as caught:
        ask(judge(endpoint.url, time))

    assert caught.value.code == "E_RATE_LIMIT"
    assert (len(endpoint.requests), time.slept) == (1, [])


@pytest.mark.parametrize("planned", [{"hang": True}, {"trickle": True}])
def test_a_server_that_says_nothing_or_never_ends_is_a_timeout(serve: Serve, planned: dict[str, Any]) -> None:
    endpoint = serve(planned)
    asked = OpenAIJudge(OpenAIOptions(base_url=endpoint.url), environment={})

    with pytest.raises(ServiceError) as caught:
        ask(asked, timeout_s=0.3)

    assert caught.value.code == "E_TIMEOUT"


def test_nobody_listening_is_a_network_error() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"

        with pytest.raises(ServiceError) as caught:
            ask(judge(url))

    assert caught.value.code == "E_NETWORK_ERROR"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_never_follows_a_redirect(serve: Serve, status: int) -> None:
    elsewhere = serve("yes")
    endpoint = serve({"status": status, "headers": (("Location", f"{elsewhere.url}/chat/completions"),)})

    with pytest.raises(ServiceError) as caught:
        ask(judge(endpoint.url))

    assert caught.value.code == "E_JUDGE_UNAVAILABLE"
    assert (len(endpoint.requests), elsewhere.requests) == (1, [])


def test_a_proxy_of_the_environment_is_not_told_what_goes_to_this_machine(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, endpoint = serve("no"), serve("yes")
    monkeypatch.setenv("http_proxy", proxy.url)

    assert ask(judge(endpoint.url)) == "yes"
    assert proxy.requests == []


def test_the_key_is_neither_kept_nor_shown_nor_taken_from_an_answer(serve: Serve) -> None:
    endpoint = serve(f"your key is {KEY}")
    asked = judge(endpoint.url)

    assert ask(asked) == "your key is [redacted]"
    assert KEY not in repr(vars(asked)["_options"]) + asked.id


def test_the_key_stands_in_no_traceback(serve: Serve) -> None:
    endpoint = serve({"closed": True})

    with pytest.raises(ServiceError) as caught:
        ask(judge(endpoint.url))

    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_openai_itself_needs_a_key() -> None:
    with pytest.raises(UsageError) as caught:
        ask(judge(None, key=""))

    assert caught.value.code == "E_CREDENTIAL_MISSING"
    assert "OPENAI_API_KEY" in caught.value.message


@pytest.mark.parametrize("key", ["sk-a b", "sk-a\r\nX-Other: 1", "sk-ä"])
def test_a_key_that_would_end_its_header_is_refused_unseen(serve: Serve, key: str) -> None:
    endpoint = serve("yes")

    with pytest.raises(UsageError) as caught:
        ask(judge(endpoint.url, key=key))

    assert caught.value.code == "E_CREDENTIAL_MISSING"
    assert key not in str(caught.value)
    assert endpoint.requests == []


def test_the_key_does_not_travel_unencrypted_to_another_machine() -> None:
    with pytest.raises(UsageError) as caught:
        ask(judge("http://models.example/v1"))

    assert caught.value.code == "E_INVALID_ARGS"


@pytest.mark.parametrize(
    "url", ["", "ftp://a/v1", "https://", "https://u:p@host/v1", "https://h:x/v1", "https://h/v1?a=b", "https://h/ v1"]
)
def test_an_endpoint_that_is_no_plain_address_is_refused(url: str) -> None:
    if not url:
        assert judge("").id.endswith("@https://api.openai.com/v1")
        return
    with pytest.raises(AssayError) as caught:
        judge(url)

    assert caught.value.code == "E_INVALID_ARGS"
    assert "u:p" not in str(caught.value)


def test_an_answer_without_end_is_refused(serve: Serve) -> None:
    endpoint = serve({"body": b" " * (4 * 1024 * 1024 + 1)})

    with pytest.raises(ServiceError) as caught:
        ask(judge(endpoint.url))

    assert caught.value.code == "E_JUDGE_UNAVAILABLE"


def test_votes_are_plain_answers(serve: Serve) -> None:
    endpoint = serve('{"passed": true, "rationale": "because"}')

    assert ask(judge(endpoint.url)) == '{"passed": true, "rationale": "because"}'
