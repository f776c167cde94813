from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from gensweep.comparison.rank_sum import rank_sum_test

INF = math.inf


def enumerated(first: list[float], second: list[float]) -> tuple[float, float]:
    """P(R <= r) and the two-sided p over every way to divide the values."""
    ranks, n = stats.rankdata([*first, *second]), len(first)
    sums = np.array([sum(chosen) for chosen in combinations(ranks, n)])
    low, high = np.mean(sums <= ranks[:n].sum()), np.mean(sums >= ranks[:n].sum())
    return float(low), float(min(1, 2 * min(low, high)))


@pytest.mark.parametrize(("n", "m"), [(3, 3), (4, 6), (5, 5), (20, 23)])
def test_without_ties_it_is_scipys_exact_test(n: int, m: int) -> None:
    generator = np.random.default_rng(n)
    first, second = generator.normal(size=n), generator.normal(0.7, size=m)
    ours, less = (
        rank_sum_test(first.tolist(), second.tolist()),
        stats.mannwhitneyu(first, second, alternative="less", method="exact"),
    )
    assert ours.p_smaller == pytest.approx(less.pvalue, rel=1e-12)
    assert ours.two_sided == pytest.approx(stats.mannwhitneyu(first, second, method="exact").pvalue, rel=1e-12)
    assert ours.first_is_smaller == (less.statistic < n * m / 2)


@pytest.mark.parametrize("seed", range(6))
def test_with_ties_and_infinities_it_is_the_enumeration(seed: int) -> None:
    generator = np.random.default_rng(seed)
    first, second = ([INF if x > 4 else float(x) for x in generator.integers(0, 7, size)] for size in (5, 4))
    ours = rank_sum_test(first, second)
    assert (ours.p_smaller, ours.two_sided) == pytest.approx(enumerated(first, second), rel=1e-12)


def test_complete_separation_of_five_and_five_is_two_in_252() -> None:
    assert rank_sum_test([1, 2, 3, 4, 5], [6, 7, 8, 9, INF]).two_sided == pytest.approx(2 / 252)


def test_equal_values_tell_nothing() -> None:
    for n in (3, 80):
        found = rank_sum_test([INF] * n, [INF] * n)
        assert (found.two_sided, found.first_is_smaller) == (1.0, False)


def test_many_values_are_tested_by_the_normal_approximation() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=70), generator.normal(0.3, size=60)
    expected = stats.mannwhitneyu(first, second, method="asymptotic").pvalue
    assert rank_sum_test(first.tolist(), second.tolist()).two_sided == pytest.approx(expected, rel=1e-6)


def test_what_rounding_makes_of_equal_scores_is_a_tie() -> None:
    assert rank_sum_test([0.3] * 5, [0.1 + 0.2] * 5).two_sided == 1.0
    assert rank_sum_test([1e-320] * 5, [2e-320] * 4 + [1e300]).two_sided == pytest.approx(2 / 252)


def test_the_direction_is_that_of_the_rank_sums() -> None:
    assert rank_sum_test([1, 3], [2, 4]).first_is_smaller
    assert not rank_sum_test([1, 4], [2, 3]).first_is_smaller
    assert not rank_sum_test([2, 4], [1, 3]).first_is_smaller
