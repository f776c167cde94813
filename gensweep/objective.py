"""What "better" means in a sweep: one score and its direction. Nothing else derives a direction from a mode."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from gensweep.component import Node


class Objective(Node):
    """The score that the search and early stopping look at."""

    metric: str
    mode: Literal["min", "max"] = "min"

    def better(self, a: float, b: float) -> bool:
        """Whether a is better than b. A value that is not a number is worse than every number, and no better than itself."""
        return self.loss(a) < self.loss(b)

    def loss(self, value: float) -> float:
        """The value so that lower is better; +inf for what is not a number or is infinite."""
        if not math.isfinite(value):
            return math.inf
        return value if self.mode == "min" else -value

    def value(self, loss: float) -> float:
        """The value that has this loss; the infinite loss is the worst value there is."""
        return loss if self.mode == "min" else -loss

    def of(self, scores: Mapping[str, Any]) -> float:
        """The objective among scores; NaN where it is not there."""
        return float(scores.get(self.metric, math.nan))

    def best(self, values: Iterable[float]) -> float | None:
        """The best of the finite values; None where there is none."""
        return min((value for value in values if math.isfinite(value)), key=self.loss, default=None)
