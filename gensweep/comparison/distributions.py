"""What somebody gets who draws configurations from the space: only for those drawn at random, and trained to their end.

All of it is for losses, of which less is better and +infinity is a trial that diverged: the worst result, never left out.
Trials of an adaptive search are no draws, and those that were stopped early have no score: nothing here is for them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

from gensweep.comparison.intervals import Interval, quantile_interval

Array = NDArray[np.float64]
Losses = Sequence[float]

_EXACT = 20_000  # relabellings at most for an exact permutation test: 8 against 8 are 12,870
_DRAWS = 9_999


class CurvePoint(NamedTuple):
    """The median of the best of `k` trials, which cost `cost` together, in the unit of the costs given."""

    k: int
    cost: float
    best: Interval


class Comparison(NamedTuple):
    """The probability that one is better, and the p-value of its being one half by chance."""

    value: float
    p: float


def probability_better(a: Losses, b: Losses, level: float = 0.05) -> Interval:
    """P(X < Y) + P(X = Y) / 2 for a random trial of `a` [n] and one of `b` [m], with its score interval.

        |p - t| <= z sqrt(t (1 - t) [1 + N (1 - t)/(2 - t) + N t/(1 + t)] / (n m)),   N = (n + m)/2 - 1

    It is never [1, 1], however far apart the samples are.

    Source: Newcombe, Confidence Intervals for an Effect Size Measure Based on the Mann-Whitney Statistic. Part 2, 2006,
    Statistics in Medicine 25, doi:10.1002/sim.2324, method 5 (Hanley and McNeil's variance, solved for its argument).
    """
    _refuse(a, b)
    first, second = np.asarray(a, float)[:, None], np.asarray(b, float)
    p = float(((first < second) + 0.5 * (first == second)).mean())
    n, m = len(a), len(b)
    factor = float(ndtri(1 - level / 2)) ** 2 / (n * m)
    N = (n + m) / 2 - 1

    def outside(t: float) -> float:
        return (p - t) ** 2 - factor * t * (1 - t) * (1 + N * (1 - t) / (2 - t) + N * t / (1 + t))

    # at p = 0 and 1 one end is p itself, and the other a root beyond it
    low = float(brentq(outside, 0.0, min(p, 1 - 1e-12))) if p > 0 else 0.0
    high = float(brentq(outside, max(p, 1e-12), 1.0)) if p < 1 else 1.0
    return Interval(p, low, high, 1 - level)


def best_of(losses: Losses, k: int, level: float = 0.05) -> Interval:
    """The median of the best of `k` random trials, from losses [n >= 1], with its order-statistic interval.

    It is the quantile 1 - 2^(-1/k) of the losses. Where n is below k log2(2 / level), for which `largest_k` asks, nothing
    bounds it from below: `low` is -infinity, "below the smallest". `high` is +infinity where so many may diverge.
    """
    _refuse(losses)
    if k < 1:
        raise ValueError(f"the best of {k} trials: use 1 or more.")
    return quantile_interval(losses, -math.expm1(-math.log(2) / k), level)


def largest_k(n: int, level: float = 0.05) -> int:
    """The largest k for which `n` trials bound the median of the best of k from below; 0 for fewer than six trials.

    The smallest of n losses is above the quantile q = 1 - 2^(-1/k) with probability (1 - q)^n = 2^(-n/k), which is at most
    level / 2 from n = k log2(2 / level) on: 5.32 k for 95 %.
    """
    return math.floor(n / math.log2(2 / level) + 1e-9)


def best_of_curve(losses: Losses, costs: Sequence[float], ks: Sequence[int] | None = None) -> list[CurvePoint]:
    """The median of the best over k and over cost, which is k times the mean of `costs` [n].

    Every trial has its cost, one that diverged too. `ks` are by default those that are bounded from below, at least 1.
    """
    if len(losses) != len(costs):
        raise ValueError(f"{len(losses)} losses and {len(costs)} costs: each trial has both.")
    _refuse(losses)
    mean = math.fsum(costs) / len(costs)
    found = range(1, max(1, largest_k(len(losses))) + 1) if ks is None else ks
    return [CurvePoint(k, k * mean, best_of(losses, k)) for k in found]


def better_best_of(a: Losses, b: Losses, k: int, seed: int = 0) -> Comparison:
    """P(best of k of `a` [n] < best of k of `b` [m]), ties counted half, and its two-sided permutation p-value.

        P_k = sum_v P(min_a = v) [P(min_b > v) + P(min_b = v) / 2],   P(min_a > v) = C(#{a > v}, k) / C(n, k)

    The mean over all subsets of k trials of each, and so unbiased; k is at most n and m. For k = 1 it is Mann and Whitney's
    statistic. The p-value is exact for few trials, else from 9,999 relabellings under `seed`, itself counted among them. At
    5 % it finds a difference in 5 % of samples that are alike, and in 3 to 6 % of those of spreads 1 and 3 with P_k = 1/2.

    Source: Tang, Lee, Xin, Liu, Yu, Lin, Showing Your Work Doesn't Always Work, 2020, arXiv:2004.13705, for the weights;
    Phipson and Smyth, Permutation p-values Should Never Be Zero, 2010, doi:10.2202/1544-6115.1585.
    """
    _refuse(a, b)
    n, m = len(a), len(b)
    if not 1 <= k <= min(n, m):
        raise ValueError(f"the best of {k} of {n} and of {m} trials: use 1 to {min(n, m)}.")
    pooled = np.asarray([*a, *b], float)
    order = np.argsort(pooled, kind="stable")
    last = np.flatnonzero(
        np.append(pooled[order][1:] > pooled[order][:-1], True)
    )  # the last of each run of equal values
    given = (order < n)[None]
    value = float(_p_k(given, last, k)[0])
    exact = math.comb(n + m, n) <= _EXACT
    deviations = np.concatenate(
        [np.abs(_p_k(labels, last, k) - 0.5) for labels in (_all_labels(n, m) if exact else _some_labels(n, m, seed))]
    )
    extreme = int(np.count_nonzero(deviations >= abs(value - 0.5) - 1e-12))
    return Comparison(value, extreme / len(deviations) if exact else (extreme + 1) / (len(deviations) + 1))


def _p_k(is_a: NDArray[np.bool_], last: NDArray[np.intp], k: int) -> Array:
    """P_k [r] of labels [r, n + m] of the pooled losses in ascending order, whose runs of equal values end at `last`."""
    survival = []
    for labels in (is_a, ~is_a):
        total = int(labels[0].sum())
        chosen = np.array([math.comb(left, k) / math.comb(total, k) for left in range(total + 1)])
        above = chosen[total - np.cumsum(labels, axis=1)[:, last]]
        survival.append(np.concatenate([np.ones((len(labels), 1)), above], axis=1))
    of_a, of_b = survival
    return np.asarray(((of_a[:, :-1] - of_a[:, 1:]) * (of_b[:, :-1] + of_b[:, 1:])).sum(axis=1) / 2)


def _all_labels(n: int, m: int) -> Iterator[NDArray[np.bool_]]:
    chosen = np.array(list(combinations(range(n + m), n)))
    labels = np.zeros((len(chosen), n + m), bool)
    np.put_along_axis(labels, chosen, True, axis=1)
    yield labels


def _some_labels(n: int, m: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Relabellings, in portions so that memory stays small."""
    generator = np.random.default_rng(seed)
    left = _DRAWS
    while left:
        size = min(left, 1_000)
        yield generator.permuted(np.broadcast_to(np.arange(n + m) < n, (size, n + m)), axis=1)
        left -= size


def _refuse(*samples: Losses) -> None:
    if any(len(sample) == 0 for sample in samples):
        raise ValueError("no losses: there has to be one at least.")
    if any(math.isnan(loss) for sample in samples for loss in sample):
        raise ValueError("NaN is no loss. A trial that diverged has +infinity; leave out one that failed.")
