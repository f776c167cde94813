from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from gensweep.comparison.distributions import (
    best_of,
    best_of_curve,
    better_best_of,
    largest_k,
    probability_better,
)

INF = math.inf


def drawn(seed: int, n: int, *, ties: bool = True) -> list[float]:
    generator = np.random.default_rng(seed)
    if not ties:
        return [float(x) for x in generator.normal(size=n)]
    return [INF if x > 6 else float(x) for x in generator.integers(0, 8, n)]


def enumerated(a: list[float], b: list[float], k: int) -> float:
    """P_k over all subsets of k of either."""
    wins = [
        1.0 if min(x) < min(y) else 0.5 if min(x) == min(y) else 0.0
        for x in combinations(a, k)
        for y in combinations(b, k)
    ]
    return float(np.mean(wins))


def permuted(a: list[float], b: list[float], k: int) -> float:
    """The two-sided p-value over every relabelling, each by enumeration."""
    pooled, places = [*a, *b], range(len(a) + len(b))
    values = [
        enumerated([pooled[i] for i in chosen], [pooled[i] for i in places if i not in chosen], k)
        for chosen in combinations(places, len(a))
    ]
    return float(np.mean(np.abs(np.array(values) - 0.5) >= abs(enumerated(a, b, k) - 0.5) - 1e-9))


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_p_k_is_the_mean_over_all_subsets(k: int) -> None:
    a, b = drawn(0, 7), drawn(1, 6)
    assert better_best_of(a, b, k).value == pytest.approx(enumerated(a, b, k), abs=1e-12)
    assert better_best_of(b, a, k).value == pytest.approx(1 - enumerated(a, b, k), abs=1e-12)


@pytest.mark.parametrize(("k", "seed"), [(1, 0), (2, 0), (2, 5), (3, 9)])
def test_its_p_value_is_that_of_every_relabelling(k: int, seed: int) -> None:
    a, b = drawn(seed, 4), drawn(seed + 1, 5)
    assert better_best_of(a, b, k).p == pytest.approx(permuted(a, b, k), abs=1e-12)


def test_of_one_trial_it_is_mann_and_whitneys_test() -> None:
    a, b = drawn(2, 8, ties=False), [x + 0.8 for x in drawn(3, 7, ties=False)]
    expected = stats.mannwhitneyu(a, b, method="exact")
    found = better_best_of(a, b, 1)
    assert (found.value, found.p) == pytest.approx((1 - expected.statistic / 56, expected.pvalue))


def test_many_trials_are_relabelled_at_random_always_alike() -> None:
    a, b = drawn(2, 20, ties=False), [x + 0.6 for x in drawn(3, 24, ties=False)]
    found, expected = better_best_of(a, b, 1), stats.mannwhitneyu(a, b, method="exact").pvalue
    assert found.p == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / 10_000))
    assert better_best_of(a, b, 1) == found
    assert better_best_of(a, b, 1, seed=1).p != found.p
    assert better_best_of(a, [x + 100 for x in b], 3) == (1.0, 1 / 10_000)  # never 0


def newcombe(p: float, n: int, m: int) -> tuple[float, float]:
    """The interval by another road: Hanley and McNeil's variance as they wrote it, its fixed points sought on a grid."""
    t = np.linspace(0, 1, 2_000_001)
    q1, q2, mean = t / (2 - t), 2 * t * t / (1 + t), (n + m) / 2 - 1
    variance = (t * (1 - t) + mean * (q1 - t * t) + mean * (q2 - t * t)) / (n * m)
    inside = t[np.abs(t - p) <= stats.norm.isf(0.025) * np.sqrt(np.maximum(variance, 0))]
    return float(inside.min()), float(inside.max())


@pytest.mark.parametrize(("n", "m", "shift"), [(4, 4, 0.0), (5, 9, 1.0), (16, 16, -2.0), (30, 8, 0.5)])
def test_the_probability_has_newcombes_interval(n: int, m: int, shift: float) -> None:
    a, b = drawn(4, n, ties=False), [x + shift for x in drawn(5, m, ties=False)]
    found = probability_better(a, b)
    assert found.value == pytest.approx(1 - stats.mannwhitneyu(a, b).statistic / (n * m))
    assert (found.low, found.high) == pytest.approx(newcombe(found.value, n, m), abs=2e-6)


