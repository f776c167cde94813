"""Wilcoxon's and Mann and Whitney's rank-sum test: exact, ties and infinities included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

DUST = 1e-12  # of a value: what rounding makes of equal scores, which are ties
_EXACT = 100  # values of both samples; beyond, the normal approximation is good to three digits


@dataclass(frozen=True)
class RankSum:
    """`first_is_smaller`: whether a value of the first is more often below one of the second than above.

    `p_smaller` is one-sided, for the first being smaller; `two_sided` twice the smaller of both sides, at most 1.
    """

    first_is_smaller: bool
    p_smaller: float
    two_sided: float


def rank_sum_test(first: Sequence[float], second: Sequence[float]) -> RankSum:
    """The test of samples [n] and [m], given which values are equal; `scipy.stats.mannwhitneyu` is exact without ties only.

    For more than a hundred values together the normal approximation, with its corrections for ties and continuity.

    Source: Mann and Whitney, On a Test of Whether one of Two Random Variables is Stochastically Larger than the Other, 1947,
    doi:10.1214/aoms/1177730491; Streitberg and Röhmel, Exact Distributions for Permutation and Rank Tests: An Introduction
    to Some Recently Published Algorithms, 1986, Statistical Software Newsletter 12, 10-17 (the shift algorithm).
    """
    n = len(first)
    pooled = np.asarray([*first, *second], float)
    order = np.argsort(pooled, kind="stable")
    ascending = pooled[order]
    run = np.cumsum(np.append(False, ~np.isclose(ascending[1:], ascending[:-1], rtol=DUST, atol=0)))
    _, run, count = np.unique(run, return_inverse=True, return_counts=True)
    doubled = np.empty(len(pooled), int)  # twice the mean rank of equal values, an integer
    doubled[order] = (2 * np.cumsum(count) - count + 1)[run]
    observed = int(doubled[:n].sum())
    at_most, at_least = _tails(n, tuple(sorted(map(int, doubled))), observed)
    return RankSum(observed < n * (len(pooled) + 1), at_most, min(1.0, 2 * min(at_most, at_least)))


@lru_cache(maxsize=4096)
def _tails(n: int, doubled: tuple[int, ...], observed: int) -> tuple[float, float]:
    """P(R <= observed) and P(R >= observed) for the sum R of `n` of the doubled ranks, drawn without replacement."""
    if len(doubled) > _EXACT:
        ranks = np.array(doubled, float)
        rest = len(ranks) - n
        mean, variance = n * ranks.mean(), n * rest / len(ranks) * ranks.var(ddof=1)
        if variance == 0:
            return 1.0, 1.0
        # possible sums are 2 apart where no ranks are equal
        low, high = (observed - mean + 1) / np.sqrt(variance), (observed - mean - 1) / np.sqrt(variance)
        return float(ndtr(low)), float(ndtr(-high))
    share = _distribution(n, doubled)
    return float(min(1.0, share[: observed + 1].sum())), float(min(1.0, share[observed:].sum()))


@lru_cache(maxsize=64)
def _distribution(n: int, doubled: tuple[int, ...]) -> NDArray[np.float64]:
    """P(R = r) for r = 0, 1, ..: subsets counted by their size and sum, one rank after the other."""
    counts = np.zeros((n + 1, sum(doubled[-n:]) + 1))
    counts[0, 0] = 1
    for rank in doubled:
        counts[1:, rank:] += counts[:-1, :-rank].copy()
    return np.asarray(counts[n] / counts[n].sum())
