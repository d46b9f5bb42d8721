"""Records the spans in `spans/`: one agent, run offline, under real instrumentation of every generation.

The agent plans a dinner: two tool calls at once, one more, an answer. Its second run calls a tool that raises. The
model is scripted: a function (pydantic-ai), or an HTTP server in this process that speaks OpenAI's protocol.

Each recording needs the libraries that it instruments, some of them in old versions, so each has an environment of its
own; `RECORDINGS` names it. Nobody needs them to run the tests. To record anew:

    python -m venv env
    env/bin/pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-common REQUIREMENTS...
    env/bin/python record_spans.py NAME

Every recording is written as OTLP JSON, a line per export, the way the collector's file exporter writes it; those with
`everywhere` are written in all the other encodings as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SPANS = Path(__file__).parent / "spans"
OLDER = "opentelemetry-sdk==1.34.1"  # and its opentelemetry-proto and -exporter-otlp-proto-common
GOOD, BAD = "Book us a dinner in Lisbon.", "Cancel everything."
ANSWER = "Table T7 is yours at 20:30; it stays dry."
SYSTEM = "You plan dinners."
TURNS: dict[str, list[list[tuple[str, str, dict[str, Any]]]]] = {
    GOOD: [
        [
            ("call_weather", "get_weather", {"city": "Lisbon", "days": 2}),
            ("call_tables", "find_tables", {"city": "Lisbon", "guests": 2, "window": True}),
        ],
        [("call_book", "book_table", {"table": "T7", "time": "20:30", "notes": ["window", 'no "nuts"']})],
        [],
    ],
    BAD: [[("call_cancel", "cancel_booking", {"table": "T7"})], []],
}


# -- the tools ---------------------------------------------------------------------------------------------------


async def get_weather(city: str, days: int) -> dict[str, Any]:
    """Tell the weather."""
    return {"city": city, "sky": ["dry"] * days}


async def find_tables(city: str, guests: int, window: bool) -> list[str]:
    """Find free tables."""
    await asyncio.sleep(0.01)
    return ["T7", "T9"]


async def book_table(table: str, time: str, notes: list[str]) -> dict[str, Any]:
    """Book a table."""
    return {"table": table, "time": time, "notes": len(notes)}


async def cancel_booking(table: str) -> str:
    """Cancel a booking."""
    raise ValueError("the kitchen is closed")


TOOLS = (get_weather, find_tables, book_table, cancel_booking)


# -- the model behind HTTP ---------------------------------------------------------------------------------------


class _OpenAI(BaseHTTPRequestHandler):
    """Answers chat completions from the script."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        turn = sum(message["role"] == "assistant" for message in asked["messages"])
        calls = next(turns[turn] for text, turns in TURNS.items() if text in json.dumps(asked["messages"]))
        message: dict[str, Any] = {"role": "assistant", "content": None if calls else ANSWER}
        if calls:
            message["tool_calls"] = [
                {"id": each, "type": "function", "function": {"name": name, "arguments": json.dumps(args)}}
                for each, name, args in calls
            ]
        finish = "tool_calls" if calls else "stop"
        whole = {"id": f"chatcmpl-{turn}", "created": 1763800000, "model": "scripted-1"}
        whole["usage"] = {"prompt_tokens": 50 + 10 * turn, "completion_tokens": 7, "total_tokens": 57 + 10 * turn}
        if asked.get("stream"):
            for position, call in enumerate(message.get("tool_calls", ())):
                call["index"] = position
            chunk = whole | {"object": "chat.completion.chunk"}
            usage = chunk.pop("usage")
            chunks = [
                chunk | {"choices": [{"index": 0, "delta": message, "finish_reason": None}]},
                chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]},
                chunk | {"choices": [], "usage": usage},
            ]
            body = "".join(f"data: {json.dumps(each)}\n\n" for each in chunks) + "data: [DONE]\n\n"
            self._send("text/event-stream", body.encode())
        else:
            choice = {"index": 0, "message": message, "finish_reason": finish}
            body = json.dumps(whole | {"object": "chat.completion", "choices": [choice]})
            self._send("application/json", body.encode())

    def _send(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def model_server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 8765), _OpenAI)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def openai_tools() -> list[dict[str, Any]]:
    kinds = {"str": "string", "int": "integer", "bool": "boolean", "list[str]": "array"}
    result = []
    for tool in TOOLS:
        given = {name: {"type": kinds[kind]} for name, kind in tool.__annotations__.items() if name != "return"}
        schema = {"type": "object", "properties": given}
        result.append({"name": tool.__name__, "description": tool.__doc__, "parameters": schema})
    return [{"type": "function", "function": each} for each in result]


