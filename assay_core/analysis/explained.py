"""What `assay explain` is asked for, answered: a trace against a policy, or the episodes of one test of a suite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from assay_core.analysis.repair.denials import Denials
from assay_core.analysis.repair.from_denials import Proposal, propose
from assay_core.analysis.trace_explanation import Shown, TraceExplanation, explain_trace
from assay_core.config import load_suite
from assay_core.contracts import ImportReport
from assay_core.convert import nearest
from assay_core.errors import InputError, Place, UsageError
from assay_core.model import Episode, Limits, Notice, PluginRules, ResultRow, Suite
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.drivers import Drivers
from assay_core.policy import Policy, load_policy
from assay_core.run import gate
from assay_core.run.evaluate import Evaluation
from assay_core.run.ingest import batches, choose_importer, notices_of
from assay_core.run.matching import Matching
from assay_core.run.opened import OpenedTrace
from assay_core.run.plan import Plan
from assay_core.run.pool import Pool
from assay_core.run.prepare import make_plan
from assay_core.run.seeds import order_seed
from assay_core.trace import open_source

__all__ = ["Asked", "Explained", "explain_asked"]

_PROPOSALS = 50
_NAMES_KEPT = 10_000  # episode ids, for "did you mean"


@attrs.frozen(kw_only=True)
class Asked:
    """What to explain."""

    suite: Path | None = None
    policy: Path | None = None
    trace: str | None = None  # None will do for a test that looks at no episode
    trace_format: str | None = None
    test: str | None = None
    episode: str | None = None
    lenient: bool = False
    plugins: PluginRules | None = None
    shown: Shown = attrs.field(factory=Shown)


@attrs.frozen(kw_only=True)
class Explained:
    """The answer."""

    trace_file: str
    policy_file: Path | None
    trace: TraceExplanation | None  # None: no policy decides anything
    row: ResultRow | None = None  # of the test that was asked for
    verdict: gate.Verdict | None = None  # of that test alone
    proposals: Mapping[str, Proposal] = attrs.field(factory=dict)
    not_worked_out: int = 0  # denials beyond those that proposals are for
    notices: tuple[Notice, ...] = ()
    fix_command: str = "assay fix"  # the words before the id of a patch

    @property
    def exit_code(self) -> int:
        """1 where something is denied, unmet or failed, else 0; what could not be evaluated says 2 or 3."""
        of_test = self.verdict.exit_code if self.verdict else 0
        return of_test or (1 if self.trace is not None and not self.trace.passed else 0)


def explain_asked(asked: Asked) -> Explained:
    """Read the files, decide, and work out what would let through what is denied.

    Raises:
        AssayError: a file cannot be read or loaded; E_TRACE_MISS where no episode is the one asked for;
            E_MISSING_CONFIG where nothing says what decides, or which tests there are.
    """
    drivers = Drivers(Catalogue.scan(), asked.plugins)
    suite = (
        load_suite(asked.suite, drivers=drivers, lenient=asked.lenient, policy=asked.policy) if asked.suite else None
    )
    drivers = drivers.narrowed(suite.plugins) if suite else drivers
    path = asked.policy or (suite.policy_path if suite else None)
    policy = load_policy(path, drivers=drivers) if path else None
    test = _OneTest.of(asked.test, suite, policy, drivers) if asked.test is not None else None
    if policy is None and test is None:
        where = f"{asked.suite} names no policy" if asked.suite else "no policy.yaml was found here or above"
        raise UsageError(code="E_MISSING_CONFIG", message=where, remedy="name the policy with --policy")
    if asked.trace is None:
        return _without_trace(asked, suite, test)
    source = open_source(asked.trace, suite.settings.limits if suite else Limits())
    opened = OpenedTrace(source=source, chosen=choose_importer(drivers, source, asked.trace_format))
    episodes = _Wanted(opened, asked.episode, test)
    denials = Denials(policy, most=_PROPOSALS) if policy else None
    told = None
    if policy is not None:
        told = explain_trace(policy, episodes.first(), shown=asked.shown, denials=denials)
    else:
        for _ in episodes.first():
            pass
    row, verdict = test.finish() if test else (None, None)
    if not episodes.count and (asked.episode is not None or test is None):
        raise episodes.missed()
    known = denials is not None and path is not None and told is not None and not told.passed
    return Explained(
        trace_file=source.name,
        policy_file=path,
        trace=told,
        row=row,
        verdict=verdict,
        proposals=propose(denials, path, episodes, drivers) if known and denials and path else {},
        not_worked_out=denials.left_out if denials else 0,
        notices=tuple(_notices(suite, policy, opened)),
    )


def _without_trace(asked: Asked, suite: Suite | None, test: _OneTest | None) -> Explained:
    if test is None or test.needs_episode:
        words = f"assay explain {asked.test} --trace TRACE" if asked.test else "assay explain TRACE"
        raise InputError(
            code="E_TRACE_NOT_FOUND",
            message="there is nothing to explain: no trace was given",
            remedy=f"name the recorded trace: {words}",
        )
    row, verdict = test.finish()
    return Explained(
        trace_file="none", policy_file=None, trace=None, row=row, verdict=verdict,
        notices=suite.notices if suite else (),
    )  # fmt: skip


def _notices(suite: Suite | None, policy: Policy | None, opened: OpenedTrace) -> Iterator[Notice]:
    yield from suite.notices if suite else ()
    for notice in policy.notices if policy else ():
        yield Notice(code=notice.code, message=notice.message, place=notice.place)
    yield from opened.notices
    yield from notices_of(opened.report)


class _OneTest:
    """One test of a suite, evaluated as `assay validate` does."""

    def __init__(self, suite: Suite, plan: Plan) -> None:
        self.matching = Matching(plan.tests)
        pool = Pool(workers=suite.settings.parallel, timeout_s=suite.settings.timeout_s)
        self.evaluation = Evaluation(
            plan, None, settings=suite.settings, thresholds=suite.thresholds, measure=pool.measure
        )
        self.needs_episode = plan.needs_episode

    @classmethod
    def of(cls, test_id: str, suite: Suite | None, policy: Policy | None, drivers: Drivers) -> _OneTest:
        """Prepare the checks of the test.

        Raises:
            UsageError: E_MISSING_CONFIG without a suite, E_INVALID_ARGS where it has no such test.
            AssayError: what preparing its checks raises.
        """
        if suite is None:
            message = f"{test_id!r} is no file, and without an eval.yaml here or above there is no test of that name"
            raise UsageError(code="E_MISSING_CONFIG", message=message)
        cases = tuple(case for case in suite.tests if case.id == test_id)
        if not cases:
            guess = nearest(test_id, {case.id for case in suite.tests})
            hint = f"; did you mean {guess!r}?" if guess else ""
            message = f"{test_id!r} is no reason code, no file and no test of {str(suite.path)!r}{hint}"
            raise UsageError(code="E_INVALID_ARGS", message=message, remedy="see `assay validate` for the tests")
        only = attrs.evolve(suite, tests=cases)
        plan = make_plan(only, policy, drivers, seed=order_seed(suite), offline=False, defer=True)
        return cls(suite, plan)

    def takes(self, episode: Episode) -> bool:
        """Tell whether the test is about the episode."""
        return next(iter(self.matching.tests_of(episode)), None) is not None

    def finish(self) -> tuple[ResultRow, gate.Verdict]:
        """Return the test's row, and what a run of it alone would end as.

        Raises:
            AssayError: E_TRACE_MISS, and what broke while it was evaluated.
        """
        outcome = self.evaluation.finish()
        if outcome.faults:
            raise outcome.faults[0]
        (row,) = outcome.rows
        if row.status == "skipped":
            return row, gate.Verdict(exit_code=0, message=row.message)
        return row, gate.decide(outcome, strict=False, block_on_warn=False)


class _Wanted:
    """The episodes that were asked for; may be read again."""

    def __init__(self, opened: OpenedTrace, episode: str | None, test: _OneTest | None) -> None:
        self._opened = opened
        self._episode = episode
        self._test = test
        self._names: dict[str, None] = {}
        self.count = 0

    def first(self) -> Iterator[Episode]:
        """Yield them the first time: they are counted, and the test measures them."""
        for episode in self._opened.read():
            if len(self._names) < _NAMES_KEPT:
                self._names[episode.id] = None
            if self._test is not None:
                self._test.evaluation.feed((episode,))
            if self._is_wanted(episode):
                self.count += 1
                yield episode

    def __iter__(self) -> Iterator[Episode]:
        for batch in batches(self._opened.chosen, self._opened.source, ImportReport()):
            yield from filter(self._is_wanted, batch)

    def missed(self) -> InputError:
        """Return the error for an episode that is not there."""
        name = self._episode or ""
        guess = nearest(name, self._names)
        hint = f"; did you mean {guess!r}?" if guess else ""
        of_test = " that the test is about" if self._test is not None else ""
        return InputError(
            code="E_TRACE_MISS",
            message=f"no episode{of_test} has the id {name!r}{hint}",
            place=Place(self._opened.source.name),
        )

    def _is_wanted(self, episode: Episode) -> bool:
        if self._episode is not None and episode.id != self._episode:
            return False
        return self._test is None or self._test.takes(episode)
