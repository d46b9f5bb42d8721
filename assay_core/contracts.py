"""What plugins offer: the contracts of the drivers. Public, and the only thing a plugin has to know.

A driver is found through an entry point (group `assay.importers`, `assay.metrics`, `assay.checks`,
`assay.reporters`, `assay.enforcers`, …) whose target is a class. The core makes one instance per run:
`Driver()` or, where the class names an attrs class in its attribute `options_type`, `Driver(options)` with the
options of the user, checked by the strict converter.

A driver may raise any `AssayError`. Anything else that escapes is a fault of the plugin: the run stops with
exit code 2 and names the distribution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Literal, Protocol, TextIO, TypeAlias, runtime_checkable

import attrs

from assay_core.errors import ReasonCode
from assay_core.model import (
    Cache,
    CompiledPolicy,
    Episode,
    Expectation,
    JsonValue,
    Limits,
    MetricResult,
    Rule,
    RunReport,
    Settings,
    ToolCall,
    Violation,
)

__all__ = [
    "BinarySource",
    "CheckContext",
    "Command",
    "CompiledCheck",
    "Embedder",
    "Enforcer",
    "EnforcementTarget",
    "ImportReport",
    "Importer",
    "Judge",
    "Machine",
    "Metric",
    "Outputs",
    "PolicyCheck",
    "PreparedCheck",
    "Process",
    "Receipt",
    "Reporter",
    "RuleStatus",
    "Upstream",
]


# -- importers ---------------------------------------------------------------------------------------------------


@runtime_checkable
class BinarySource(Protocol):
    """A file, or standard input spooled to one."""

    name: str  # as the user wrote it; "<stdin>" for standard input
    size: int | None
    limits: Limits

    def open(self) -> BinaryIO:
        """Return a new seekable stream at the start of the bytes. May be called more than once."""


@attrs.define(kw_only=True)
class ImportReport:
    """What an importer read and what it left out. The importer fills it while it reads."""

    records: int = 0  # records (lines, spans, …) read
    dropped: dict[str, int] = attrs.field(factory=dict)  # what was left out and how often, e.g. "field headers"
    notes: list[str] = attrs.field(factory=list)

    def drop(self, what: str, count: int = 1) -> None:
        """Count something that the trace model has no place for. Nothing is left out in silence."""
        self.dropped[what] = self.dropped.get(what, 0) + count


@runtime_checkable
class Importer(Protocol):
    """Reads recorded behaviour into episodes."""

    formats: tuple[str, ...]  # the names that `--format` takes

    def sniff(self, head: bytes) -> int:
        """Tell how sure it is, 0 to 100, that bytes starting like this are of its format. Never raises.

        `head` holds at most 64 KiB. A tie at the top, or 0 from everybody, is an error for the user.
        """

    def read(self, source: BinarySource, report: ImportReport) -> Iterator[Episode]:
        """Yield each episode when it is over, keeping source file and line; those still open at the end come last.

        Streams: memory grows with the largest open episode, not with the file.

        Raises:
            InputError: E_TRACE_INVALID, E_TRACE_LIMIT or E_TRACE_DUPLICATE, naming the line.
        """


# -- metrics -----------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class CheckContext:
    """What the core lends to a check."""

    base_dir: Path  # the folder of the file that names the check; relative paths start here
    seed: int
    cache: Cache
    driver: Callable[..., object]  # driver(group, name) or driver(group, name, options): e.g. an embedder
    policy: CompiledPolicy | None
    offline: bool  # True: `--deny network`
    defers: bool = False  # True: `validate`; what needs a model or the network is left to `assay run`
    services: Mapping[str, JsonValue] = attrs.field(factory=dict)  # what was chosen for this run, e.g. "embedder"
    settings: Settings = attrs.field(factory=Settings)  # of the suite: how long a check may take, how judges count


@runtime_checkable
class PreparedCheck(Protocol):
    """A check with its options, ready to look at episodes.

    It may have an attribute `blocking`, which then goes before that of its metric: whether a check waits can depend
    on its options. It may have an attribute `fingerprint`, a text that names everything its verdicts depend on
    besides its options, the files that these name, the policy, and what was chosen for the run (`services`): without
    it `--incremental` would take an old verdict for a new one.
    """

    def measure(self, episodes: Sequence[Episode]) -> Sequence[MetricResult]:
        """Return one result per episode, in their order.

        A check whose metric says `needs_episode = False` is called once, with no episode, and returns exactly
        one result. Episodes are frozen; what their JSON properties return is a copy.
        """


@runtime_checkable
class Metric(Protocol):
    """Turns an expectation of the suite into a check. One entry point per expected type."""

    types: Mapping[str, type[object]]  # expected type to the attrs class of its options
    needs_episode: bool  # False: the expectation carries its own calls
    pure: bool  # True: same episodes, same result; False: the run may repeat it
    blocking: bool  # True: it waits for something; the core runs it in its pool, under settings.timeout_seconds
    needs: frozenset[str]  # of "network", "model"; `--deny network` refuses it

    def prepare(self, expectation: Expectation, context: CheckContext) -> PreparedCheck:
        """Check the options and get ready.

        Raises:
            InputError: E_CFG_VACUOUS, with the expectation's place, if the check could never fail;
                E_REGEX_INVALID, E_SCHEMA_COMPILE, E_PATH_NOT_FOUND likewise.
        """


# -- policy checks -----------------------------------------------------------------------------------------------


@runtime_checkable
class CompiledCheck(Protocol):
    """The section of one policy, compiled. Its state is an immutable value, so that a fork of a session is free."""

    rules: tuple[Rule, ...]

    def start(self) -> object:
        """Return the state of a new episode or connection; an immutable value."""

    def decide(self, call: ToolCall, state: object) -> Sequence[Violation]:
        """Return what is wrong with the call; nothing means the rules held. Pure, and called for every call."""

    def commit(self, call: ToolCall, state: object) -> object:
        """Return the state after the call ran."""

    def on_response(self, call: ToolCall, state: object) -> Sequence[Violation]:
        """Return what is wrong with the call's result. `call.result_json` and `call.error` are set."""

    def finish(self, state: object) -> Sequence[Violation]:
        """Return what is still owed at the end of a complete episode."""


