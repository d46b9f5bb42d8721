"""Plugins for the tests of the kit: one good one of each kind, and the ways in which others go wrong.

A module of its own, so that it can be offered by a distribution made up for the test.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence

import attrs
import msgspec

from assay_core.contracts import BinarySource, CheckContext, ImportReport, Machine, Outputs, Receipt, RuleStatus
from assay_core.errors import InputError, PolicyError, ReasonCode, ServiceError
from assay_core.model import (
    CompiledPolicy,
    Episode,
    Expectation,
    JsonValue,
    MetricResult,
    Outcome,
    Rule,
    RunReport,
    SourcePlace,
    ToolCall,
    Violation,
)
from assay_core.testing import make_finding


class Importer:
    """Reads one episode per line: `id tool tool …`."""

    formats: tuple[str, ...] = ("acme.words",)

    def sniff(self, head: bytes) -> int:
        """Recognise the first word."""
        return 90 if head.startswith(b"episode ") else 0

    def read(self, source: BinarySource, report: ImportReport) -> Iterator[Episode]:
        """Yield an episode per line."""
        with source.open() as stream:
            seen: set[str] = set()
            for number, line in enumerate(stream, 1):
                try:
                    words = line.decode().split()
                except UnicodeDecodeError as error:
                    raise InputError(code="E_TRACE_INVALID", message="no UTF-8") from error
                if len(words) < 2 or words[0] != "episode":
                    raise InputError(code="E_TRACE_INVALID", message=f"line {number} is no episode")
                if words[1] in seen:
                    raise InputError(code="E_TRACE_DUPLICATE", message=f"line {number} says it again")
                seen.add(words[1])
                report.records += 1
                calls = tuple(ToolCall.of(tool, index=index) for index, tool in enumerate(words[2:]))
                yield Episode(id=words[1], events=calls, source=SourcePlace(source.name, number))


class ListingImporter(Importer):
    """Collects everything before it gives anything, and leaves the file open."""

    def read(self, source: BinarySource, report: ImportReport) -> Iterator[Episode]:
        """Return a list."""
        stream = source.open()
        report.records += 1
        lines = stream.read().splitlines()
        return [Episode(id=str(n), source=SourcePlace("?", n)) for n, _ in enumerate(lines)]  # type: ignore[return-value]  # wrong on purpose


class RaisingImporter(Importer):
    """Lets the exceptions of its decoding out."""

    def sniff(self, head: bytes) -> int:
        """Fail on what is no UTF-8."""
        return 90 if head.decode().startswith("episode ") else 0

    def read(self, source: BinarySource, report: ImportReport) -> Iterator[Episode]:
        """Fail on what is no UTF-8."""
        report.records += 1
        with source.open() as stream:
            for number, line in enumerate(stream, 1):
                yield Episode(id=line.decode().split()[1], source=SourcePlace(source.name, number))


@attrs.frozen(kw_only=True)
class MaxCalls:
    """Options of the metric."""

    max: int


@attrs.frozen
class _Prepared:
    most: int

    def measure(self, episodes: Sequence[Episode]) -> Sequence[MetricResult]:
        return [self._one(episode) for episode in episodes]

    def _one(self, episode: Episode) -> MetricResult:
        if len(episode.tool_calls) <= self.most:
            return MetricResult(outcome=Outcome.HELD)
        return MetricResult(outcome=Outcome.VIOLATED, findings=(make_finding(source=episode.source),))


class Metric:
    """At most so many calls."""

    types: Mapping[str, type[object]] = {"acme.max-calls": MaxCalls}
    needs_episode = True
    pure = True
    blocking = False
    needs: frozenset[str] = frozenset()

    def prepare(self, expectation: Expectation, context: CheckContext) -> _Prepared:
        """Refuse what no episode can exceed."""
        options = expectation.options
        assert isinstance(options, MaxCalls)
        if options.max > 1_000_000:
            raise InputError(code="E_CFG_VACUOUS", message="no episode has so many calls", place=expectation.place)
        return _Prepared(options.max)


class _Counting:
    def __init__(self) -> None:
        self.count = 0

    def measure(self, episodes: Sequence[Episode]) -> Sequence[MetricResult]:
        self.count += 1
        return [MetricResult(outcome=Outcome.HELD, score=1.0 / self.count) for _ in episodes[:2]]


class ForgetfulMetric(Metric):
    """Gives too few results, remembers what it saw, and takes anything."""

    def prepare(self, expectation: Expectation, context: CheckContext) -> _Counting:  # type: ignore[override]  # wrong on purpose
        """Check nothing."""
        return _Counting()


class _Bare:
    def measure(self, episodes: Sequence[Episode]) -> Sequence[MetricResult]:
        return [MetricResult(outcome=Outcome.VIOLATED, score=7.0, details={e.events[0].tool: 1}) for e in episodes]  # type: ignore[union-attr]  # wrong on purpose


class BareMetric(Metric):
    """Says that something is wrong and not what; assumes that there is a call."""

    def prepare(self, expectation: Expectation, context: CheckContext) -> _Bare:  # type: ignore[override]  # wrong on purpose
        """Check nothing."""
        return _Bare()


FORBIDDEN = ReasonCode("E_ACME_WORD", "decision", 1, "a forbidden word", "use another word")


@attrs.frozen
class _Words:
    words: tuple[str, ...]
    rules: tuple[Rule, ...]

    def start(self) -> int:
        return 0

    def decide(self, call: ToolCall, state: object) -> Sequence[Violation]:
        if any(word.encode() in (call.args_json or b"") for word in self.words):
            return [Violation(rule=self.rules[0].id, code="E_ACME_WORD", message="a forbidden word")]
        return []

    def commit(self, call: ToolCall, state: object) -> object:
        assert isinstance(state, int)
        return state + 1

    def on_response(self, call: ToolCall, state: object) -> Sequence[Violation]:
        return []

    def finish(self, state: object) -> Sequence[Violation]:
        return []


class Check:
    """Forbids words in arguments."""

    keys: Mapping[str, type[object] | None] = {"acme.words": None}
    codes: tuple[ReasonCode, ...] = (FORBIDDEN,)

    def compile(self, section: object, context: CheckContext) -> _Words:
        """Refuse an empty list."""
        if not isinstance(section, list) or not section:
            raise PolicyError(code="E_CFG_VACUOUS", message="acme.words forbids nothing")
        return _Words(tuple(section), (Rule(id="acme.words", section="acme.words", text="forbidden words"),))


class _Stateful(_Words):
    def start(self) -> list[str]:  # type: ignore[override]  # wrong on purpose
        return []

    def commit(self, call: ToolCall, state: list[str]) -> list[str]:  # type: ignore[override]  # wrong on purpose
        state.append(call.tool)
        return state

    def decide(self, call: ToolCall, state: list[str]) -> Sequence[Violation]:  # type: ignore[override]  # wrong on purpose
        found = super().decide(call, state)
        assert msgspec.json.decode(call.args_json or b"{}").keys() is not None
        return found if not state else [*found, Violation(rule="another", code="E_ACME_OTHER", message="")]


class StatefulCheck(Check):
    """Keeps a list as its state, and asserts that arguments are an object."""

    codes = (FORBIDDEN, ReasonCode("E_TOOL_DENIED", "decision", 1, "shadows a code of the core", "-"))

    def compile(self, section: object, context: CheckContext) -> _Stateful:
        """Take anything."""
        rule = Rule(id="acme.words", section="acme.words", text="forbidden words")
        return _Stateful(tuple(section) if isinstance(section, list) else (), (rule, rule))


class Reporter:
    """Writes the verdict."""

    default_output: str | None = "verdict.txt"
    appends = False

    def report(self, run: RunReport, outputs: Outputs) -> Receipt:
        """Write one line."""
        with outputs.open() as sink:
            sink.write(f"{run.suite!r} {run.exit_code}\n".encode())
        return Receipt(files=("verdict.txt",))


class CarelessReporter(Reporter):
    """Shows what it is given, hides that the disk is full, and never says the same twice."""

    reports = 0

    def report(self, run: RunReport, outputs: Outputs) -> Receipt:
        """Write raw text."""
        CarelessReporter.reports += 1
        outputs.terminal().write(run.suite)
        try:
            with outputs.open() as sink:
                sink.write(f"{CarelessReporter.reports}\n".encode())
                for row in run.rows:
                    sink.write(row.message.encode("utf-8", "surrogatepass"))
        except OSError:
            pass
        return Receipt()


class Enforcer:
    """Enforces nothing, and says so for each rule."""

    def plan(self, policy: CompiledPolicy, machine: Machine) -> Sequence[RuleStatus]:
        """Refuse every rule."""
        return [RuleStatus(rule=rule.id, status="refused", reason="not built") for rule in policy.rules]

    def enforce(self, policy: CompiledPolicy, target: object, options: object) -> int:
        """Start nothing."""
        return 3


class SilentEnforcer(Enforcer):
    """Leaves rules out."""

    def plan(self, policy: CompiledPolicy, machine: Machine) -> Sequence[RuleStatus]:
        """Say nothing of the last rule, and no reason for the rest."""
        return [RuleStatus(rule=rule.id, status="observed", reason="") for rule in policy.rules[:-1]]


class Embedder:
    """Counts characters."""

    needs: frozenset[str] = frozenset({"network"})
    dims = 2

    def __init__(self, *, gone: bool = False) -> None:
        self.id = "acme:counts:1"
        self._gone = gone

    def embed(self, texts: Sequence[str]) -> Sequence[bytes]:
        """Return length and vowels."""
        if self._gone:
            raise ServiceError(code="E_NETWORK_ERROR", message="nobody is there")
        return [struct.pack("<2f", len(text), sum(map(text.count, "aeiou"))) for text in texts]


class NeighbourlyEmbedder(Embedder):
    """Looks at the whole batch, and takes no lone surrogates."""

    def __init__(self, *, gone: bool = False) -> None:
        super().__init__(gone=gone)
        self.id = "acme counts"

    def embed(self, texts: Sequence[str]) -> Sequence[bytes]:
        """Number the texts."""
        return [struct.pack("<2f", at or math.nan, len(text.encode())) for at, text in enumerate(texts)]


class Judge:
    """Finds that everything holds."""

    id = "acme:yes:1"
    needs: frozenset[str] = frozenset({"network"})

    def __init__(self, *, gone: bool = False) -> None:
        self._gone = gone

    def ask(self, prompt: str, schema: JsonValue, seed: int, *, timeout_s: float) -> str:
        """Agree."""
        if self._gone:
            raise ServiceError(code="E_TIMEOUT", message="nobody is there")
        return '{"passed": true}'


class TalkativeJudge(Judge):
    """Shows its key, changes what is not its own, and gives no text."""

    needs: frozenset[str] = frozenset({"gpu"})

    def __repr__(self) -> str:
        return "TalkativeJudge(key='sk-of-the-test')"

    def ask(self, prompt: str, schema: JsonValue, seed: int, *, timeout_s: float) -> str:
        """Return an object."""
        if self._gone:
            raise ServiceError(code="E_NETWORK_ERROR", message="sk-of-the-test was refused")
        if isinstance(schema, dict):
            schema.clear()
        return {"passed": True}  # type: ignore[return-value]  # wrong on purpose
