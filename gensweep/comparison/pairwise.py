"""Every pair of several samples, tested for a difference and for its absence, corrected for the number of pairs.

Samples are of losses: less is better, +infinity is a seed that diverged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from gensweep.comparison.all_pairs import adjusted_p, critical_t, name_of_test
from gensweep.comparison.rank_sum import DUST, rank_sum_test

Array = NDArray[np.float64]
Sample = Sequence[float]

MIXED = "Welch and exact Mann-Whitney with Holm"
RANKS = "exact Mann-Whitney with Holm"


@dataclass(frozen=True)
class PairTest:
    """One pair: `p` by itself, `p_adjusted` for all pairs, which of the two is smaller, and how far off the difference may be.

    `half_width` is that of the simultaneous interval of the difference of the means, in losses; None where there is none.
    `p_equal` is that of two one-sided tests for a difference within the margin, adjusted; None where no margin was given.
    """

    p: float
    p_adjusted: float
    first_is_smaller: bool
    half_width: float | None
    p_equal: float | None


def needs_ranks(sample: Sample) -> bool:
    """Whether its mean and variance say nothing: a seed diverged, or all scores are equal (a score that is saturated)."""
    smallest, largest = min(sample), max(sample)
    infinite = np.isinf(smallest) or np.isinf(largest)
    return bool(infinite or largest - smallest <= DUST * max(abs(smallest), abs(largest)))


def compare_pairs(samples: Sequence[Sample], level: float, margin: float | None) -> tuple[str, list[PairTest]]:
    """The name of the test, and what it says of the pairs (0, 1), (0, 2), .. of samples [n_i >= 2].

    By Games and Howell's test or Dunnett's T3 (all_pairs.py says which and why), where every sample has a mean and a
    variance. Else every pair by itself, by Welch's t where both have them and by ranks where not, with Holm's correction: one
    seed that diverged in one arm takes nothing from the pairs of the others.

    Source: Welch, The Generalization of `Student's' Problem when Several Different
    Population Variances are Involved, 1947, doi:10.1093/biomet/34.1-2.28; Schuirmann, A Comparison of the Two One-Sided
    Tests Procedure and the Power Approach, 1987, doi:10.1007/BF01068419.
    """
    ranked = [needs_ranks(sample) for sample in samples]
    pairs = list(combinations(range(len(samples)), 2))
    if not pairs:
        return (RANKS if any(ranked) else name_of_test(len(samples))), []
    welch = _Welch(samples)
    by_ranks = [ranked[i] or ranked[j] for i, j in pairs]
    p = np.array(
        [
            rank_sum_test(samples[i], samples[j]).two_sided if ranks else welch.p(i, j)
            for ranks, (i, j) in zip(by_ranks, pairs, strict=True)
        ]
    )
    widths: Sequence[float | None] = [None] * len(pairs)
    if any(by_ranks):
        name, adjusted = (RANKS if all(by_ranks) else MIXED), holm(p)
    else:
        name, adjusted, widths = name_of_test(len(samples)), welch.all_pairs(pairs), welch.half_widths(pairs, level)
    equal: Sequence[float | None] = [None] * len(pairs)
    if margin is not None:
        equal = holm([_p_equal(welch, samples, pair, ranked, margin) for pair in pairs])
    smaller = [
        rank_sum_test(samples[i], samples[j]).first_is_smaller if ranks else welch.is_smaller(i, j)
        for ranks, (i, j) in zip(by_ranks, pairs, strict=True)
    ]
    found = zip(p, adjusted, smaller, widths, equal, strict=True)
    return name, [PairTest(float(a), float(b), bool(first), w, e) for a, b, first, w, e in found]


def holm(p: Sequence[float] | Array) -> list[float]:
    """The p-values [n] adjusted for their number: the largest (n - rank) p of all that are not larger, at most 1.

    Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure, 1979, Scand. J. Statist. 6, 65-70.
    """
    values = np.asarray(p, float)
    order = np.argsort(values)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)))
    return [float(value) for value in adjusted]


class _Welch:
    """Differences of means with Welch's standard errors. Each pair has a unit in which no square is too large or small."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        arrays = [np.asarray(sample, float) if np.isfinite(sample).all() else np.zeros(2) for sample in samples]
        self.k = len(arrays)
        self.units = [float(np.abs(array).max()) or 1.0 for array in arrays]
        scaled = [array / unit for array, unit in zip(arrays, self.units, strict=True)]
        self.means = [float(array.mean()) for array in scaled]
        self.errors = [float(array.std(ddof=1)) / math.sqrt(len(array)) for array in scaled]
        self.degrees = [len(array) - 1 for array in arrays]

    def difference(self, i: int, j: int) -> tuple[float, float, float, float]:
        """The difference of the means, its standard error, its degrees of freedom (Satterthwaite), and their unit."""
        unit = max(self.units[i], self.units[j])
        first, second = self.units[i] / unit, self.units[j] / unit
        error = math.hypot(self.errors[i] * first, self.errors[j] * second)
        shares = (self.errors[i] * first / error) ** 2, (self.errors[j] * second / error) ** 2
        df = 1 / (shares[0] ** 2 / self.degrees[i] + shares[1] ** 2 / self.degrees[j])
        return self.means[i] * first - self.means[j] * second, error, df, unit

    def p(self, i: int, j: int) -> float:
        difference, error, df, _ = self.difference(i, j)
        return float(2 * stdtr(df, -abs(difference) / error))

    def all_pairs(self, pairs: Sequence[tuple[int, int]]) -> list[float]:
        difference, error, df, _ = np.array([self.difference(i, j) for i, j in pairs]).T
        return [float(p) for p in adjusted_p(np.abs(difference) / error, self.k, df)]

    def half_widths(self, pairs: Sequence[tuple[int, int]], level: float) -> list[float]:
        _, error, df, unit = np.array([self.difference(i, j) for i, j in pairs]).T
        widths = critical_t(level, self.k, df) * error
        return [float(width) * float(u) for width, u in zip(widths, unit, strict=True)]

    def p_equal(self, i: int, j: int, margin: float) -> float:
        difference, error, df, unit = self.difference(i, j)
        bound = margin / unit
        return float(max(stdtr(df, -(difference + bound) / error), stdtr(df, (difference - bound) / error)))

    def is_smaller(self, i: int, j: int) -> bool:
        return self.difference(i, j)[0] < 0


def _p_equal(
    welch: _Welch, samples: Sequence[Sample], pair: tuple[int, int], ranked: Sequence[bool], margin: float
) -> float:
    """Of two one-sided tests, the larger; 1 where a seed diverged, because infinity is within no margin."""
    i, j = pair
    a, b = samples[i], samples[j]
    if not ranked[i] and not ranked[j]:
        return welch.p_equal(i, j, margin)
    if not np.isfinite([*a, *b]).all():
        return 1.0
    below = rank_sum_test([x - margin for x in a], b).p_smaller
    return max(below, rank_sum_test([x - margin for x in b], a).p_smaller)
