"""What a number of seeds can find, before anything is trained: for `plan`."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import nctdtr, roots_jacobi

from gensweep.comparison.all_pairs import critical_t

_NODES = 24  # of the quadrature over the ratio of two variances


def smallest_seeds(n_arms: int, level: float = 0.05) -> int:
    """The fewest seeds S with which ranks could distinguish every pair of `n_arms` >= 2 arms.

        2 / C(2S, S) <= level / pairs,   the exact two-sided p of complete separation under Bonferroni's correction

    The tests of means have no such bound, but with as few seeds a verdict is lost as soon as one of them diverges.
    """
    _refuse(n_arms, level)
    seeds = 2
    while 2 * math.comb(n_arms, 2) > level * math.comb(2 * seeds, seeds):
        seeds += 1
    return seeds


@lru_cache(maxsize=4096)
def detectable_effect(n_arms: int, seeds: int, power: float = 0.8, level: float = 0.05) -> float:
    """How much better an arm must be, in standard deviations of a seed, to be distinguished from one given other arm.

    It is found so with probability `power`, by the judge's test of all pairs of `n_arms` >= 2 arms of `seeds` >= 2 normal scores
    of equal spread, at the family-wise `level`.

        P(found) = E_r P(t > critical(level, n_arms, df(r))),   t noncentral with 2 (S - 1) degrees, shift d sqrt(S / 2)

    r = s_a^2 / (s_a^2 + s_b^2) is Beta((S - 1)/2, (S - 1)/2) and independent of s_a^2 + s_b^2, on which alone t depends;
    df(r) = (S - 1) / (r^2 + (1 - r)^2) are Welch's degrees of freedom. Exact but for the quadrature over r.
    """
    _refuse(n_arms, level)
    if seeds < 2 or not level < power < 1:
        raise ValueError(
            f"{seeds} seeds and a power of {power}: use 2 seeds or more, and a power between {level} and 1."
        )
    shape = (seeds - 1) / 2
    nodes, weights = roots_jacobi(_NODES, shape - 1, shape - 1)
    ratio = (1 + nodes) / 2
    df = (seeds - 1) / (ratio**2 + (1 - ratio) ** 2)
    needed = critical_t(level, n_arms, df)

    def found(effect: float) -> float:
        missed = nctdtr(2 * (seeds - 1), effect * math.sqrt(seeds / 2), needed)
        return float(np.average(1 - missed, weights=weights))

    largest = 1.0
    while found(largest) < power:
        largest *= 2
    return float(brentq(lambda effect: found(effect) - power, 0, largest, xtol=1e-6))


def forecast(n_arms: int, seeds: int | None) -> str:
    """What a confirmation with so many seeds could say of so many arms, in a sentence; None where none is asked for."""
    if n_arms < 2:
        return ""
    if seeds is None:
        return "Nothing will be confirmed, so there will be no verdict; for one: confirm={top: 1, seeds: 5}."
    effect = detectable_effect(n_arms, seeds)
    told = (
        f"With {seeds} seeds an arm that is better than another by {effect:.1f} standard deviations of a seed is distinguished "
        f"from it in 80 % of sweeps ({n_arms} arms)"
    )
    needed = smallest_seeds(n_arms)
    if needed > seeds:
        return f"{told}; where a seed diverges, ranks of {n_arms} arms distinguish nothing below {needed} seeds."
    return f"{told}."


def _refuse(n_arms: int, level: float) -> None:
    if n_arms < 2 or not 0 < level < 1:
        raise ValueError(f"{n_arms} arms at level {level}: use 2 arms or more, and a level between 0 and 1.")
