"""How often verdicts and intervals are right: `python -m gensweep.benchmarks.verdicts [--sweeps 2000] [--seed 0]`.

Simulated scores through the functions that judge a sweep. One table on stdout, progress on stderr: claims of a difference
where there is none, claims of one that is there, and how often each printed interval holds what it is for, with binomial
standard errors. `!` marks what is more than three of them outside of what is wanted.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from gensweep.comparison import judge
from gensweep.comparison.distributions import best_of, better_best_of, largest_k, probability_better
from gensweep.comparison.words import Scale, Verdict
from gensweep.progress import progress

Array = NDArray[np.float64]
_SIZES = (4, 5, 8, 16, 32)
_MIDDLE = (np.arange(2_000) + 0.5) / 2_000  # of as many equally likely parts of a distribution
_LEVEL, _COVERED, _ANY = (0.0, 0.05), (0.93, 0.99), (0.0, 1.0)
_SAFE = (
    0.93,
    1.0,
)  # order statistics of few values hold more than is asked for, and below six nothing bounds both ends


@dataclass(frozen=True)
class Law:
    """What scores are drawn from: a distribution of scipy's, of which a share diverges (+infinity)."""

    name: str
    finite: Any
    scale: Scale = "linear"
    diverging: float = 0.0
    is_skewed: bool = False  # so much that no interval of the mean is promised

    def draw(self, generator: np.random.Generator, n: int, shift: float = 0.0, spread: float = 1.0) -> Array:
        """`n` scores: shift + spread x."""
        scores = shift + spread * np.asarray(self.finite.rvs(size=n, random_state=generator))
        return np.where(generator.random(n) < self.diverging, np.inf, scores)

    @property
    def mean_name(self) -> str:
        """What a verdict calls the mean."""
        return "mean" if self.scale == "linear" else "geometric mean"

    def quantile(self, probability: float) -> float:
        """The quantile, infinite where that many diverge."""
        below = probability / (1 - self.diverging)
        return float(self.finite.ppf(below)) if below < 1 else math.inf

    def centre(self, statistic: str) -> float:
        """What the interval of a verdict's statistic is for."""
        if statistic == "mean":
            return float(self.finite.mean())
        return self.quantile(0.5)  # the logarithm of a lognormal is normal, whose mean is its median


NORMAL, LOGNORMAL = Law("normal", stats.norm()), Law("lognormal", stats.lognorm(1), is_skewed=True)
SKEWED = Law("lognormal, sigma 1/4", stats.lognorm(0.25))
RATIOS = Law("lognormal, log scale", stats.lognorm(1), "log")
T2, T3 = Law("t(2)", stats.t(2)), Law("t(3)", stats.t(3))


def diverging(law: Law, share: float = 0.2) -> Law:
    """The law, of which a share diverges."""
    return Law(f"{law.name}, {100 * share:.0f} % diverge", law.finite, law.scale, share, law.is_skewed)


# Effect, words, how often at least, and what the fourth arm is. The shares are those of Games and Howell's test over 20,000
# sweeps (.726, .218, .213), and of ranks with Holm's correction where seeds diverge.
POWER = [
    (2.0, ("best", "leads"), 0.72, NORMAL),
    (2.0, ("best",), 0.215, NORMAL),
    (1.0, ("best", "leads"), 0.21, NORMAL),
    (2.0, ("best", "leads"), 0.60, diverging(NORMAL)),
]


@dataclass(frozen=True)
class Rate:
    """How often something was so in `sweeps` simulated ones, and how often it is wanted."""

    what: str
    cell: str
    share: float
    sweeps: int
    wanted: tuple[float, float]

    @property
    def error(self) -> float:
        """The binomial standard error."""
        return _error(self.share, self.sweeps)

    @property
    def is_off(self) -> bool:
        """Whether it is outside by more than three of the standard errors that it would have at the limit."""
        low, high = self.wanted
        return self.share < low - 3 * _error(low, self.sweeps) or self.share > high + 3 * _error(high, self.sweeps)


@dataclass(frozen=True)
class Simulation:
    """How many sweeps are simulated for a rate, and from which seed."""

    sweeps: int
    seed: int = 0

    def rate(self, what: str, cell: str, wanted: tuple[float, float], happens: Callable[[Any], bool]) -> Rate:
        """How often `happens` for a generator of random numbers."""
        generator = np.random.default_rng([self.seed, *f"{what} {cell}".encode()])
        return Rate(what, cell, sum(happens(generator) for _ in range(self.sweeps)) / self.sweeps, self.sweeps, wanted)

    def family_wise_error(self, law: Law, seeds: int, spreads: Sequence[float]) -> Rate:
        """How often any of arms that are alike is told apart from another; `spreads` of symmetric laws may differ."""
        unlike = f", spreads {','.join(f'{spread:g}' for spread in spreads)}" if len(set(spreads)) > 1 else ""
        cell = f"{law.name}, {len(spreads)} arms of {seeds}{unlike}"
        return self.rate("any pair told apart, all alike", cell, _LEVEL, lambda g: any(
            pair.distinguished for pair in _verdict(g, law, seeds, [(0.0, spread) for spread in spreads]).pairs
        ))  # fmt: skip

    def power(self, effect: float, words: tuple[str, ...], at_least: float, fourth: Law = NORMAL) -> Rate:
        """How often the better of four arms of five normal seeds, by `effect` standard deviations, gets one of the words."""

        def happens(generator: np.random.Generator) -> bool:
            arms = {"better": NORMAL.draw(generator, 5, -effect), "second": NORMAL.draw(generator, 5)}
            arms |= {"third": NORMAL.draw(generator, 5), "fourth": fourth.draw(generator, 5)}
            verdict = judge({name: scores.tolist() for name, scores in arms.items()})
            return verdict.arm == "better" and verdict.word in words

        cell = f"{NORMAL.name}, 4 arms of 5, one better by {effect:g} sd"
        cell += f"; of one {100 * fourth.diverging:.0f} % diverge" if fourth.diverging else ""
        return self.rate(f"called {' or '.join(words)}", cell, (at_least, 1.0), happens)

    def arm_interval(self, law: Law, n: int, statistic: str) -> Rate:
        """How often an arm's interval holds the statistic, in the sweeps of two arms whose verdict quotes that one."""
        kept = [0, 0]
        generator = np.random.default_rng([self.seed, n, *law.name.encode()])
        confidence = 0.95
        for _ in range(self.sweeps):
            verdict = _verdict(generator, law, n, [(0.0, 1.0)] * 2)
            arm = next(arm for arm in verdict.arms if arm.name == "arm 0")
            if verdict.statistic == statistic and arm.low is not None and arm.high is not None and arm.confidence:
                kept[0] += 1
                kept[1] += arm.low <= law.centre(statistic) <= arm.high
                confidence = arm.confidence
        few, unsure = confidence < 0.95, law.is_skewed and statistic == "mean"
        wanted = _ANY if unsure else (min(confidence, _COVERED[0]), _COVERED[1] if statistic != "median" else 1.0)
        note = ", not promised" if unsure else f", said {100 * confidence:.0f} %" if few else ""
        what = f"interval of the {statistic}{note}"
        return Rate(what, f"{law.name}, {n} seeds", kept[1] / max(1, kept[0]), max(2, kept[0]), wanted)

    def effect_intervals(self, law: Law, seeds: int, n_arms: int) -> Rate:
        """How often all intervals of the differences of alike arms hold none."""
        none = 1.0 if law.scale == "log" else 0.0
        cell = f"{law.name}, {n_arms} arms of {seeds}"
        return self.rate("all intervals of differences", cell, _COVERED, lambda g: all(
            pair.low is not None and pair.high is not None and pair.low <= none <= pair.high
            for pair in _verdict(g, law, seeds, [(0.0, 1.0)] * n_arms).pairs
        ))  # fmt: skip

    def probability(self, law: Law, n: int, shift: float) -> Rate:
        """How often the interval of P(better) holds it, for two samples of `n`, one better by `shift`."""
        truth = _probability_better(law, shift)

        def happens(generator: np.random.Generator) -> bool:
            interval = probability_better(law.draw(generator, n, -shift).tolist(), law.draw(generator, n).tolist())
            return interval.low <= truth <= interval.high

        return self.rate("interval of P(better)", f"{law.name}, {n} trials, P = {truth:.2f}", _COVERED, happens)

    def best(self, law: Law, n: int) -> Rate:
        """How often the interval of the median best of k holds it, k as large as n bounds it."""
        k = max(1, largest_k(n))
        truth = law.quantile(1 - 2 ** (-1 / k))

        def happens(generator: np.random.Generator) -> bool:
            interval = best_of(law.draw(generator, n).tolist(), k)
            return interval.low <= truth <= interval.high

        return self.rate("interval of the median best of k", f"{law.name}, {n} trials, k = {k}", _SAFE, happens)

    def best_told_apart(self, law: Law, n: int, spread: float) -> Rate:
        """How often P_k of two samples is called unlike one half; it is one half, by a shift where spreads differ."""
        k = max(1, largest_k(n))
        shift = 0.0 if spread == 1 else _shift_of_equal_best(law, spread, k)

        def happens(generator: np.random.Generator) -> bool:
            a, b = law.draw(generator, n), law.draw(generator, n, shift, spread)
            return better_best_of(a.tolist(), b.tolist(), k).p <= 0.05

        # a permutation test is exact for samples that are alike, and nearly so for those of which only P_k is as if they were
        wanted = _LEVEL if spread == 1 else (0.0, 0.07)
        cell = f"{law.name}, {n} trials, k = {k}, spreads 1,{spread:g}"
        return self.rate("best of k told apart, P_k = 1/2", cell, wanted, happens)


