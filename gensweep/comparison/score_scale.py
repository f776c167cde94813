"""Scores and losses: less of a loss is better, +infinity is the worst, and differences are what is compared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gensweep.comparison.words import Mode, Scale


@dataclass(frozen=True)
class ScoreScale:
    """How scores become losses and come back: minus them where more is better, their logarithm where ratios count."""

    mode: Mode
    scale: Scale

    def problems(self, arm: str, scores: Sequence[float]) -> Iterator[str]:
        """What keeps an arm's scores from being compared, with the cure."""
        worst = self._sign * math.inf
        if any(math.isnan(score) for score in scores):
            yield f"arm {arm!r}: NaN is no score. A seed that diverged is {worst}; one that failed is left out."
        if -worst in scores:
            yield f"arm {arm!r}: {-worst} would be better than every score; a seed that diverged is {worst}."
        bad = next((score for score in scores if -math.inf < score <= 0), None)
        if self.scale == "log" and bad is not None:
            yield f'arm {arm!r}: {bad:g} has no logarithm. Use scale="linear" where scores may be 0 or less.'

    def loss(self, score: float) -> float:
        """The loss of a score."""
        return self._sign * (float(score) if self.scale == "linear" or math.isinf(score) else math.log(score))

    def score(self, loss: float) -> float:
        """The score of a loss; the effect, a difference or a ratio, of a difference of losses."""
        return self._sign * loss if self.scale == "linear" or math.isinf(loss) else _exp(self._sign * loss)

    def ends(self, low: float, high: float) -> tuple[float, float]:
        """An interval of losses as one of scores, of differences of losses as one of effects."""
        first, second = self.score(low), self.score(high)
        return min(first, second), max(first, second)

    def margin(self, margin: float) -> float:
        """The difference of losses that a margin allows: on the log scale it is a share, 0.05 for 5 %."""
        return margin if self.scale == "linear" else math.log1p(margin)

    @property
    def _sign(self) -> int:
        return 1 if self.mode == "min" else -1


@dataclass(frozen=True)
class Question:
    """What is asked of the scores: on which scale, at which family-wise level, and which difference does not matter."""

    scale: ScoreScale
    level: float
    margin: float | None

    @property
    def loss_margin(self) -> float | None:
        """The margin as a difference of losses."""
        return None if self.margin is None else self.scale.margin(self.margin)

    def losses(self, arms: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
        """The losses of each arm's scores."""
        return {name: [self.scale.loss(score) for score in scores] for name, scores in arms.items()}


def _exp(x: float) -> float:
    """The exponential, infinite where it is too large for a number."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf
