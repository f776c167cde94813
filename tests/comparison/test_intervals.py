from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gensweep.comparison.intervals import mean_interval, median_interval, quantile_interval

INF = math.inf


def test_the_mean_has_students_interval_in_any_unit() -> None:
    sample = np.random.default_rng(0).normal(size=6)
    low, high = stats.t.interval(0.9, 5, sample.mean(), stats.sem(sample))
    for unit in (1.0, 1e-300, 1e300):
        found = mean_interval((unit * sample).tolist(), level=0.1)
        assert (found.value / unit, found.low / unit, found.high / unit) == pytest.approx((sample.mean(), low, high))
    assert mean_interval([2.0, 2.0]).low == 2.0


@pytest.mark.parametrize(
    ("n", "low", "high", "confidence"),
    [
        (1, 1, 1, 0.0),
        (4, 1, 4, 0.875),
        (5, 1, 5, 0.9375),
        (6, 1, 6, 0.96875),
        (9, 2, 8, 1 - 20 / 512),
        (20, 6, 15, 0.9586),
    ],
)
def test_the_medians_interval_is_that_of_the_sign_test(n: int, low: int, high: int, confidence: float) -> None:
    """Ranks and confidences as in Conover's table of the sign test."""
    found = median_interval([float(x) for x in range(n, 0, -1)])
    assert (found.low, found.high) == (low, high)
    assert found.confidence == pytest.approx(confidence, abs=1e-4)
    assert found.value == (n + 1) / 2


def test_infinite_values_leave_an_infinite_end_and_not_nan() -> None:
    found = median_interval([1.0, 2.0, INF, 3.0, 4.0, INF])
    assert (found.value, found.low, found.high) == (3.5, 1.0, INF)
    assert median_interval([1.0, 2.0, INF, INF]).value == INF
    assert median_interval([-INF, INF]).value == INF
    assert median_interval([1e308, 1e308]).value == 1e308


@pytest.mark.parametrize("probability", [0.05, 0.206, 0.5, 0.9])
@pytest.mark.parametrize("n", [3, 6, 16, 40])
def test_a_quantile_lies_between_the_order_statistics_of_the_binomial(n: int, probability: float) -> None:
    """Each end by itself fails with at most 2.5 %, and the next order statistic inwards would fail with more."""
    count = stats.binom(n, probability)
    found = quantile_interval([float(x) for x in range(1, n + 1)], probability)
    r = 0 if found.low == -INF else int(found.low)
    s = n + 1 if found.high == INF else int(found.high)
    assert count.cdf(r - 1) <= 0.025 < count.cdf(r)
    assert count.sf(s - 1) <= 0.025 < count.sf(s - 2)
    assert found.value == math.ceil(n * probability)