def openai_loop(tracer: Any, tool_span: Callable[[str, str, dict[str, Any]], Any]) -> None:
    """Run the agent on the bare client: a span around each run, and around each tool whatever `tool_span` makes."""
    import openai

    with model_server() as url:
        client = openai.OpenAI(base_url=url, api_key="none")
        for prompt in (GOOD, BAD):
            messages: list[Any] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]
            with tracer.start_as_current_span("dinner"):
                while True:
                    answer = client.chat.completions.create(
                        model="scripted-1", messages=messages, tools=openai_tools()
                    ).choices[0].message  # fmt: skip
                    messages.append(answer.model_dump(exclude_none=True))
                    if not answer.tool_calls:
                        break
                    for call in answer.tool_calls:
                        content = run_tool(call, tool_span)
                        messages.append({"role": "tool", "tool_call_id": call.id, "content": content})


def run_tool(call: Any, tool_span: Callable[[str, str, dict[str, Any]], Any]) -> str:
    args = json.loads(call.function.arguments)
    tool = next(each for each in TOOLS if each.__name__ == call.function.name)
    try:
        with tool_span(call.id, call.function.name, args) as done:
            result = asyncio.run(tool(**args))
            if done is not None:
                done(result)
    except ValueError as error:
        return f"error: {error}"
    return json.dumps(result)


@contextlib.contextmanager
def no_span(*_: object) -> Iterator[None]:
    yield None


# -- the recordings ----------------------------------------------------------------------------------------------


def pydantic_ai(**settings: Any) -> Callable[[Any, Any], None]:
    """Run the agent in pydantic-ai with one of its versions of the format."""

    def record(provider: Any, _: Any) -> None:
        from pydantic_ai import Agent
        from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
        from pydantic_ai.models.function import FunctionModel
        from pydantic_ai.models.instrumented import InstrumentationSettings

        def answer(messages: list[Any], _: Any) -> ModelResponse:
            turn = sum(isinstance(message, ModelResponse) for message in messages)
            calls = next(turns[turn] for text, turns in TURNS.items() if text in repr(messages))
            return ModelResponse(
                parts=[ToolCallPart(name, json.dumps(args), tool_call_id=each) for each, name, args in calls]
                or [TextPart(ANSWER)]
            )

        instrument = InstrumentationSettings(tracer_provider=provider, **settings)
        options: dict[str, Any] = {"system_prompt": SYSTEM, "name": "dinner"}
        try:
            agent = Agent(FunctionModel(answer), instrument=instrument, **options)
        except TypeError:  # newer: a capability
            from pydantic_ai.capabilities import Instrumentation

            agent = Agent(FunctionModel(answer), capabilities=[Instrumentation(settings=instrument)], **options)
        for tool in TOOLS:
            agent.tool_plain(tool)
        agent.run_sync(GOOD)
        with contextlib.suppress(ValueError):
            agent.run_sync(BAD)

    return record


def openai_v2(provider: Any, logs: Any) -> None:
    """Chat spans only; messages in log events, or in span attributes, as the environment says."""
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

    given = {"logger_provider": logs}
    try:
        from opentelemetry.sdk._events import EventLoggerProvider

        given["event_logger_provider"] = EventLoggerProvider(logs)
    except ImportError:
        pass
    OpenAIInstrumentor().instrument(tracer_provider=provider, **given)
    openai_loop(provider.get_tracer("dinner"), no_span)


def openllmetry(provider: Any, _: Any) -> None:
    """Chat spans only, in the attributes of OpenLLMetry's day."""
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider)
    openai_loop(provider.get_tracer("dinner"), no_span)


def openinference(provider: Any, _: Any) -> None:
    """Chat spans from the OpenAI instrumentation, tool spans from OpenInference's tracer."""
    from openinference.instrumentation import OITracer, TraceConfig
    from openinference.instrumentation.openai import OpenAIInstrumentor
    from opentelemetry.trace import Status, StatusCode

    OpenAIInstrumentor().instrument(tracer_provider=provider)
    tracer = OITracer(provider.get_tracer("dinner"), config=TraceConfig())

    @contextlib.contextmanager
    def tool_span(_: str, name: str, args: dict[str, Any]) -> Iterator[Callable[[Any], None]]:
        with tracer.start_as_current_span(name, openinference_span_kind="tool") as span:
            span.set_tool(name=name, parameters={})
            span.set_input(args)

            def done(result: Any) -> None:
                span.set_output(result)
                span.set_status(Status(StatusCode.OK))

            yield done

    openai_loop(tracer, tool_span)