@runtime_checkable
class PolicyCheck(Protocol):
    """Owns keys of policy.yaml. One entry point per key; the entry's name is the key."""

    # Key to the attrs class of its section; None: it checks the raw value itself.
    keys: Mapping[str, type[object] | None]
    codes: tuple[ReasonCode, ...]  # scope "decision"; merged into `assay explain`

    def compile(self, section: object, context: CheckContext) -> CompiledCheck:
        """Compile a section.

        Raises:
            PolicyError: E_POLICY_PARSE; E_CFG_VACUOUS if the section could never refuse anything.
        """


# -- reporters ---------------------------------------------------------------------------------------------------


@runtime_checkable
class Outputs(Protocol):
    """Where a reporter writes. Files appear whole or not at all."""

    color: bool  # whether the terminal takes ANSI colours and the user wants them
    width: int  # columns of the terminal
    quiet: bool
    verbose: int

    def open(self, name: str = "") -> AbstractContextManager[BinaryIO]:
        """Open a sink that replaces the file when the block ends without an error.

        `name=""` is the main output: the path that the user gave, else the reporter's `default_output`.
        Another name is a file beside it; it may not contain a path separator.
        """

    def terminal(self) -> TextIO:
        """Return the stream for people: standard error, sanitised of control characters but for colours."""


@attrs.frozen(kw_only=True)
class Receipt:
    """What a reporter wrote."""

    files: tuple[str, ...] = ()
    omitted: int = 0  # results left out, e.g. by truncation


@runtime_checkable
class Reporter(Protocol):
    """Writes one kind of report of a finished run."""

    default_output: str | None  # the file name used when the user names none; None: it writes to the terminal
    # True: the main output is added to, not replaced (a job summary): its sink holds what was there, to be read and
    # written over; its position is the end.
    appends: bool

    def report(self, run: RunReport, outputs: Outputs) -> Receipt:
        """Write the report. Deterministic: the same run gives the same bytes.

        Every string of the run may be hostile. An error here never changes a failed verdict.
        """


# -- enforcers ---------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class RuleStatus:
    """What an enforcer can do for one rule on this machine."""

    rule: str
    status: Literal["enforced", "observed", "refused"]
    reason: str


@attrs.frozen(kw_only=True)
class Machine:
    """What enforcement depends on."""

    system: str  # "linux", "darwin", …
    kernel: str = ""
    features: frozenset[str] = frozenset()  # e.g. "landlock", "bpf-lsm"


@attrs.frozen(kw_only=True)
class Command:
    """A program to start, exactly these words, no shell."""

    argv: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Upstream:
    """A server to stand in front of."""

    url: str


@attrs.frozen(kw_only=True)
class Process:
    """A process that runs already."""

    pid: int


EnforcementTarget: TypeAlias = Command | Upstream | Process


@runtime_checkable
class Enforcer(Protocol):
    """Holds a policy at run time."""

    def plan(self, policy: CompiledPolicy, machine: Machine) -> Sequence[RuleStatus]:
        """Return exactly one status per rule of the policy: nothing goes unsaid."""

    def enforce(self, policy: CompiledPolicy, target: EnforcementTarget, options: Mapping[str, JsonValue]) -> int:
        """Start, watch until the end, and return the exit code."""


# -- services that checks may ask for ----------------------------------------------------------------------------


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors."""

    id: str  # names model and version: part of every cache key
    dims: int  # 0: not known before the first answer
    needs: frozenset[str]  # of "network", "model": `--deny network` and `--replay-strict` refuse it

    def embed(self, texts: Sequence[str]) -> Sequence[bytes]:
        """Return one row per text: `dims` little-endian float32.

        Raises:
            ServiceError: E_EMBEDDER_UNAVAILABLE, E_RATE_LIMIT, E_PROVIDER_5XX, E_TIMEOUT, E_NETWORK_ERROR.
        """


@runtime_checkable
class Judge(Protocol):
    """Asks a model."""

    id: str  # names provider, endpoint and model, never a key: part of every cache key
    needs: frozenset[str]  # of "network": `--deny network` refuses it

    def ask(self, prompt: str, schema: JsonValue, seed: int, *, timeout_s: float) -> str:
        """Return the model's answer as text; the caller checks it against the schema.

        Args:
            prompt: Everything the model is told, the instructions first.
            schema: JSON Schema of the answer.
            seed: 0 to 2**63 - 1; the same prompt under another seed is another vote.
            timeout_s: When to give up, retries and their waiting included.

        Raises:
            ServiceError: E_JUDGE_UNAVAILABLE, E_RATE_LIMIT, E_PROVIDER_5XX, E_TIMEOUT, E_NETWORK_ERROR.
            UsageError: E_CREDENTIAL_MISSING, E_INVALID_ARGS.
        """
