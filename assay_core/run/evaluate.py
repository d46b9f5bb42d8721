"""Every episode against the policy, every test by its metrics. Takes values, returns values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import attrs

from assay_core.convert import nearest
from assay_core.errors import AssayError, InputError, PluginFault, ServiceError
from assay_core.model import (
    BaselineReport,
    CompiledPolicy,
    Counts,
    Episode,
    JsonObject,
    MetricResult,
    Notice,
    ResultRow,
    RuleSummary,
    Settings,
    Thresholds,
)
from assay_core.plugins import guard
from assay_core.run.baseline.behaviour import EpisodeActs
from assay_core.run.baseline.settling import Against
from assay_core.run.case_state import CaseState
from assay_core.run.floors import floored
from assay_core.run.judge_metrics import JudgeTally
from assay_core.run.matching import Matching
from assay_core.run.plan import Plan, PlannedCheck, PlannedTest
from assay_core.run.policy_rows import PolicyRows
from assay_core.run.quarantine import Quarantine
from assay_core.run.repeating import Repeats
from assay_core.run.results import checked_results, failed_row, finished, unchanged_row
from assay_core.run.spool import RowSpool
from assay_core.store import PassedBefore

__all__ = ["Evaluated", "Evaluation"]

_DEFERRED_LISTED = 20
_PROMPTS_KEPT = 10_000  # for "did you mean" after a miss
Measure = Callable[[PlannedCheck, Sequence[Episode]], Sequence[MetricResult]]


@attrs.frozen(kw_only=True)
class Evaluated:
    """The outcome of all checks, before the gate."""

    rows: RowSpool  # sealed
    counts: Counts
    failed_policies: int  # of counts.failed, the rows that are episodes against the policy
    abstained: int  # of counts.unstable, the rows in which a judge abstained
    service_codes: tuple[str, ...]  # codes of rows that a service let down, on_error: block
    deferred: int  # rows left to another command
    unchanged: int = 0  # rows that an earlier run passed with the same fingerprint
    regressed: int = 0  # of counts.failed, the rows that only the baseline fails
    baseline: BaselineReport | None = None
    rules: tuple[RuleSummary, ...]
    faults: tuple[AssayError, ...]  # plugin faults and configuration errors met while evaluating, in order
    notices: tuple[Notice, ...]
    judge_metrics: JsonObject | None = None


class Evaluation:
    """Takes episodes in batches and ends with rows. Use once: `feed` any number of times, then `finish`."""

    def __init__(
        self,
        plan: Plan,
        policy: CompiledPolicy | None,
        *,
        settings: Settings,
        thresholds: Thresholds,
        measure: Measure,
        clock: Callable[[], float] | None = None,
        quarantine: Quarantine | None = None,
        unchanged: Mapping[str, PassedBefore] | None = None,
        repeats: Repeats | None = None,
        behaviour: bool = False,
        against: Against | None = None,
    ) -> None:
        """Prepare.

        Args:
            plan: What to check.
            policy: What every episode is decided against; None for no policy.
            settings: The suite's settings.
            thresholds: The suite's thresholds.
            measure: How a check is called: inline, or in a pool where it may block.
            clock: Seconds, for `duration_ms`; None leaves durations out, so that equal runs give equal bytes.
            quarantine: Tests whose failures count otherwise.
            unchanged: Tests that need not be measured, by id: an earlier run passed them with the same inputs.
            repeats: How often a failed check that can vary is measured again; None: never.
            behaviour: Whether rows say what their episodes did, for baselines.
            against: The baseline that the tests are compared with.
        """
        self._settings = settings
        self._thresholds = thresholds
        self._against = against
        self._measure = measure
        self._clock = clock
        self._policy_rows = PolicyRows(policy) if policy is not None else None
        self._states = [CaseState(test, settings.attempts, behaviour=behaviour) for test in plan.tests]
        self._matching = Matching(plan.tests)
        self._quarantine = quarantine or Quarantine()
        self._unchanged = unchanged or {}
        self._repeats = repeats or Repeats()
        self._seen: dict[str, None] = {}
        self._rows = RowSpool()
        self._tally: Counter[str] = Counter()
        self._judges = JudgeTally()
        self._deferred: dict[str, None] = {}
        self._faults: list[AssayError] = []
        self._service_codes: dict[str, None] = {}
        self._ended_early = False
        for state in self._states:
            if state.test.case.id not in self._unchanged:
                self._without_episode(state)

    @property
    def wants_more(self) -> bool:
        """False once `bail_on_first_failure` has seen a failure or a plugin broke."""
        return not self._ended_early

    @property
    def episodes(self) -> int:
        """How many episodes were fed so far."""
        return self._tally["episodes"]

    @property
    def tool_calls(self) -> int:
        """How many tool calls they hold."""
        return self._tally["tool_calls"]

    def feed(self, episodes: Sequence[Episode]) -> Sequence[ResultRow]:
        """Check a batch of episodes; returns the policy rows that are final with it."""
        rows: list[ResultRow] = []
        if self._policy_rows is not None:
            rows = self._policy_rows.decide(episodes)
            for row in rows:
                self._take(row)
        self._tally["episodes"] += len(episodes)
        if self._policy_rows is not None:
            self._tally["tool_calls"] = self._policy_rows.decided
        else:
            self._tally["tool_calls"] += sum(len(episode.tool_calls) for episode in episodes)
        if self._states:
            self._feed_tests(episodes)
        if self._settings.bail_on_first_failure and self._anything_failed():
            self._ended_early = True
        return rows

    def finish(self, fingerprints: Mapping[str, str] | None = None) -> Evaluated:
        """Settle every test and return the outcome.

        Args:
            fingerprints: By test id, what the rows say of all that went into them.
        """
        prints = fingerprints or {}
        notices: list[Notice] = list(self._policy_rows.notices()) if self._policy_rows else []
        skipped = 0
        rows, baseline = self._compared(prints)
        for compared in rows:
            row = self._quarantine.settle(compared)
            skipped += row.skip_reason == "bail"
            self._take(row)
        if self._ended_early and not self._faults:
            text = f"the run ended at the first failure (bail_on_first_failure); {skipped} test(s) were not run"
            notices.append(Notice(code="W_CHECK_NOT_EXERCISED", message=text))
        if self._deferred:
            notices.append(Notice(code="W_CHECK_DEFERRED", message=_told_deferred(list(self._deferred))))
        if allowed := self._tally["allowed_on_error"]:
            text = f"{allowed} test(s) could not be evaluated and are let through by on_error: allow"
            notices.append(Notice(code="W_ON_ERROR_ALLOW", message=text))
        self._rows.seal()
        return Evaluated(
            rows=self._rows,
            counts=self._counts(),
            failed_policies=self._tally["failed policies"],
            abstained=self._tally["abstained"],
            service_codes=tuple(self._service_codes),
            deferred=self._tally["deferred"],
            unchanged=self._tally["unchanged"],
            regressed=self._tally["regressed"],
            baseline=baseline,
            rules=self._policy_rows.summaries() if self._policy_rows else (),
            faults=tuple(self._faults),
            notices=tuple(notices),
            judge_metrics=self._judges.metrics(),
        )

    def _compared(self, prints: Mapping[str, str]) -> tuple[Iterable[ResultRow], BaselineReport | None]:
        """Return the rows of all tests, as the baseline leaves them."""

        def rows() -> Iterator[ResultRow]:
            for state in self._states:
                row = self._row_of(state)
                print_ = prints.get(row.test_id)
                yield attrs.evolve(row, fingerprint=print_) if print_ else row

        if self._against is None:
            return rows(), None
        try:
            return self._against.settle(list(rows()))
        except InputError as error:
            self._faults.append(error)
            return rows(), None

    def _feed_tests(self, episodes: Sequence[Episode]) -> None:
        matched: dict[int, list[Episode]] = {}
        for episode in episodes:
            if len(self._seen) < _PROMPTS_KEPT:
                self._seen[episode.prompt if episode.prompt is not None else episode.id] = None
            for at in self._matching.tests_of(episode):
                matched.setdefault(at, []).append(episode)
        acts: dict[str, EpisodeActs] = {}  # by episode id: what several tests may ask for
        for at, wanted in matched.items():
            state = self._states[at]
            if state.test.case.id in self._unchanged:
                state.count += len(wanted)
            else:
                self._check(state, wanted, acts)

    def _check(self, state: CaseState, episodes: Sequence[Episode], acts: dict[str, EpisodeActs]) -> None:
        """Measure the episodes by every check of one test that needs them."""
        columns = [
            self._repeated(state, check, episodes, self._column(state, check, episodes))
            if check.needs_episode
            else None
            for check in state.test.checks
        ]
        for at, episode in enumerate(episodes):
            did = None
            if state.behaviour is not None and not state.behaviour.is_full:
                did = acts.get(episode.id) or acts.setdefault(episode.id, EpisodeActs(episode))
            state.fold(episode, [None if column is None else column[at] for column in columns], did)

    def _without_episode(self, state: CaseState) -> None:
        for at, check in enumerate(state.test.checks):
            if not check.needs_episode:
                state.fold_own(at, self._repeated(state, check, (), self._column(state, check, ()))[0])

    def _repeated(
        self,
        state: CaseState,
        check: PlannedCheck,
        episodes: Sequence[Episode],
        column: Sequence[MetricResult | AssayError],
    ) -> Sequence[MetricResult | AssayError]:
        """Measure again what failed and may be luck; what then holds is noted as flaky."""
        if check.pure or not self._repeats.times:
            return column
        settled = list(column)
        for at, result in enumerate(column):
            episode = episodes[at] if episodes else None
            part = () if episode is None else (episode,)
            settled[at], flake = self._repeats.settle(result, lambda part=part: self._column(state, check, part)[0])  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            if flake:
                state.flakes.append(
                    {"episode_id": episode.id if episode else None, "type": check.expectation.type, "attempts": flake}
                )
        return settled

    def _column(
        self, state: CaseState, check: PlannedCheck, episodes: Sequence[Episode]
    ) -> Sequence[MetricResult | AssayError]:
        """Return one result, or the same error, for each episode."""
        wanted = max(len(episodes), 1)
        started = self._clock() if self._clock else 0.0
        try:
            with guard.stage(check.record, check.stage):
                answer = self._measure(check, episodes)
            return checked_results(check, answer, episodes, test_id=state.test.case.id)
        except ServiceError as error:
            return [error] * wanted
        except AssayError as error:
            if error not in self._faults:
                self._faults.append(error)
            self._ended_early = self._ended_early or isinstance(error, PluginFault)
            return [error] * wanted
        finally:
            if self._clock:
                state.duration_s += self._clock() - started

    def _row_of(self, state: CaseState) -> ResultRow:
        case = state.test.case
        if case.id in self._unchanged and (state.count or not state.test.needs_episode):
            return unchanged_row(case, self._unchanged[case.id])
        if state.test.needs_episode and not state.count:
            if self._ended_early:
                row = ResultRow(
                    test_id=case.id,
                    status="skipped",
                    score=None,
                    message="not run",
                    skip_reason="bail",
                    prompt=case.select.prompt,
                )
                return row
            error = self._missed(state.test)
            self._faults.append(error)
            return failed_row(case, error)
        row = finished(state, self._settings, with_time=self._clock is not None)
        return floored(row, state, self._settings, self._thresholds)

    def _missed(self, test: PlannedTest) -> InputError:
        select = test.case.select
        wanted = select.prompt if select.prompt is not None else select.episode or "match: all"
        kind = "prompt" if select.prompt is not None else "episode id"
        guess = nearest(wanted, self._seen)
        hint = f"; the nearest recorded one is {guess!r}" if guess else ""
        return InputError(
            code="E_TRACE_MISS",
            message=f"test {test.case.id!r} matches no episode: no recorded {kind} is {wanted!r}{hint}",
            place=test.case.place,
        )

    def _take(self, row: ResultRow) -> None:
        self._rows.append(row)
        if row.kind == "test":
            self._judges.add(row)
        self._tally[row.status] += 1
        self._tally["findings"] += len(row.findings)
        self._tally["failed policies"] += row.status == "fail" and row.kind == "policy"
        self._tally["regressed"] += row.status == "fail" and row.error_code == "E_BASELINE_REGRESSION"
        self._tally["abstained"] += row.status == "unstable" and row.error_code == "E_JUDGE_UNCERTAIN"
        deferred = row.details.get("deferred")
        if isinstance(deferred, list):
            self._deferred.update(dict.fromkeys(f"{row.test_id} ({kind})" for kind in deferred))
        self._tally["deferred"] += row.status == "skipped" and "deferred" in row.details
        self._tally["unchanged"] += row.status == "skipped" and row.skip_reason == "fingerprint match"
        if row.status == "error" and row.error_code:
            self._service_codes[row.error_code] = None
        if row.status not in ("skipped", "error", "allowed_on_error"):
            self._tally["exercised"] += 1

    def _anything_failed(self) -> bool:
        return bool(self._tally["fail"]) or any(
            state.has_failed and not self._quarantine.tolerates(state.test.case.id) for state in self._states
        )

    def _counts(self) -> Counts:
        tally = self._tally
        return Counts(
            passed=tally["pass"],
            failed=tally["fail"],
            warned=tally["warn"],
            skipped=tally["skipped"],
            errored=tally["error"],
            unstable=tally["unstable"],
            flaky=tally["flaky"],
            allowed_on_error=tally["allowed_on_error"],
            total=len(self._rows),
            episodes=tally["episodes"],
            tool_calls=tally["tool_calls"],
            checks_exercised=tally["exercised"],
            findings=tally["findings"],
        )


def _told_deferred(checks: Sequence[str]) -> str:
    more = f", and {len(checks) - _DEFERRED_LISTED} more" if len(checks) > _DEFERRED_LISTED else ""
    return f"left to `assay run`, which may ask a model: {', '.join(checks[:_DEFERRED_LISTED])}{more}"
