"""Which group of trials is better, how sure we are, and what it cost.

Everything here works on losses: the score where less is better, its negative where more is better, and +infinity for
a trial that diverged, failed or has no finite score. Such trials are the worst results; they are never dropped, because a
family that fails half of the time must not be judged by its better half (Lucic et al. 2018, arXiv:1711.10337).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gensweep.comparison.collect import loss
from gensweep.comparison.protocols import refuse_mixed
from gensweep.errors import ConfigError, NoUsableTrial
from gensweep.objective import Objective
from gensweep.seeding import derive

Losses = NDArray[np.float64]
Row = Mapping[str, Any]

RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % confidence interval; `low` and `high` are NaN where one trial gives none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Group:
    """The finished trials of one arm: counts, scores in their own direction, what all of them took.

    `seconds` are of training and `evaluation_seconds` of evaluation, of diverged and failed trials too.
    """

    name: str
    n: int
    usable: int
    diverged: int
    failed: int
    best: float
    best_trial: str
    median: float
    iqm: float
    expected: Interval
    seconds: float
    evaluation_seconds: float

    @property
    def diverged_share(self) -> float:
        """The part of the trials that left the finite numbers, in [0, 1]."""
        return self.diverged / self.n


@dataclass(frozen=True)
class Pair:
    """How often a trial of `first` is better than a trial of `second`, ties counted half."""

    first: str
    second: str
    probability: Interval

    @property
    def is_tie(self) -> bool:
        """Whether the interval contains one half, so that neither may be called better."""
        return self.probability.low <= 0.5 <= self.probability.high

    @property
    def tells_nothing(self) -> bool:
        """Whether there were too few trials for any interval but [0, 1]."""
        return self.probability.low <= 0 and self.probability.high >= 1

    @property
    def verdict(self) -> str:
        """`tie`, or the name of the better group."""
        if self.is_tie:
            return "tie"
        return self.first if self.probability.low > 0.5 else self.second


@dataclass(frozen=True)
class Ranking:
    """The groups, the one with the best expected best first, at a budget of `budget` trials each."""

    objective: Objective
    budget: int
    groups: list[Group]
    pairs: list[Pair]
    unfinished: int

    def pair(self, first: str, second: str) -> Pair:
        """The comparison of two groups, seen from `first`."""
        for pair in self.pairs:
            if (pair.first, pair.second) == (first, second):
                return pair
            if (pair.first, pair.second) == (second, first):
                p = pair.probability
                return Pair(first, second, Interval(1 - p.value, 1 - p.high, 1 - p.low))
        raise KeyError((first, second))


def rank(rows: Sequence[Row], objective: Objective, *, budget: int | None = None, seed: int = 0) -> Ranking:
    """The ranking of the groups in `rows` (their column `group`) by a score, which need not be the sweep's objective.

    Every group gets the same budget: by default half of the trials of the smallest group, because the expected best of
    nearly all trials has no honest interval (the bootstrap cannot see beyond the best trial).

    Raises:
        NoUsableTrial: no finished trial has a finite score.
        ConfigError: scores of different protocols are among them, or the budget is more than the smallest group has.
    """
    finished = [row for row in rows if row["outcome"] != ""]
    refuse_mixed(finished, objective.metric)
    groups = {str(name): [row for row in finished if row["group"] == name] for name in _in_order(finished)}
    losses = {name: np.array([loss(row, objective) for row in members]) for name, members in groups.items()}
    if not any(np.isfinite(values).any() for values in losses.values()):
        raise _nothing(rows, objective.metric)
    smallest = min(map(len, losses.values()))
    budget = max(1, smallest // 2) if budget is None else budget
    if not 1 <= budget <= smallest:
        raise ConfigError(
            f"budget: {budget} trials were asked for, the smallest group has {smallest}. Use 1 to {smallest}."
        )
    ranked = sorted(
        (_group(name, groups[name], losses[name], objective, budget, seed) for name in groups),
        key=lambda group: (objective.loss(group.expected.value), objective.loss(group.best), group.name),
    )
    pairs = [
        Pair(a.name, b.name, probability_of_improvement(losses[a.name], losses[b.name], derive(seed, a.name, b.name)))
        for a, b in combinations(ranked, 2)
    ]
    return Ranking(objective, budget, ranked, pairs, len(rows) - len(finished))


def best_of_k_weights(n: int, k: int) -> Losses:
    """The weights [n] of the ascending losses in the expected best of `k` of `n` trials.

        E[min of k] = sum_i C(n - i, k - 1) / C(n, k) v_(i),   i = 1 .. n

    Source: Tang, Lee, Xin, Liu, Yu, Lin, Showing Your Work Doesn't Always Work, 2020, arXiv:2004.13705, the unbiased
    estimator (a U-statistic: the mean over all subsets of k trials).
    """
    weights = np.zeros(n)
    weights[0] = k / n
    for i in range(n - k):  # C(n - i - 1, k - 1) / C(n - i, k - 1), with i counted from 1
        weights[i + 1] = weights[i] * (n - i - k) / (n - i - 1)
    return weights


def expected_best(losses: Losses, k: int) -> float:
    """The unbiased expected minimum of `k` of the losses [n]: +infinity where all k may be worst results, k <= n."""
    return float(_weigh(np.sort(losses)[None], best_of_k_weights(len(losses), k)[:, None])[0, 0])


def expected_best_curve(losses: Losses, budgets: Sequence[int], seed: int) -> list[Interval]:
    """The expected best at each of `budgets`, with percentile-bootstrap intervals over the trials."""
    n = len(losses)
    weights = np.stack([best_of_k_weights(n, k) for k in budgets], axis=1)
    values = _weigh(np.sort(losses)[None], weights)[0]
    if n == 1:
        return [Interval(float(value), math.nan, math.nan) for value in values]
    draws = np.random.default_rng(seed).choice(losses, size=(RESAMPLES, n))
    low, high = _percentiles(_weigh(np.sort(draws, axis=1), weights))
    return [Interval(float(v), float(a), float(b)) for v, a, b in zip(values, low, high, strict=True)]


def interquartile_mean(losses: Losses) -> float:
    """The mean of the middle half: a quarter of the trials, rounded down, is left out at each end."""
    cut = len(losses) // 4
    return float(np.sort(losses)[cut : len(losses) - cut].mean())


def probability_of_improvement(first: Losses, second: Losses, seed: int) -> Interval:
    """P(X < Y) + P(X = Y) / 2 for X of `first` [n] and Y of `second` [m], with its stratified-bootstrap interval.

    The value is the Mann-Whitney statistic U / (n m). Where even complete separation of so few trials would happen by
    chance more than once in twenty, 2 / C(n + m, n) > 0.05, the interval is [0, 1]: the bootstrap would give the
    false certainty of [1, 1].

    Source: Agarwal, Schwarzer, Castro, Courville, Bellemare, Deep Reinforcement Learning at the Edge of the Statistical
    Precipice, 2021, arXiv:2108.13264, section 4.3.
    """
    n, m = len(first), len(second)
    wins = (first[:, None] < second) + 0.5 * (first[:, None] == second)
    value = float(wins.mean())
    if 2 / math.comb(n + m, n) > 1 - CONFIDENCE:
        return Interval(value, 0.0, 1.0)
    generator = np.random.default_rng(seed)
    drawn_first = generator.multinomial(n, np.full(n, 1 / n), RESAMPLES)
    drawn_second = generator.multinomial(m, np.full(m, 1 / m), RESAMPLES)
    low, high = _percentiles(((drawn_first @ wins) * drawn_second).sum(axis=1, keepdims=True) / (n * m))
    return Interval(value, float(low[0]), float(high[0]))


def _weigh(ascending: Losses, weights: Losses) -> Losses:
    """Weighted sums [b, k] of ascending losses [b, n] with weights [n, k]; infinity counts wherever its weight does."""
    infinite = np.isinf(ascending)
    sums = np.where(infinite, 0.0, ascending) @ weights
    return np.where(infinite.astype(float) @ (weights > 0) > 0, np.inf, sums)


def _percentiles(draws: Losses) -> tuple[Losses, Losses]:
    """The ends [k] of the interval of draws [b, k]; no interpolation, which would be NaN beside an infinity."""
    tail = 100 * (1 - CONFIDENCE) / 2
    return np.percentile(draws, tail, axis=0, method="lower"), np.percentile(draws, 100 - tail, axis=0, method="higher")


def _group(name: str, rows: Sequence[Row], losses: Losses, objective: Objective, budget: int, seed: int) -> Group:
    best = int(np.argmin(losses))
    usable = int(np.isfinite(losses).sum())
    [expected] = expected_best_curve(losses, [budget], derive(seed, name))
    return Group(
        name=name,
        n=len(rows),
        usable=usable,
        diverged=sum(row["outcome"] == "DIVERGED" for row in rows),
        failed=sum(row["outcome"] == "FAILED" for row in rows),
        best=objective.value(float(losses[best])),
        best_trial=str(rows[best]["trial"]) if usable else "",
        median=objective.value(float(np.median(losses))),
        iqm=objective.value(interquartile_mean(losses)),
        expected=_as_scores(expected, objective),
        seconds=float(sum(row["seconds"] for row in rows)),
        evaluation_seconds=float(sum(row["evaluation_seconds"] for row in rows)),
    )


def _as_scores(interval: Interval, objective: Objective) -> Interval:
    ends = objective.value(interval.low), objective.value(interval.high)
    return Interval(objective.value(interval.value), min(ends), max(ends))


def _in_order(rows: Iterable[Row]) -> list[Any]:
    return list(dict.fromkeys(row["group"] for row in rows))


def _nothing(rows: Sequence[Row], metric: str) -> NoUsableTrial:
    if not rows:
        return NoUsableTrial("there is no trial yet, so there is nothing to compare.")
    ended = [(row["outcome"] or "unfinished").lower() for row in rows]
    counts = ", ".join(f"{ended.count(name)} {name}" for name in dict.fromkeys(ended))
    return NoUsableTrial(
        f"no trial has a finite {metric} to compare ({len(rows)} trials: {counts}). "
        "`gensweep show` gives the reason of each."
    )