def _verdict(generator: np.random.Generator, law: Law, seeds: int, arms: Sequence[tuple[float, float]]) -> Verdict:
    """The verdict on arms of (shift, spread)."""
    scores: Mapping[str, Sequence[float]] = {
        f"arm {i}": law.draw(generator, seeds, *arm).tolist() for i, arm in enumerate(arms)
    }
    return judge(scores, scale=law.scale)


def _probability_better(law: Law, shift: float) -> float:
    """P(X - shift < Y) + P(both diverge) / 2 for X and Y of the law."""
    completes = 1 - law.diverging
    finite = float(law.finite.cdf(law.finite.ppf(_MIDDLE) + shift).mean())
    return completes**2 * finite + completes * law.diverging + law.diverging**2 / 2


def _shift_of_equal_best(law: Law, spread: float, k: int) -> float:
    """The shift at which the best of k of shift + `spread` x is as often as not better than the best of k of x."""
    none = law.diverging**k  # of the bests
    part = (none + (1 - none) * _MIDDLE) ** (1 / k)  # of x above each best, of those that are finite
    best = spread * law.finite.isf((part - law.diverging) / (1 - law.diverging))

    def better(shift: float) -> float:
        above = law.diverging + (1 - law.diverging) * law.finite.sf(best + shift)
        return float((1 - none) * (1 - above**k).mean() + none * (1 - none / 2))

    return float(optimize.brentq(lambda shift: better(shift) - 0.5, -100, 100))


def _error(share: float, n: int) -> float:
    return math.sqrt(share * (1 - share) / n)


def cells(simulation: Simulation) -> list[Callable[[], Rate]]:
    """Every rate of the table, to be found one by one."""
    alike = [NORMAL, T3, LOGNORMAL, RATIOS, diverging(NORMAL, 0.1), diverging(RATIOS)]
    calls: list[Callable[[], Rate]] = [
        partial(simulation.family_wise_error, law, 5, (1.0,) * n) for law in alike for n in range(2, 7)
    ]
    calls += [partial(simulation.family_wise_error, NORMAL, seeds, (1.0,) * n) for n, seeds in ((6, 8), (10, 7))]
    unlike = [(1.0, 3.0), (1.0, 1.0, 3.0, 3.0), (1.0, 1.0, 1.0, 3.0)]
    calls += [partial(simulation.family_wise_error, law, 5, s) for law in (NORMAL, diverging(NORMAL)) for s in unlike]
    calls += [partial(simulation.power, *of) for of in POWER]
    laws = [each for law in (NORMAL, LOGNORMAL, RATIOS, T2) for each in (law, diverging(law))]
    calls += [
        partial(simulation.arm_interval, law, n, "median" if law.diverging else law.mean_name)
        for law in [*laws, SKEWED]
        for n in _SIZES
    ]
    calls += [partial(simulation.arm_interval, diverging(law), n, "mean") for law in (NORMAL, T2) for n in (4, 5)]
    calls += [
        partial(simulation.effect_intervals, law, n, 4) for law in (NORMAL, LOGNORMAL, RATIOS, T2) for n in _SIZES
    ]
    calls.append(partial(simulation.effect_intervals, NORMAL, 5, 6))
    calls += [
        partial(simulation.probability, law, n, shift)
        for law in (NORMAL, T2, diverging(NORMAL), diverging(T2))
        for n in _SIZES
        for shift in (0.0, 1.0, 2.0)
    ]
    calls += [partial(simulation.best, law, n) for law in laws for n in _SIZES]
    told = [(law, n, spread) for law in (NORMAL, diverging(NORMAL)) for n in (6, 16, 32) for spread in (1.0, 3.0)]
    return calls + [partial(simulation.best_told_apart, law, n, spread) for law, n, spread in told]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    given: Any = parser.parse_args(arguments)
    print(f"{'what':<50}{'where':<58}{'share':>7}{'error':>7}  wanted")
    for call in progress(cells(Simulation(given.sweeps, given.seed)), "rates"):
        rate = call()
        low, high = rate.wanted
        mark = " !" if rate.is_off else ""
        print(
            f"{rate.what:<50}{rate.cell:<58}{rate.share:>7.3f}{rate.error:>7.3f}  {low:.3g} to {high:.3g}{mark}",
            flush=True,
        )


if __name__ == "__main__":
    main()
