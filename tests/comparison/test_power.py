from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from gensweep.comparison import judge
from gensweep.comparison.all_pairs import adjusted_p
from gensweep.comparison.power import detectable_effect, forecast, smallest_seeds


@pytest.mark.parametrize(("n_arms", "seeds"), [(2, 4), (3, 5), (4, 5), (5, 6), (7, 6), (8, 7), (16, 8)])
def test_the_fewest_seeds_are_those_of_complete_separation(n_arms: int, seeds: int) -> None:
    assert smallest_seeds(n_arms) == seeds
    arms = {f"arm {i}": [100.0 * i + x for x in range(seeds)] for i in range(n_arms - 1)}
    diverged = {**arms, "last": [math.inf] * seeds}
    assert judge(diverged).pairs[-1].p * len(judge(diverged).pairs) <= 0.05
    fewer = stats.mannwhitneyu(range(seeds - 1), range(100, 99 + seeds), method="exact").pvalue
    assert fewer * math.comb(n_arms, 2) > 0.05


def test_of_two_arms_the_effect_is_that_of_students_t_where_welch_has_all_degrees() -> None:
    """With many seeds Welch's degrees of freedom hardly vary: the textbook's power of the two-sample t-test."""
    d, n = detectable_effect(2, 100), 100
    critical = stats.t.isf(0.025, 2 * n - 2)
    assert stats.nct.sf(critical, 2 * n - 2, d * math.sqrt(n / 2)) == pytest.approx(0.8, abs=2e-3)
    assert d == pytest.approx(0.3981, abs=1e-3)  # Cohen, Statistical Power Analysis, 1988: d = 0.40 for n = 100


@pytest.mark.parametrize(("n_arms", "seeds", "power"), [(2, 2, 0.8), (4, 5, 0.8), (16, 3, 0.5)])
def test_it_is_found_as_often_as_it_says(n_arms: int, seeds: int, power: float) -> None:
    """4,000 pairs of arms by Welch's formulas; four binomial standard errors are passed once in 15,000."""
    generator, n = np.random.default_rng(0), 4_000
    worse = generator.normal(detectable_effect(n_arms, seeds, power), 1, (n, seeds))
    better = generator.normal(size=(n, seeds))
    a, b = better.var(axis=1, ddof=1) / seeds, worse.var(axis=1, ddof=1) / seeds
    t, df = (worse.mean(axis=1) - better.mean(axis=1)) / np.sqrt(a + b), (seeds - 1) * (a + b) ** 2 / (a**2 + b**2)
    found = adjusted_p(t, n_arms, df) <= 0.05
    assert found.mean() == pytest.approx(power, abs=4 * math.sqrt(power * (1 - power) / n))


def test_the_judge_finds_it_as_often() -> None:
    """200 sweeps, whose four binomial standard errors are 0.14: a factor of sqrt 2 in the effect would be noticed."""
    effect, generator, found = detectable_effect(4, 5, 0.5), np.random.default_rng(0), 0
    for _ in range(200):
        arms = {f"arm {i}": generator.normal(effect * (i > 0), 1, 5).tolist() for i in range(4)}
        found += any(pair.distinguished for pair in judge(arms).pairs if (pair.a, pair.b) == ("arm 0", "arm 1"))
    assert found / 200 == pytest.approx(0.5, abs=0.142)


def test_more_seeds_find_less_and_more_arms_need_more() -> None:
    by_seeds = [detectable_effect(4, seeds) for seeds in (2, 3, 5, 8, 20)]
    by_arms = [detectable_effect(n, 5) for n in (2, 3, 4, 8, 16)]
    assert by_seeds == sorted(by_seeds, reverse=True)
    assert by_arms == sorted(by_arms)
    assert detectable_effect(4, 5, power=0.9) > detectable_effect(4, 5) > detectable_effect(4, 5, level=0.1)


@pytest.mark.parametrize("given", [(1, 5), (4, 1), (4, 5, 1.0), (4, 5, 0.05), (4, 5, 0.8, 0.0)])
def test_what_cannot_be_asked_is_refused(given: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="use 2"):
        detectable_effect(*given)


def test_one_arm_needs_no_seeds() -> None:
    with pytest.raises(ValueError, match="1 arms"):
        smallest_seeds(1)


def test_the_forecast_says_the_effect_and_the_seeds_that_ranks_need() -> None:
    assert f"by {detectable_effect(4, 5):.1f} standard deviations" in forecast(4, 5)
    assert "ranks" not in forecast(4, 5)
    assert "ranks of 7 arms distinguish nothing below 6 seeds" in forecast(7, 5)
    assert "no verdict" in forecast(3, None)
    assert forecast(1, 5) == ""