def langgraph(instrument: Callable[[Any], None]) -> Callable[[Any, Any], None]:
    """Run the agent in LangGraph."""

    def record(provider: Any, _: Any) -> None:
        from langchain.agents import create_agent
        from langchain_core.tools import StructuredTool
        from langchain_openai import ChatOpenAI

        instrument(provider)
        with model_server() as url:
            model = ChatOpenAI(model="scripted-1", base_url=url, api_key="none")
            tools = [StructuredTool.from_function(coroutine=tool) for tool in TOOLS]
            agent = create_agent(model, tools, system_prompt=SYSTEM, name="dinner")

            async def run() -> None:
                for prompt in (GOOD, BAD):
                    with contextlib.suppress(ValueError):
                        await agent.ainvoke({"messages": [("user", prompt)]})

            asyncio.run(run())

    return record


def _openinference_langchain(provider: Any) -> None:
    from openinference.instrumentation.langchain import LangChainInstrumentor

    LangChainInstrumentor().instrument(tracer_provider=provider)


def _traceloop_langchain(provider: Any) -> None:
    from opentelemetry.instrumentation.langchain import LangchainInstrumentor

    LangchainInstrumentor().instrument(tracer_provider=provider)


def strands(provider: Any, _: Any) -> None:
    """Run the agent in Strands, which puts messages into span events."""
    from opentelemetry import trace

    trace.set_tracer_provider(provider)
    from strands import Agent, tool
    from strands.models.openai import OpenAIModel

    with model_server() as url:
        for prompt in (GOOD, BAD):
            model = OpenAIModel(client_args={"base_url": url, "api_key": "none"}, model_id="scripted-1")
            agent = Agent(
                model=model, tools=[tool(each) for each in TOOLS], system_prompt=SYSTEM, callback_handler=None
            )  # fmt: skip
            agent(prompt)


LATEST = {"OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental"}
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

# name: how to record, what to install, the environment variables
RECORDINGS: dict[str, tuple[Callable[[Any, Any], None], list[str], dict[str, str]]] = {
    "pydantic-ai-0.1": (pydantic_ai(), ["pydantic-ai-slim==0.1.9", OLDER], {}),
    "pydantic-ai-0.4": (pydantic_ai(), ["pydantic-ai-slim==0.4.11", OLDER], {}),
    "pydantic-ai-1-format-1": (pydantic_ai(version=1), ["pydantic-ai-slim==1.0.10", OLDER], {}),
    "pydantic-ai-1-format-2": (pydantic_ai(version=2), ["pydantic-ai-slim==1.0.10", OLDER], {}),
    "pydantic-ai-2-format-3": (pydantic_ai(version=3), ["pydantic-ai-slim==2.68.0"], {}),
    "pydantic-ai-2-format-5": (pydantic_ai(version=5), ["pydantic-ai-slim==2.68.0"], {}),
    "pydantic-ai-2-format-6": (pydantic_ai(version=6), ["pydantic-ai-slim==2.68.0"], {}),
    "openai-events-2.1": (
        openai_v2, ["opentelemetry-instrumentation-openai-v2==2.1b0", "openai<2", OLDER],
        {CAPTURE: "true"},
    ),
    "openai-events-2.3": (
        openai_v2, ["opentelemetry-instrumentation-openai-v2==2.3b0", "openai<3", "httpx", "wrapt<2"], {CAPTURE: "true"}
    ),
    "openai-without-content": (
        openai_v2, ["opentelemetry-instrumentation-openai-v2==2.3b0", "openai<3", "httpx", "wrapt<2"], {}
    ),
    "openllmetry-0.40": (
        openllmetry,
        ["opentelemetry-instrumentation-openai==0.40.7", "opentelemetry-semantic-conventions-ai<0.4.10", "openai<2"],
        {},
    ),
    "openllmetry-0.62": (openllmetry, ["opentelemetry-instrumentation-openai==0.62.4", "openai"], {}),
    "openinference-openai": (openinference, ["openinference-instrumentation-openai==0.1.66", "openai"], {}),
    "openinference-langgraph": (
        langgraph(_openinference_langchain),
        ["langchain", "langgraph", "langchain-openai", "openinference-instrumentation-langchain"], {},
    ),
    "traceloop-langgraph": (
        langgraph(_traceloop_langchain),
        ["langchain", "langgraph", "langchain-openai", "opentelemetry-instrumentation-langchain"], {},
    ),
    "strands": (strands, ["strands-agents", "openai"], {}),
    "strands-latest": (strands, ["strands-agents", "openai"], LATEST),
}  # fmt: skip
EVERYWHERE = {"pydantic-ai-1-format-1", "pydantic-ai-2-format-5", "openinference-openai"}


# -- the encodings -----------------------------------------------------------------------------------------------