def test_complete_separation_is_not_certain() -> None:
    better, worse = probability_better([1, 2, 3, 4], [5, 6, 7, INF]), probability_better([5, 6, 7, INF], [1, 2, 3, 4])
    assert (better.value, better.high, worse.value, worse.low) == (1.0, 1.0, 0.0, 0.0)
    assert better.low == pytest.approx(newcombe(1.0, 4, 4)[0], abs=2e-6)
    assert worse.high == pytest.approx(1 - better.low)
    assert 0.4 < better.low < 0.9
    assert probability_better([INF] * 3, [INF] * 3).value == 0.5
    assert probability_better([1.0], [2.0]).low < 0.3


@pytest.mark.parametrize(("n", "k"), [(5, 0), (6, 1), (10, 1), (11, 2), (16, 3), (32, 6), (1_000, 187)])
def test_the_largest_k_is_the_last_that_is_bounded_from_below(n: int, k: int) -> None:
    assert largest_k(n) == k
    losses = [float(x) for x in range(n)]
    assert best_of(losses, k + 1).low == -INF
    assert k == 0 or best_of(losses, k).low > -INF


def test_the_best_of_k_is_the_median_of_the_least_of_k_draws() -> None:
    """Against draws from the same values: half of the bests of three are at or below it, and fewer below."""
    losses = drawn(6, 16, ties=False)
    value = best_of(losses, 3).value
    bests = np.random.default_rng(0).choice(losses, size=(40_000, 3)).min(axis=1)
    assert np.mean(bests < value) < 0.5 < np.mean(bests <= value)
    assert best_of(losses, 1).value == sorted(losses)[7]
    assert [best_of(list(range(16)), k).low for k in (3, 4)] == [0, -INF]


def test_where_most_diverge_the_best_of_one_does_and_is_not_bounded_above() -> None:
    losses = [INF] * 9 + [1.0, 2.0, 3.0]
    assert best_of(losses, 1).value == INF
    assert (best_of(losses, 2).value, best_of(losses, 2).high) == (
        INF if math.ceil(12 * (1 - 2**-0.5)) > 3 else 3.0,
        INF,
    )
    assert best_of(losses, 8).value == 1.0


def test_the_curve_runs_over_k_and_over_what_k_trials_cost() -> None:
    losses = drawn(8, 17)
    costs = [float(i) for i in range(17)]
    curve = best_of_curve(losses, costs)
    assert [(point.k, point.cost) for point in curve] == [(1, 8.0), (2, 16.0), (3, 24.0)]
    assert all(point.best == best_of(losses, point.k) for point in curve)
    assert [point.best.value for point in curve] == sorted((point.best.value for point in curve), reverse=True)
    assert [point.k for point in best_of_curve(losses, costs, [2, 8])] == [2, 8]
    assert [point.k for point in best_of_curve(losses[:4], costs[:4])] == [1]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: probability_better([math.nan], [1.0]), "diverged has \\+infinity"),
        (lambda: probability_better([], [1.0]), "no losses"),
        (lambda: best_of([1.0], 0), "use 1 or more"),
        (lambda: best_of_curve([1.0], [1.0, 2.0]), "1 losses and 2 costs"),
        (lambda: better_best_of([1.0, 2.0], [1.0, 2.0, 3.0], 3), "use 1 to 2"),
        (lambda: better_best_of([1.0], [], 1), "no losses"),
    ],
)
def test_what_cannot_be_asked_is_refused(call: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()


def test_newcombes_interval_holds_a_probability_near_one_as_the_wilson_interval_does() -> None:
    """With the second sample of one value it is nearly the score interval of a proportion: the equation's own root."""
    found = probability_better([1.0, 2.0, 3.0, 4.0, 9.0], [5.0])
    z2, n = stats.norm.isf(0.025) ** 2, 5
    root = optimize.brentq(
        lambda t: (0.8 - t) ** 2 - z2 * t * (1 - t) * (1 + 2 * (1 - t) / (2 - t) + 2 * t / (1 + t)) / n, 0, 0.8
    )
    assert found.low == pytest.approx(root)
