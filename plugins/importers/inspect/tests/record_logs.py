"""Record real logs of inspect_ai, for the tests of this importer.

    python plugins/importers/inspect/tests/record_logs.py OUTPUT-FOLDER

Nothing here is made up: `inspect_ai` runs a task with its mock model, offline, and writes its log in both formats. The
model asks for tools that answer, that fail, that a reviewer refuses and that do not exist, for two at once, and with
arguments so long that Inspect stores them apart; one sample breaks. Inspect's own reader and writer then replace the
tracebacks, which name folders of the machine. Needs the package `inspect-ai`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from inspect_ai import Task
from inspect_ai import eval as run_eval
from inspect_ai.approval import Approval, ApprovalPolicy, approver
from inspect_ai.dataset import Sample
from inspect_ai.log import read_eval_log, write_eval_log
from inspect_ai.model import ChatMessageSystem, ChatMessageUser, ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import Score, accuracy, includes, scorer
from inspect_ai.solver import generate, solver, use_tools
from inspect_ai.tool import Tool, ToolCall, ToolError, tool

MODEL = "mockllm/model"
LONG = "a letter to Zoë: " + "one line of many\n" * 20


@tool
def add() -> Tool:
    """Offer a tool that works."""

    async def execute(x: int, y: int) -> int:
        """Add two numbers.

        Args:
            x: First number.
            y: Second number.
        """
        return x + y

    return execute


@tool
def lookup() -> Tool:
    """Offer a tool that fails."""

    async def execute(key: str) -> str:
        """Look something up.

        Args:
            key: What to look up.
        """
        raise ToolError(f"nothing is known of {key}")

    return execute


@tool
def send() -> Tool:
    """Offer a tool whose texts are long."""

    async def execute(text: str) -> str:
        """Send a message.

        Args:
            text: The message.
        """
        return f"sent: {text}"

    return execute


@approver(name="careful")
def careful():  # type: ignore[no-untyped-def]  # the decorator's own type
    """Refuse to send a virus."""

    async def approve(message, call, view, history) -> Approval:  # type: ignore[no-untyped-def]  # a protocol of Inspect
        refused = call.arguments.get("text") == "a virus"
        return Approval(decision="reject" if refused else "approve", explanation="no viruses" if refused else None)

    return approve


@scorer(metrics=[accuracy()])
def unsure():  # type: ignore[no-untyped-def]  # the decorator's own type
    """Give a score that is no number."""

    async def score(state, target) -> Score:  # type: ignore[no-untyped-def]  # a protocol of Inspect
        return Score(value=float("nan"))

    return score


@solver
def breaking():  # type: ignore[no-untyped-def]  # the decorator's own type
    """Break at one sample."""

    async def solve(state, generate):  # type: ignore[no-untyped-def]  # a protocol of Inspect
        if state.sample_id == "broken":
            raise RuntimeError("the agent fell over")
        return state

    return solve


def outputs() -> Iterator[ModelOutput]:
    """Yield what the model says: the same in every epoch of a sample."""
    while True:
        yield from sums()
        yield from letters()


def sums() -> Iterator[ModelOutput]:
    """Yield the answers to the first sample: two calls at once, one of which fails."""
    output = said("", ("add", {"x": 1, "y": 1}), ("lookup", {"key": "pi"}))
    yield output
    yield said("The answer is 2.")


def letters() -> Iterator[ModelOutput]:
    """Yield the answers to the second: a long text, a refused call, and a tool that does not exist."""
    yield said("I will send it.", ("send", {"text": LONG}))
    yield said("", ("send", {"text": "a virus"}))
    yield said("", ("shred", {"all": True}))
    yield said("It is sent.")


calls = 0


def said(text: str, *asked: tuple[str, dict[str, object]]) -> ModelOutput:
    """Return an answer of the model; its usage is given, since counting tokens would need the network."""
    global calls
    output = ModelOutput.from_content(MODEL, text)
    output.usage = ModelUsage(input_tokens=10, output_tokens=5, total_tokens=15)
    if asked:
        output.choices[0].stop_reason = "tool_calls"
        found = []
        for name, arguments in asked:
            calls += 1
            found.append(ToolCall(id=f"call-{calls}", function=name, arguments=arguments))
        output.choices[0].message.tool_calls = found
    return output


def task() -> Task:
    """Return the task."""
    letter = [ChatMessageSystem(content="Be brief."), ChatMessageUser(content="Send the letter.")]
    samples = [
        Sample(id="sum", input="What is 1 + 1?", target="2", metadata={"topic": "arithmetic"}),
        Sample(id=7, input=letter, target="sealed"),
        Sample(id="broken", input="Break.", target=""),
    ]
    return Task(
        name="office", dataset=samples, solver=[breaking(), use_tools(add(), lookup(), send()), generate()],
        scorer=[includes(), unsure()],
    )  # fmt: skip


def record(folder: Path) -> None:
    """Write `office.eval` and `office.json`."""
    global calls
    for form in ("eval", "json"):
        calls = 0
        with tempfile.TemporaryDirectory() as logs:
            (log,) = run_eval(
                task(), model=get_model(MODEL, custom_outputs=outputs()), epochs=2, log_dir=logs, log_format=form,
                max_samples=1, fail_on_error=False, display="none",
                approval=[ApprovalPolicy(careful(), "*")],
            )  # fmt: skip
            written = read_eval_log(log.location, resolve_attachments=False)
        for sample in written.samples or []:
            for error in (sample.error, *(event.error for event in sample.events if event.event == "error")):
                if error is not None:
                    error.traceback = error.traceback_ansi = "Traceback"
        write_eval_log(written, str(folder / f"office.{form}"), format=form)


if __name__ == "__main__":
    record(Path(sys.argv[1]).resolve())
