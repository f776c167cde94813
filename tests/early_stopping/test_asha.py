"""Successive halving on histories told event by event."""

from __future__ import annotations

import itertools
import math

import pytest

from gensweep.early_stopping._rungs import Rungs
from gensweep.early_stopping.asha import ASHA
from gensweep.early_stopping.base import Stop
from tests.early_stopping.conftest import INFINITIES, Told, arm_of, stops

RULE = ASHA(grace_period=2, reduction_factor=3)  # rungs at 2, 6, 18, ...


def after(*others: tuple[tuple[int, float], ...], mode: str = "min", rule: ASHA = RULE) -> Told:
    told = Told(rule, arm_of(mode))  # type: ignore[arg-type]
    for reports in others:
        told.told(*reports)
    return told


def at(epoch: int, *values: float) -> list[tuple[tuple[int, float], ...]]:
    return [((epoch, value),) for value in values]


def test_the_first_at_a_rung_goes_on_and_a_worse_second_does_not() -> None:
    told = after()
    assert not stops(told.report(told.issue(), 2, 50.0))
    assert stops(told.report(told.issue(), 2, 60.0))
    assert not stops(told.report(told.issue(), 2, 40.0))


def test_the_best_third_goes_on_rounded_up() -> None:
    eight = at(2, *map(float, range(1, 9)))  # with this trial nine: three places
    for value, stopped in ((2.5, False), (3.5, True)):
        told = after(*eight)
        assert stops(told.report(told.issue(), 2, value)) is stopped
    told = after(*eight, *at(2, 9.0))  # with this trial ten: four places
    assert not stops(told.report(told.issue(), 2, 3.5))


def test_a_trial_goes_on_if_fewer_than_the_places_are_strictly_better() -> None:
    told = after()
    assert not any(stops(told.report(told.issue(), 2, 1.0)) for _ in range(9))  # equals never stop one another
    assert stops(told.report(told.issue(), 2, 1.5))
    told = after(*at(2, 1.0, 1.0, 2.0))  # with this trial four: two places, both taken by better ones
    assert stops(told.report(told.issue(), 2, 2.0))


def test_a_rung_is_met_by_the_first_evaluation_at_or_after_it_and_decides_once() -> None:
    told = after(((3, 1.0), (5, 0.5)), ((3, 2.0), (5, 1.5)), ((3, 2.1),))
    trial = told.issue()
    assert stops(told.report(trial, 3, 9.0))
    assert not stops(told.report(trial, 5, 9.0))  # no rung between 3 and 5
    assert not stops(told.report(trial, 6, 9.0))  # the first at this rung
    told.told((6, 1.0))
    assert stops(told.decide(trial))  # as things stand now


def test_a_report_that_crosses_several_rungs_counts_at_each_and_is_judged_at_the_last() -> None:
    told = after(((2, 5.0),), ((2, 1.0),))
    assert not stops(told.report(told.issue(), 7, 9.0))  # the worst at 2, the first at 6
    assert stops(told.report(told.issue(), 7, 9.5))
    late = told.issue()
    assert not stops(told.report(late, 2, 4.0))  # 1, 4, 5, 9, 9.5: two places
    assert stops(told.report(told.issue(), 2, 5.0))  # 1, 4, 5, 5, 9, 9.5: two places, both better
    assert stops(told.report(late, 6, 9.2))


def test_a_rung_exactly_at_the_report_is_reached_and_one_epoch_before_it_is_not() -> None:
    for epoch, stopped in ((1, False), (2, True), (5, False), (6, True), (17, False), (18, True)):
        told = after(((1, 1.0), (2, 1.0), (6, 1.0), (18, 1.0)))
        trial = told.issue()
        if epoch > 2:
            told.tell(trial, 2 if epoch < 6 else 6 if epoch < 18 else 17, 9.0)
        assert stops(told.report(trial, epoch, 9.0)) is stopped, epoch


def test_a_repeated_report_changes_nothing() -> None:
    told = after(*at(2, 1.0, 2.0, 3.0))
    trial = told.issue()
    told.tell(trial, 2, 1.5)
    before = told.decide(trial)
    told.tell(trial, 2, 99.0)
    assert told.decide(trial) == before
    told.tell(trial, 1, 99.0)
    assert told.decide(trial) == before
    assert told.history == told.replayed()


@pytest.mark.parametrize("bad", INFINITIES)
def test_what_is_not_finite_ranks_last(bad: float) -> None:
    told = after(*at(2, bad, bad))
    assert not stops(told.report(told.issue(), 2, 50.0))
    told = after(*at(2, 1.0, 2.0))
    assert stops(told.report(told.issue(), 2, bad))


def test_a_score_that_is_missing_ranks_last() -> None:
    told = after(*at(2, 1.0, 2.0))
    trial = told.issue()
    told.apply(event="reported", number=trial.number, epoch=2, step=1, scores={"other": 0.0})
    assert stops(told.decide(trial))


def test_a_score_to_maximise_is_ranked_the_other_way() -> None:
    told = after(*at(2, 0.9), mode="max")
    assert stops(told.report(told.issue(), 2, 0.1))
    told = after(*at(2, 0.1), mode="max")
    assert not stops(told.report(told.issue(), 2, 0.9))


def test_a_diverged_trial_is_the_worst_at_the_first_rung_that_it_did_not_reach() -> None:
    told = after()
    for _ in range(3):
        told.told((2, 1.0), (3, 1.0), outcome="DIVERGED")  # it reached 2, and not 6
    there = told.history.fold("rungs", lambda: Rungs(told.arm.objective, 2, 3), Rungs.enter)._losses
    assert there == {2: [1.0] * 3, 6: [math.inf] * 3}
    told.tell(told.told((2, 1.0)), 6, 2.0)
    assert not stops(told.report(told.told((2, 1.0)), 6, 3.0))  # with three diverged ones five: two places
    told.told(outcome="DIVERGED")
    assert there == {2: [1.0] * 3, 6: [math.inf] * 3}
    told.history.fold("rungs", lambda: Rungs(told.arm.objective, 2, 3), Rungs.enter)
    assert there[2][-1] == math.inf


@pytest.mark.parametrize("outcome", ["FAILED", "PRUNED", "COMPLETED"])
def test_other_ends_leave_the_rungs_as_they_are(outcome: str) -> None:
    told = after(*at(2, 2.0))
    told.told((2, 1.0), outcome=outcome)
    told.told(outcome=outcome)
    assert stops(told.report(told.issue(), 2, 3.0))  # three: one place


def test_the_order_of_arrival_among_the_others_does_not_matter() -> None:
    for values in itertools.permutations((5.0, 1.0, 4.0, 2.0)):
        told = after(*at(2, *values))
        assert stops(told.report(told.issue(), 2, 3.0))
        assert not stops(told.report(told.issue(), 2, 1.5))


def test_the_reason_names_the_epoch_and_the_arm() -> None:
    told = after(*at(2, 1.0))
    assert told.report(told.issue(), 3, 3.0) == Stop("at epoch 3, ranked within wae")
