"""Leave one out: runs unlike the others would have been denied, and only these."""

from __future__ import annotations

from assay_core.analysis.learning import Knobs, Learner
from assay_core.analysis.learning.draft import draft_of, policy_of
from assay_core.analysis.learning.self_check import Sample, leave_one_out
from assay_core.model import Episode, ToolCall
from assay_core.policy import load_policy


def episode(number: int, *calls: tuple[str, dict[str, object]]) -> Episode:
    events = tuple(ToolCall.of(tool, args, index=index) for index, (tool, args) in enumerate(calls))  # type: ignore[arg-type]  # JSON
    return Episode(id=f"e{number}", events=events)


def sample_of(runs: list[Episode]) -> Sample:
    sample = Sample()
    for each in runs:
        sample.offer(each)
    return sample


def test_a_run_unlike_the_others_would_have_been_denied() -> None:
    runs = [episode(number, ("read", {"path": "/srv/a"})) for number in range(6)]
    runs.append(episode(6, ("wipe", {})))

    check = leave_one_out(sample_of(runs), Knobs())

    assert (check.checked, check.denied, check.recorded, check.sampled) == (7, 1, 7, False)
    assert [rule for rule, _ in check.rules] == ["tools.allow"]


def test_halving_finds_what_leaving_out_one_by_one_finds() -> None:
    runs = [episode(number, ("read", {"n": number % 4, "s": "ab"[number % 2]}), *[("x", {})] * (number == 5))
            for number in range(9)]  # fmt: skip
    knobs = Knobs(generalise="strict", min_support=2)
    one_by_one = 0
    for left_out in runs:
        learner = Learner()
        for each in runs:
            if each is not left_out:
                learner.add(each)
        policy = load_policy(policy_of(draft_of(learner, knobs, title="t")))
        one_by_one += bool(policy.judge(left_out).denied)

    assert leave_one_out(sample_of(runs), knobs).denied == one_by_one > 0


def test_a_sample_is_bounded_and_says_so() -> None:
    runs = [episode(number, ("read", {})) for number in range(1000)]
    sample = sample_of(runs)

    check = leave_one_out(sample, Knobs())

    assert len(sample.episodes) <= 100
    assert (check.denied, check.recorded, check.sampled) == (0, 1000, True)


def test_nothing_is_checked_with_fewer_than_two_runs() -> None:
    assert leave_one_out(sample_of([episode(0, ("a", {}))]), Knobs()).checked == 0
    assert leave_one_out(Sample(), Knobs()).checked == 0


def test_names_that_no_policy_can_list_are_not_held_against_a_run() -> None:
    runs = [episode(number, ("read", {}), *[("e\u0301vil", {})] * (number == 2)) for number in range(5)]

    assert leave_one_out(sample_of(runs), Knobs()).denied == 0
