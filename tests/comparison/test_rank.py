from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from scipy import stats

from gensweep.comparison.rank import (
    Group,
    best_of_k_weights,
    expected_best,
    expected_best_curve,
    interquartile_mean,
    probability_of_improvement,
    rank,
)
from gensweep.errors import ConfigError, NoUsableTrial
from gensweep.objective import Objective

INF = math.inf
LESS, MORE = Objective(metric="fid"), Objective(metric="fid", mode="max")


def rows(**groups: list[float | str]) -> list[dict[str, Any]]:
    """Finished trials; a text in place of a score is the outcome of a trial without one."""
    found: list[dict[str, Any]] = []
    for group, scores in groups.items():
        for score in scores:
            outcome, value = (score, None) if isinstance(score, str) else ("COMPLETED", score)
            took = {"seconds": 2.0, "evaluation_seconds": 0.5}
            found.append({"trial": str(len(found)), "group": group, "outcome": outcome, "fid": value, **took})
    return found


def group_named(name: str, found: list[Group]) -> Group:
    return next(group for group in found if group.name == name)


def test_the_expected_best_of_ten_of_the_first_hundred_numbers() -> None:
    assert expected_best(np.arange(1.0, 101.0), 10) == pytest.approx(101 / 11, rel=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3, 5, 7])
def test_the_expected_best_is_the_mean_over_all_subsets(k: int) -> None:
    values = np.random.default_rng(0).exponential(size=7)
    assert expected_best(values, k) == pytest.approx(np.mean([min(s) for s in combinations(values, k)]), rel=1e-12)


def test_the_weights_sum_to_one_without_overflow() -> None:
    assert best_of_k_weights(10_000, 5_000).sum() == pytest.approx(1.0, rel=1e-9)


def test_the_expected_best_is_infinite_only_where_every_pick_may_be_a_failure() -> None:
    costs = np.array([INF, 2.0, INF, 1.0])
    assert [expected_best(costs, k) for k in (1, 2)] == [INF, INF]
    assert expected_best(costs, 3) == pytest.approx(0.75 * 1 + 0.25 * 2)
    assert expected_best(costs, 4) == 1.0


def test_the_interval_of_the_mean_has_the_width_of_the_normal_one() -> None:
    """k = 1 is the mean, whose standard error is known; 2000 resamples place each end within 10 % of its distance."""
    values = np.random.default_rng(1).normal(size=400)
    [interval] = expected_best_curve(values, [1], seed=0)
    error = 1.96 * values.std() / math.sqrt(400)
    assert interval.value == pytest.approx(values.mean())
    assert interval.high - interval.value == pytest.approx(error, rel=0.1)
    assert interval.value - interval.low == pytest.approx(error, rel=0.1)


def test_the_curve_of_one_trial_has_no_interval() -> None:
    [interval] = expected_best_curve(np.array([3.0]), [1], seed=0)
    assert interval.value == 3.0
    assert math.isnan(interval.low)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8, 21])
def test_the_interquartile_mean_is_scipys_trimmed_mean(n: int) -> None:
    values = np.random.default_rng(n).normal(size=n)
    assert interquartile_mean(values) == pytest.approx(stats.trim_mean(values, 0.25))


def test_the_probability_of_improvement_is_mann_whitneys_statistic() -> None:
    generator = np.random.default_rng(2)
    first, second = generator.integers(0, 6, 30).astype(float), generator.integers(0, 8, 20).astype(float)
    interval = probability_of_improvement(first, second, seed=0)
    assert interval.value == pytest.approx(stats.mannwhitneyu(second, first).statistic / 600)
    assert interval.low < interval.value < interval.high


def test_two_families_of_the_same_distribution_are_a_tie_nineteen_times_of_twenty() -> None:
    """Of 300 pairs about 5 to 7 % are told apart; at a true rate of 7 %, more than 36 happen once in 10,000."""
    generator = np.random.default_rng(3)
    apart = 0
    for trial in range(300):
        interval = probability_of_improvement(generator.normal(size=12), generator.normal(size=12), seed=trial)
        apart += not interval.low <= 0.5 <= interval.high
    assert apart <= 36