def write(name: str, spans: list[Any], logs: list[Any]) -> None:
    from google.protobuf.json_format import MessageToDict
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

    SPANS.mkdir(exist_ok=True)
    exports = [encode_spans(spans[start : start + 8]) for start in range(0, len(spans), 8)]
    for export in exports:
        without_paths(export)
    documents = [MessageToDict(export) for export in exports]
    if logs:
        from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs

        documents.insert(0, MessageToDict(encode_logs(logs)))
    lines = [json.dumps(as_the_collector(json.loads(json.dumps(each))), separators=(",", ":")) for each in documents]
    (SPANS / f"{name}.otlp.jsonl").write_text("".join(f"{line}\n" for line in lines))
    if name not in EVERYWHERE:
        return
    binary = [export.SerializeToString() for export in exports]
    whole = {"resourceSpans": [each for document in documents for each in document["resourceSpans"]]}
    (SPANS / f"{name}.otlp.json").write_text(json.dumps(as_the_collector(whole), indent=1) + "\n")
    (SPANS / f"{name}.base64-ids.jsonl").write_text("".join(json.dumps(MessageToDict(each)) + "\n" for each in exports))
    (SPANS / f"{name}.otlp.pb").write_bytes(b"".join(binary))
    (SPANS / f"{name}.collector.pb").write_bytes(b"".join(len(each).to_bytes(4, "big") + each for each in binary))
    console(name, spans)
    (SPANS / f"{name}.spans.jsonl").write_text("".join(json.dumps(flat(span)) + "\n" for span in spans))


def as_the_collector(value: Any) -> Any:
    """Return OTLP JSON as its specification asks: ids in hexadecimal, enumerations as numbers."""
    import base64

    numbers = {"SPAN_KIND_": ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]}
    numbers["STATUS_CODE_"] = ["UNSET", "OK", "ERROR"]
    if isinstance(value, list):
        return [as_the_collector(each) for each in value]
    if not isinstance(value, dict):
        for prefix, names in numbers.items():
            if isinstance(value, str) and value.startswith(prefix):
                return names.index(value.removeprefix(prefix))
        return value
    hexadecimal = {
        key: base64.b64decode(each).hex() for key, each in value.items() if key in ("traceId", "spanId", "parentSpanId")
    }
    return {key: as_the_collector(each) for key, each in value.items()} | hexadecimal


def console(name: str, spans: list[Any]) -> None:
    """Write what the SDK's console exporter writes."""
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter

    with (SPANS / f"{name}.console.json").open("w") as stream:

        class Stream:
            def write(self, text: str) -> None:
                stream.write(re.sub(PATHS.replace('"', r'\\"'), r'File \\"\1\\"', text))

            def flush(self) -> None:
                pass

        ConsoleSpanExporter(out=Stream()).export(spans)  # type: ignore[arg-type]  # all it needs


def flat(span: Any) -> dict[str, Any]:
    """Return a span in the shape that the Rust project reads: one flat object."""
    parent = {"parent_span_id": f"{span.parent.span_id:016x}"} if span.parent else {}
    return {
        "trace_id": f"{span.context.trace_id:032x}",
        "span_id": f"{span.context.span_id:016x}",
        **parent,
        "name": span.name,
        "startTimeUnixNano": str(span.start_time),
        "endTimeUnixNano": str(span.end_time),
        "attributes": dict(span.attributes),
    }


PATHS = r'File "[^"]*/([^/"]+)"'


def without_paths(export: Any) -> None:
    """Take the folders of this machine out of stack traces."""
    for resource in export.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                span.status.message = re.sub(PATHS, r'File "\1"', span.status.message)
                for attribute in [each for event in span.events for each in event.attributes]:
                    if attribute.key == "exception.stacktrace":
                        text = attribute.value.string_value
                        attribute.value.string_value = re.sub(PATHS, r'File "\1"', text)


def main() -> None:
    name = sys.argv[1]
    record, _, environment = RECORDINGS[name]
    os.environ |= environment
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    resource = Resource({"service.name": "dinner"})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    logs, finished = log_provider(resource)
    record(provider, logs)
    write(name, list(exporter.get_finished_spans()), finished())


def log_provider(resource: Any) -> tuple[Any, Callable[[], list[Any]]]:
    from opentelemetry.sdk import _logs
    from opentelemetry.sdk._logs import export

    kept = getattr(export, "InMemoryLogRecordExporter", None) or export.InMemoryLogExporter
    exporter = kept()
    provider = _logs.LoggerProvider(resource=resource)
    provider.add_log_record_processor(export.SimpleLogRecordProcessor(exporter))
    return provider, lambda: list(exporter.get_finished_logs())


if __name__ == "__main__":
    main()
