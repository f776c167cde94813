"""What a verdict says: the word, the arms, the pairs and the sentence. Numbers only; they are found in judge.py."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gensweep.text import finite, listed

Word = Literal["best", "leads", "not distinguished", "equal", "not confirmed"]
Mode = Literal["min", "max"]
Scale = Literal["linear", "log"]
Statistic = Literal["mean", "geometric mean", "median"]


@dataclass(frozen=True)
class ArmScore:
    """One arm's confirmed scores.

    `mean` is the geometric one on the log scale, and None where a seed diverged: then there is none. `low` to `high` is the
    interval of the verdict's `statistic`, the t-interval of the mean or the order-statistic interval of the median, and
    holds it with `confidence`; an end is None where one seed gives none, infinite where seeds diverged. `sd` is the
    standard deviation over the `seeds` that did not diverge, of the scores as they are. `ranked`: it has two seeds.
    """

    name: str
    mean: float | None
    median: float | None
    low: float | None
    high: float | None
    confidence: float | None
    sd: float | None
    seeds: int
    diverged: int
    ranked: bool

    def as_dict(self) -> dict[str, Any]:
        """Numbers for JSON, in which an infinite one is null."""
        return {
            "arm": self.name,
            "ranked": self.ranked,
            "confirmed": {
                "mean": self.mean, "median": finite(self.median), "low": finite(self.low), "high": finite(self.high),
                "confidence": self.confidence, "sd": self.sd, "seeds": self.seeds, "diverged": self.diverged,
            },
        }  # fmt: skip


@dataclass(frozen=True)
class PairResult:
    """Two arms, `a` the better ranked: `p` by itself and `p_adjusted` for all pairs.

    `distinguished`: `a` is better, at the verdict's level for all pairs together. `effect` is what the statistic of `a` is
    less that of `b`, or times it on the log scale, in `low` to `high` simultaneously for all pairs (None where the test is
    by ranks, and where it is infinite). `equal`: the difference is within the margin, at the level for all pairs; None
    where no margin was given.
    """

    a: str
    b: str
    p: float
    p_adjusted: float
    distinguished: bool
    effect: float | None
    low: float | None
    high: float | None
    equal: bool | None

    def as_dict(self) -> dict[str, Any]:
        """Numbers for JSON."""
        return {
            "a": self.a, "b": self.b, "p": self.p, "p_adjusted": self.p_adjusted, "distinguished": self.distinguished,
            "effect": finite(self.effect), "low": finite(self.low), "high": finite(self.high), "equal": self.equal,
        }  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What confirmed scores say of the arms.

    `word`: *best*, where `arm` is distinguished from all others; *leads*, from at least one; *equal*, where it is within the
    margin of all others, whatever else; *not confirmed*, where no arm has two seeds; else *not distinguished*. `arm` is the
    first of the ranked, None where there is none or all its seeds diverged. `arms`: best first, those that are not ranked
    last. `pairs`: all of the ranked. `statistic` orders the arms, and is what intervals and effects are of.
    """

    word: Word
    arm: str | None
    arms: tuple[ArmScore, ...]
    pairs: tuple[PairResult, ...]
    test: str
    statistic: Statistic
    scale: Scale
    mode: Mode
    level: float
    margin: float | None

    @property
    def interval(self) -> str:
        """What the intervals of the arms are, for a caption."""
        if self.statistic == "median":
            return "order statistics around the median, for any distribution, with the confidence said of each"
        if self.statistic == "geometric mean":
            return "t-interval of the logarithms over seeds, right for scores whose logarithms are nearly normal"
        return "t-interval over seeds, right for nearly normal scores; too narrow for skewed ones, which need the log scale"

    @property
    def sentence(self) -> str:
        """The verdict in plain words, with the numbers that it rests on."""
        ranked = [arm for arm in self.arms if arm.ranked]
        if not ranked:
            text = "Not confirmed: no arm has two seeds."
        elif len(ranked) == 1:
            text = f"{ranked[0].name} is the only arm with two seeds or more: there is nothing to distinguish it from."
        elif self.arm is None:
            text = "Not distinguished: every seed of every arm diverged."
        else:
            text = self._of_the_first(ranked)
        alone = [arm.name for arm in self.arms if not arm.ranked]
        return text + (f" Not confirmed, and so not ranked: {listed(alone)}." if alone and ranked else "")

    def _of_the_first(self, ranked: Sequence[ArmScore]) -> str:
        mine = [pair for pair in self.pairs if self.arm == pair.a]
        told = [pair for pair in mine if pair.distinguished]
        rest = [pair for pair in mine if not pair.distinguished]
        many = f"{len(ranked)} arms of {_seeds(ranked)}"
        if self.word == "equal":
            others = listed([pair.b for pair in mine])
            return f"{self.arm} is equal to {others} within {self._within()}, by two one-sided tests on {many}."
        if not told:
            return f"Not distinguished: of {many}, {self.arm} is first, but {self._against(rest)}."
        if not rest:
            word = "is best of" if self.word == "best" else "leads"
            return f"{self.arm} {word} {many}: {self._against(told)}."
        return (
            f"{self.arm} leads {many}: distinguished from {listed([pair.b for pair in told])} ({self._against(told)}), "
            f"not from {listed([pair.b for pair in rest])} ({self._against(rest)})."
        )

    def _against(self, pairs: Sequence[PairResult]) -> str:
        """How far the first is from the nearest of these, and how likely that is by chance."""
        pair = max(pairs, key=lambda pair: pair.p_adjusted)
        p = f"adjusted p {_p(pair.p_adjusted)}, {self.test}"
        if pair.effect is None or not math.isfinite(pair.effect):
            return f"{pair.b} is nearest, {p}"
        if pair.effect == (1 if self.scale == "log" else 0):
            return f"its {self.statistic} is that of {pair.b}, {p}"
        if self.scale == "log":
            return f"its {self.statistic} is {pair.effect:.3g} times that of {pair.b}, {p}"
        return f"its {self.statistic} is {abs(pair.effect):.3g} {'below' if pair.effect < 0 else 'above'} that of {pair.b}, {p}"

    def _within(self) -> str:
        return f"{100 * (self.margin or 0):.3g} %" if self.scale == "log" else f"{self.margin:.3g}"

    def as_dict(self) -> dict[str, Any]:
        """Numbers for JSON, in which an infinite one is null."""
        return {
            "verdict": {"word": self.word, "arm": self.arm, "sentence": self.sentence},
            "arms": [arm.as_dict() for arm in self.arms],
            "pairs": [pair.as_dict() for pair in self.pairs],
            "test": self.test, "statistic": self.statistic, "interval": self.interval, "scale": self.scale, "mode": self.mode,
            "level": self.level, "margin": self.margin,
        }  # fmt: skip


@dataclass(frozen=True)
class Bounds:
    """What the verdict could have been, had seeds that are missing through no fault of their arms been scored.

    `without`: the verdict on those that there are. `as_worst` and `as_best`: every missing seed worse, or better, than all
    others. `against`: those of the arm that is first without them as the worst, all others' as the best, which is the most
    that speaks against it.
    """

    without: Verdict
    as_worst: Verdict
    as_best: Verdict
    against: Verdict

    @property
    def hold(self) -> bool:
        """Whether all of them say the same of the same arm, so that the missing seeds do not matter."""
        every = (self.without, self.as_worst, self.as_best, self.against)
        return len({(each.word, each.arm) for each in every}) == 1


def _seeds(arms: Sequence[ArmScore]) -> str:
    counts = sorted({arm.seeds for arm in arms})
    return f"{counts[0]} seeds each" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.2f}" if p >= 0.1 else f"= {p:.3f}"