def test_too_few_trials_cannot_be_told_apart() -> None:
    assert rank(rows(a=[1.0, 2.0, 3.0], b=[7.0, 8.0, 9.0]), LESS).pairs[0].verdict == "tie"
    assert rank(rows(a=[1.0, 2.0, 3.0, 4.0], b=[6.0, 7.0, 8.0, 9.0]), LESS).pairs[0].verdict == "a"


def test_failures_are_the_worst_results_and_never_dropped() -> None:
    found = rank(rows(a=[1.0, "DIVERGED", "FAILED", math.nan], b=[5.0, 6.0, 7.0, 8.0]), LESS, budget=2)
    a, b = group_named("a", found.groups), group_named("b", found.groups)
    assert [group.name for group in found.groups] == ["b", "a"]
    assert (a.n, a.usable, a.diverged, a.failed, a.best) == (4, 1, 1, 1, 1.0)
    assert (a.median, a.iqm, a.expected.value) == (INF, INF, INF)
    assert (b.median, b.expected.value) == (6.5, pytest.approx((3 * 5 + 2 * 6 + 7) / 6))
    assert found.pair("a", "b").probability.value == 4 / 16
    assert (a.seconds, a.evaluation_seconds) == (8.0, 2.0)  # of diverged and failed trials too


def test_a_diverged_trial_does_not_keep_the_score_that_it_had_before() -> None:
    given = rows(a=[1.0, 2.0], b=[3.0, 4.0])
    given[0]["outcome"] = "DIVERGED"
    assert group_named("a", rank(given, LESS).groups).best == 2.0


def test_more_is_better_is_the_mirror_of_less_is_better() -> None:
    groups: dict[str, list[float | str]] = {"a": [1.0, 2.0, 5.0, "DIVERGED"], "b": [2.0, 3.0, 4.0, 9.0]}
    mirrored = {name: [-s if isinstance(s, float) else s for s in scores] for name, scores in groups.items()}
    up, down = rank(rows(**mirrored), MORE, budget=2), rank(rows(**groups), LESS, budget=2)
    for one, other in zip(up.groups, down.groups, strict=True):
        assert (one.name, one.best, one.median, one.iqm) == (other.name, -other.best, -other.median, -other.iqm)
        assert (one.expected.value, one.expected.low) == (-other.expected.value, -other.expected.high)
        assert one.expected.high == -other.expected.low
    assert up.pairs == down.pairs


def test_every_group_gets_half_of_the_smallest_ones_trials() -> None:
    given = rows(a=[float(i) for i in range(9)], b=[1.0, 2.0, 3.0, 4.0, 5.0])
    assert rank(given, LESS).budget == 2
    assert rank(given, LESS, budget=5).budget == 5
    with pytest.raises(ConfigError, match="smallest group has 5"):
        rank(given, LESS, budget=6)


def test_one_trial_is_a_ranking_of_one() -> None:
    found = rank(rows(a=[3.0]), LESS)
    assert (found.budget, found.groups[0].best, found.pairs) == (1, 3.0, [])


def test_unfinished_trials_are_counted_apart() -> None:
    found = rank(rows(a=[3.0, "", ""], b=[4.0]), LESS)
    assert (found.unfinished, group_named("a", found.groups).n) == (2, 1)


@pytest.mark.parametrize("scores", [["DIVERGED", "DIVERGED"], [math.nan], [""], []])
def test_nothing_usable_is_an_error_that_counts_what_there_was(scores: list[float | str]) -> None:
    with pytest.raises(NoUsableTrial) as raised:
        rank(rows(a=scores), LESS)
    assert raised.value.exit_code == 1
    if scores == ["DIVERGED", "DIVERGED"]:
        assert "2 diverged" in str(raised.value)


def test_the_same_rows_give_the_same_intervals() -> None:
    given = rows(a=[1.0, 2.0, 4.0, 8.0], b=[2.0, 3.0, 5.0, 7.0])
    assert rank(given, LESS) == rank(given, LESS)


def test_another_group_does_not_change_a_groups_interval() -> None:
    a: list[float | str] = [1.0, 2.0, 4.0, 8.0]
    alone, beside = rank(rows(a=a), LESS), rank(rows(b=[2.0] * 4, a=a), LESS)
    assert group_named("a", beside.groups).expected == alone.groups[0].expected
