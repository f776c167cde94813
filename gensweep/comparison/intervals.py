"""Confidence intervals of one sample, for the centre of its distribution or any other quantile."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, stdtrit


@dataclass(frozen=True)
class Interval:
    """A value with its interval; an end that the data do not bound is infinite.

    `confidence` is the probability, at least, with which such an interval holds what it is for.
    """

    value: float
    low: float
    high: float
    confidence: float = 0.95


def mean_interval(sample: Sequence[float], level: float = 0.05) -> Interval:
    """The mean of a finite sample [n >= 2] with Student's t-interval, mean ± t s / sqrt(n).

    It is exact for normal values. For heavy tails it holds more often than it says, for skewed ones less often: 95 %
    intervals of 4 to 32 lognormal values hold the mean in 94 % at sigma = 1/4, and in 80 to 90 % at sigma = 1.
    """
    values = np.asarray(sample, float)
    unit = float(np.abs(values).max()) or 1.0  # squares of very large and very small scores stay within the numbers
    scaled = values / unit
    mean = float(scaled.mean())
    reach = -float(stdtrit(len(values) - 1, level / 2)) * float(scaled.std(ddof=1)) / math.sqrt(len(values))
    return Interval(mean * unit, (mean - reach) * unit, (mean + reach) * unit, 1 - level)


def median_interval(sample: Sequence[float], level: float = 0.05) -> Interval:
    """The median of a sample [n >= 1], infinities allowed, between two order statistics that lie alike from both ends.

    Where so few values cannot hold it with 1 - `level`, from the smallest to the largest, with the `confidence` that this
    has: 1 - 2^(1-n), 94 % for five values and 88 % for four.

    Source: Thompson, On Confidence Ranges for the Median and Other Expectation Distributions, 1936,
    doi:10.1214/aoms/1177732502.
    """
    ascending = sorted(map(float, sample))
    n = len(ascending)
    r = max(1, _lower_rank(n, 0.5, level))
    middle = ascending[(n - 1) // 2], ascending[n // 2]
    # the middle of -infinity and infinity is neither; the larger loss is meant
    value = middle[1] if math.isinf(middle[0]) or math.isinf(middle[1]) else middle[0] / 2 + middle[1] / 2
    return Interval(value, ascending[r - 1], ascending[n - r], 1 - 2 * float(bdtr(r - 1, n, 0.5)))


def quantile_interval(sample: Sequence[float], probability: float, level: float = 0.05) -> Interval:
    """The smallest value of the sample [n >= 1] with at least this part of it at or below, with its interval.

    The lower end is the largest order statistic x_(r) with P(B < r) <= level / 2 for the number B of values at or below
    the quantile, binomial(n, `probability`); the upper end the smallest x_(s) with P(B >= s) <= level / 2. An end that no
    order statistic gives is infinite. Holds for every distribution, with infinities too.

    Source: Conover, Practical Nonparametric Statistics, 3rd ed. 1999, section 3.2.
    """
    ascending = sorted(map(float, sample))
    n = len(ascending)
    r, above = _lower_rank(n, probability, level), _lower_rank(n, 1 - probability, level)
    value = ascending[max(0, math.ceil(n * probability - 1e-9) - 1)]
    low = ascending[r - 1] if r else -math.inf
    return Interval(value, low, ascending[n - above] if above else math.inf, 1 - level)


def _lower_rank(n: int, probability: float, level: float) -> int:
    """The largest r with P(binomial(n, probability) < r) <= level / 2; 0 where there is none."""
    return int(np.count_nonzero(bdtr(np.arange(n), n, probability) <= level / 2))
