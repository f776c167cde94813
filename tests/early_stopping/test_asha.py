"""Successive halving as a pure function of histories."""

from __future__ import annotations

import math

import pytest
from gensweep.orchestration.early_stopping import History, should_stop

from gensweep.configuration import Objective, Schedule

ASHA = Schedule(name="asha", grace_period=2, reduction_factor=3)
FID = Objective(metric="fid", mode="min")


def at(epoch: int, *values: float) -> list[History]:
    return [[(epoch, value)] for value in values]


def test_the_first_at_a_rung_goes_on_and_a_worse_second_does_not() -> None:
    assert not should_stop([(2, 50.0)], [], ASHA, FID)
    assert should_stop([(2, 60.0)], at(2, 50.0), ASHA, FID)
    assert not should_stop([(2, 40.0)], at(2, 50.0), ASHA, FID)


def test_the_best_third_goes_on() -> None:
    others = at(2, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)  # with this trial nine: three places
    assert not should_stop([(2, 2.5)], others, ASHA, FID)
    assert should_stop([(2, 3.5)], others, ASHA, FID)


def test_a_rung_is_met_by_the_first_evaluation_at_or_after_it_and_decides_once() -> None:
    others = [[(3, 1.0), (5, 0.5)], [(3, 2.0), (5, 1.5)], [(3, 2.1)]]
    assert should_stop([(3, 9.0)], others, ASHA, FID)
    assert not should_stop([(3, 9.0), (5, 9.0)], others, ASHA, FID)  # no rung between 3 and 5
    assert should_stop([(3, 9.0), (5, 9.0), (6, 9.0)], [[(3, 9.0), (6, 1.0)]], ASHA, FID)


def test_before_the_grace_period_and_without_a_schedule_nothing_stops() -> None:
    assert not should_stop([(1, 99.0)], at(1, 1.0, 2.0, 3.0, 4.0), ASHA, FID)
    assert not should_stop([(2, 99.0)], at(2, 1.0, 2.0, 3.0, 4.0), Schedule(name="none"), FID)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_ranks_last(bad: float) -> None:
    assert not should_stop([(2, 50.0)], at(2, bad, bad), ASHA, FID)
    assert should_stop([(2, bad)], at(2, 1.0, 2.0), ASHA, FID)


def test_a_score_to_maximise_is_ranked_the_other_way() -> None:
    coverage = Objective(metric="coverage", mode="max")
    assert should_stop([(2, 0.1)], at(2, 0.9), ASHA, coverage)
    assert not should_stop([(2, 0.9)], at(2, 0.1), ASHA, coverage)


def test_the_order_of_arrival_among_the_others_does_not_matter() -> None:
    others = at(2, 5.0, 1.0, 4.0, 2.0)
    decisions = {should_stop([(2, 3.0)], permuted, ASHA, FID) for permuted in (others, others[::-1], sorted(others))}
    assert decisions == {True}
