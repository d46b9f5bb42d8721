"""From votes to results: recorded, cached and live verdicts, and what a run does where there is none."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import msgspec
import pytest
from assay_metric_judge.asking import Asking
from assay_metric_judge.metrics import Faithfulness, JudgeCheck, JudgeCriteria
from assay_metric_judge.rubrics import named_rubric

from assay_core.cache import RunCache
from assay_core.errors import AssayError, InputError, ServiceError
from assay_core.model import Episode, JsonObject, JsonValue, JudgeSettings, MetricResult, Outcome, Settings
from assay_core.testing import expectation_of, make_context, make_episode

YES, NO = ('{"passed": true, "rationale": "yes"}', '{"passed": false, "rationale": "no"}')


class Scripted:
    """A judge that answers from a list, the last answer for ever, and keeps what it was asked."""

    id = "scripted:1"

    def __init__(self, answers: Sequence[str], needs: Iterable[str] = ()) -> None:
        self._answers = list(answers)
        self.needs = frozenset(needs)
        self.prompts: list[str] = []
        self.seeds: list[int] = []

    def ask(self, prompt: str, schema: JsonValue, seed: int, *, timeout_s: float) -> str:
        assert timeout_s > 0
        self.prompts.append(prompt)
        self.seeds.append(seed)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def check(judge: Scripted | None = None, raw: JsonObject | None = None, **fields: Any) -> JudgeCheck:
    services = {**({"judge": "scripted"} if judge else {}), **fields.pop("services", {})}
    settings = Settings(judge=JudgeSettings(**fields.pop("how", {})))
    context = make_context(
        driver=lambda group, name, options: judge,
        **{"offline": False, "settings": settings, **fields},
        services=services,
    )
    raw = raw or {"type": "faithfulness"}
    metric = JudgeCriteria() if raw["type"] == "judge_criteria" else Faithfulness()
    expectation = attrs.evolve(expectation_of(metric, raw), test_id="t1")
    return metric.prepare(expectation, context)


def measured(of: JudgeCheck, episode: Episode | None = None) -> MetricResult:
    (result,) = of.measure([episode or make_episode()])
    return result


def recorded(verdict: JsonValue, rubric: str = "faithfulness", **fields: Any) -> Episode:
    extra = msgspec.json.encode({"meta": {"assay": {"judge": {rubric: verdict}}}})
    return make_episode(extra_json=extra, **fields)


@pytest.mark.parametrize(
    ("answers", "samples", "outcome", "score"),
    [
        ([YES], [True, True], Outcome.HELD, 1.0),
        ([NO], [False, False], Outcome.VIOLATED, 0.0),
        ([YES, NO, NO], [True, False, False], Outcome.VIOLATED, 1 / 3),
        ([NO, YES, YES], [False, True, True], Outcome.VIOLATED, 2 / 3),
    ],
)
def test_votes_stop_as_soon_as_one_side_has_a_majority(
    answers: list[str], samples: list[bool], outcome: Outcome, score: float
) -> None:
    result = measured(check(Scripted(answers)))

    assert result.outcome is outcome
    assert result.score == pytest.approx(score)
    assert result.details["samples"] == samples
    assert (result.details["source"], result.details["extra_calls_used"]) == ("live", len(samples) - 1)


def test_a_lower_bound_lets_two_of_three_votes_pass() -> None:
    result = measured(check(Scripted([NO, YES, YES]), {"type": "faithfulness", "min_score": 0.6}))

    assert result.outcome is Outcome.HELD


@pytest.mark.parametrize(
    ("how", "services"), [({"max_extra_calls_per_test": 1}, {}), ({"samples": 2}, {}), ({}, {"judge_samples": 2})]
)
def test_a_score_in_the_band_abstains(how: dict[str, Any], services: dict[str, JsonValue]) -> None:
    result = measured(
        check(Scripted([YES, NO]), {"type": "faithfulness", "min_score": 0.1}, how=how, services=services)
    )

    assert (result.outcome, result.score) == (Outcome.ABSTAINED, 0.5)
    assert (result.details["verdict"], result.details["passed"]) == ("Abstain", False)
    assert [each.code for each in result.findings] == ["E_JUDGE_UNCERTAIN"]


@pytest.mark.parametrize(
    ("strategy", "answers", "votes"),
    [("single", [YES], 1), ("always_three", [YES, NO, YES], 3), ("sequential_sprt", [YES], 2)],
)
def test_the_strategy_says_how_often_is_asked(strategy: str, answers: list[str], votes: int) -> None:
    judge = Scripted(answers)

    measured(check(judge, how={"rerun_strategy": strategy}))

    assert len(judge.prompts) == votes


def test_labels_are_blind_and_change_from_vote_to_vote() -> None:
    judge = Scripted([YES, NO, YES])

    result = measured(check(judge))

    labels = ["### Response A:" in prompt for prompt in judge.prompts]
    assert labels == [seed % 2 == 0 for seed in judge.seeds]
    assert len({*labels}) == 2
    assert result.details["swapped"] is bool(judge.seeds[0] % 2)
    assert len({*judge.seeds}) == 3


def test_the_seed_of_the_run_chooses_the_first_label() -> None:
    swapped = {measured(check(Scripted([YES]), seed=seed)).details["swapped"] for seed in range(20)}

    assert swapped == {True, False}


def test_labels_can_be_named_and_kept() -> None:
    named, kept = Scripted([YES]), Scripted([YES])

    measured(check(named, how={"blind_labeling": False}))
    measured(check(kept, how={"order_randomized": False}))

    assert all("### Candidate Response:" in prompt for prompt in named.prompts)
    assert all("### Response A:" in prompt for prompt in kept.prompts)


def test_an_answer_that_is_no_verdict_is_asked_for_again() -> None:
    judge = Scripted(["I think it passed.", YES])

    assert measured(check(judge)).outcome is Outcome.HELD
    assert len(judge.prompts) == 3
    assert judge.seeds[0] != judge.seeds[1]


def test_a_judge_that_never_gives_a_verdict_is_unavailable() -> None:
    judge = Scripted(["no JSON"])

    with pytest.raises(ServiceError) as caught:
        measured(check(judge))

    assert (caught.value.code, len(judge.prompts)) == ("E_JUDGE_UNAVAILABLE", 3)


def test_a_judge_that_takes_too_long_is_a_timeout() -> None:
    judge = Scripted([YES, NO, YES])
    ticks = itertools.count(0, 20)
    context = make_context(
        offline=False, services={"judge": "scripted"}, driver=lambda *_: judge, settings=Settings(timeout_s=30)
    )
    expectation = expectation_of(Faithfulness(), {"type": "faithfulness"})
    asking = Asking(named_rubric("faithfulness", "v1"), expectation, context, clock=lambda: float(next(ticks)))

    with pytest.raises(ServiceError) as caught:
        asking.verdict(make_episode())

    assert (caught.value.code, len(judge.prompts)) == ("E_TIMEOUT", 1)


def test_a_recorded_verdict_needs_no_judge() -> None:
    result = measured(check(), recorded({"passed": True, "score": 1.0, "verdict": "Pass", "rubric_version": "v1"}))

    assert (result.outcome, result.details["source"]) == (Outcome.HELD, "precomputed")


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        ({"passed": False, "score": 0.3}, Outcome.VIOLATED),
        ({"passed": False, "score": 0.9}, Outcome.VIOLATED),
        ({"passed": True, "score": 0.7}, Outcome.VIOLATED),
        ({"passed": True, "score": 0.5}, Outcome.ABSTAINED),
        ({"passed": True, "score": 0.9, "verdict": "Abstain"}, Outcome.ABSTAINED),
        ({"passed": True, "score": 0.8}, Outcome.HELD),
    ],
)
def test_a_recorded_score_counts_as_a_live_one(verdict: JsonObject, outcome: Outcome) -> None:
    assert measured(check(), recorded(verdict)).outcome is outcome


@pytest.mark.parametrize(
    "verdict",
    [
        None, [], "Pass", {}, {"passed": True}, {"passed": 1, "score": 1.0}, {"passed": True, "score": True},
        {"passed": True, "score": 1.5}, {"passed": True, "score": "1"}, {"passed": True, "score": 1, "verdict": "Yes"},
    ],
)  # fmt: skip
def test_a_recorded_verdict_that_is_doubtful_is_an_error_with_its_line(verdict: JsonValue) -> None:
    with pytest.raises(InputError) as caught:
        measured(check(), recorded(verdict))

    assert caught.value.code == "E_TRACE_INVALID"
    assert "trace.jsonl:1" in caught.value.message


@pytest.mark.parametrize(
    "other", [{"rubric_version": "v0"}, {"input_sha256": "0" * 64}, {"rubric_version": "v1", "input_sha256": "1"}]
)
def test_a_recorded_verdict_about_something_else_is_not_used(other: JsonObject) -> None:
    judge = Scripted([NO])

    result = measured(check(judge), recorded({"passed": True, "score": 1.0, **other}))

    assert (result.outcome, result.details["source"]) == (Outcome.VIOLATED, "live")


def test_a_verdict_recorded_by_this_judge_is_found_again_until_a_text_changes() -> None:
    live = measured(check(Scripted([YES]))).details

    assert measured(check(), recorded(dict(live))).outcome is Outcome.HELD
    with pytest.raises(InputError) as caught:
        measured(check(), recorded(dict(live), response="Done, and more."))
    assert caught.value.code == "E_JUDGE_MISSING"


def test_verdicts_about_criteria_are_recorded_under_their_wording() -> None:
    raw: JsonObject = {"type": "judge_criteria", "judge_criteria": "It is polite."}
    name = check(raw=raw).rubric_id

    assert name.startswith("custom-")
    assert name != check(raw={**raw, "judge_criteria": "It is short."}).rubric_id
    verdict: JsonObject = {"passed": True, "score": 1.0}
    assert measured(check(raw=raw), recorded(verdict, name)).outcome is Outcome.HELD
    assert measured(check(raw=raw), recorded(verdict, "custom")).outcome is Outcome.HELD


def test_criteria_stand_in_the_prompt() -> None:
    judge = Scripted([YES])

    measured(check(judge, {"type": "judge_criteria", "judge_criteria": {"polite": "It says <please>."}}))

    assert "- polite: It says &lt;please&gt;." in judge.prompts[0]


@pytest.mark.parametrize("written", [3, True, ["It is polite."], {"polite": 3}, None])
def test_criteria_of_another_type_are_refused(written: JsonValue) -> None:
    with pytest.raises(InputError) as caught:
        check(raw={"type": "judge_criteria", "judge_criteria": written})

    assert caught.value.code == "E_CFG_PARSE"


@pytest.mark.parametrize("bound", [-0.1, 1.1])
def test_a_bound_outside_the_range_is_refused(bound: float) -> None:
    with pytest.raises(InputError) as caught:
        check(raw={"type": "faithfulness", "min_score": bound})

    assert caught.value.code == "E_CFG_PARSE"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "E_JUDGE_MISSING"),
        ({"services": {"judge": "none"}}, "E_JUDGE_MISSING"),
        ({"services": {"replay_strict": True}}, "E_REPLAY_STRICT_MISSING"),
        ({"services": {"replay_strict": True}, "defers": True}, "E_REPLAY_STRICT_MISSING"),
    ],
)
def test_without_verdict_and_judge_the_run_ends(fields: dict[str, Any], code: str) -> None:
    of = check(**fields)

    with pytest.raises(AssayError) as caught:
        measured(of)

    assert (caught.value.code, caught.value.exit_code) == (code, 2)
    assert "t1" in caught.value.message
    assert "meta.assay.judge.faithfulness" in caught.value.message
    assert caught.value.place is not None
    assert of.blocking is False


@pytest.mark.parametrize("judge", [None, Scripted([YES])])
def test_validate_leaves_a_missing_verdict_to_run(judge: Scripted | None) -> None:
    result = measured(check(judge, defers=True))

    assert (result.outcome, result.deferred) == (Outcome.NOT_APPLICABLE, True)
    assert judge is None or judge.prompts == []


def test_replay_strict_asks_nobody_even_where_a_judge_is_named() -> None:
    judge = Scripted([YES])

    with pytest.raises(InputError) as caught:
        measured(check(judge, services={"replay_strict": True}))

    assert (caught.value.code, judge.prompts) == ("E_REPLAY_STRICT_MISSING", [])


def test_a_denied_network_keeps_a_judge_that_needs_it_from_being_asked() -> None:
    judge, local = Scripted([YES], needs=["network"]), Scripted([YES])

    with pytest.raises(AssayError) as caught:
        measured(check(judge, offline=True))

    assert (caught.value.code, judge.prompts) == ("E_NEEDS_NETWORK", [])
    assert measured(check(local, offline=True)).outcome is Outcome.HELD


def test_a_cached_verdict_is_not_asked_for_again_until_something_changes() -> None:
    cache, judge = RunCache(), Scripted([YES])

    def source(**fields: Any) -> JsonValue:
        episode = fields.pop("episode", None)
        return measured(check(judge, fields.pop("raw", None), cache=cache, **fields), episode).details["source"]

    assert source() == "live"
    assert source() == "cache"
    assert source(services={"replay_strict": True}) == "cache"
    assert source(services={"judge_refresh": True}) == "live"
    changed: list[dict[str, Any]] = [
        {"episode": make_episode(response="Other.")},
        {"episode": make_episode(context=("fact",))},
        {"raw": {"type": "faithfulness", "rubric_version": "v2"}},
        {"services": {"judge_temperature": 0.5}},
        {"services": {"judge_max_tokens": 5}},
        {"services": {"judge_samples": 5}},
        {"how": {"borderline_min": 0.1}},
        {"seed": 8},
    ]
    assert [source(**each) for each in changed] == ["live"] * len(changed)


def test_a_cached_value_that_cannot_be_read_is_asked_for_again() -> None:
    cache, judge = RunCache(), Scripted([YES])
    measured(check(judge, cache=cache))
    cache._values = dict.fromkeys(cache._values, b"{not json")

    assert measured(check(judge, cache=cache)).details["source"] == "live"


def test_options_that_were_given_reach_the_judge() -> None:
    seen: list[object] = []

    def driver(group: str, name: str, options: object) -> Scripted:
        seen.append((group, name, options))
        return Scripted([YES])

    services = {"judge": "acme.judge", "judge_model": "m", "judge_base_url": "https://h/v1", "judge_temperature": 0.0}
    context = make_context(driver=driver, services=services)
    measured(Faithfulness().prepare(expectation_of(Faithfulness(), {"type": "faithfulness"}), context))

    options = {"model": "m", "base_url": "https://h/v1", "temperature": 0.0}
    assert seen == [("assay.judges", "acme.judge", options)]


def test_more_further_votes_than_the_budget_are_told() -> None:
    metric = Faithfulness()
    context = make_context(
        driver=lambda *_: Scripted([YES]),
        services={"judge": "scripted"},
        settings=Settings(judge=JudgeSettings(max_extra_calls_per_run=1)),
    )
    of = metric.prepare(expectation_of(metric, {"type": "faithfulness"}), context)

    first, second = of.measure([make_episode(), make_episode(id="e2", response="Else.")])

    assert first.findings == ()
    assert [(each.code, each.severity) for each in second.findings] == [("W_JUDGE_BUDGET", "note")]
    assert second.outcome is Outcome.HELD


def test_an_episode_without_response_is_a_violation() -> None:
    result = measured(check(), make_episode(response=None))

    assert [each.code for each in result.findings] == ["E_RESPONSE_MISSING"]


def test_keys_in_a_rationale_are_neither_kept_nor_shown() -> None:
    key = "sk-proj-AbCdEf0123456789AbCdEf"
    answer = json.dumps({"passed": False, "rationale": f"it leaks {key}, and aB3" + "x" * 40})

    result = measured(check(Scripted([answer])))

    shown = json.dumps(dict(result.details)) + result.findings[0].message
    assert key not in shown
    assert "x" * 40 not in shown
    assert "it leaks [redacted]" in shown


def test_details_are_those_of_the_rust_project_and_a_message() -> None:
    details = measured(check(Scripted([NO]))).details

    expected = {
        "rubric_version", "passed", "verdict", "score", "source", "samples", "extra_calls_used", "agreement",
        "rationale", "judge_seed", "swapped", "message",
    }  # fmt: skip
    assert expected <= set(details)
    assert details["message"] == "failed judge check (score=0.00)"
