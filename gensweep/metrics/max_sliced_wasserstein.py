"""Sliced Wasserstein distance along the worst direction."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field

from gensweep.metrics._sample_metric import Reference, SampleMetric, Statistic
from gensweep.metrics._transport import steepest_direction
from gensweep.metrics.base import Score
from gensweep.seeding import derive


class MaxSlicedWasserstein(SampleMetric):
    """The one-dimensional Wasserstein distance along the direction that shows the largest, in units of the data.

    max-SW_p = max over unit u of W_p(⟨u, X⟩, ⟨u, Y⟩). The direction is climbed to by gradient from several random starts
    and from the difference of the means, and is the best that was met: a lower bound of the true maximum. It is found
    on the same n items that it is scored on, so it is biased upwards by about the root of d/n: look at the value
    above `floor`, the same number for n training items.

    Fields: `p` 1 or 2; `starts`, random directions to climb from; `steps` of each climb; `n` items on each side (null:
    2000, or as many as the split has); `seed` of the starts and of the choice of items.

    Source: I. Deshpande et al., "Max-Sliced Wasserstein Distance and its use for GANs", 2019, arXiv:1904.05877,
    equation 8.
    Differs: the direction is in the data's space, not in a discriminator's.
    """

    mode: ClassVar[Literal["min", "max"]] = "min"
    is_ratio: ClassVar[bool] = True
    estimator: ClassVar[str] = "direction by gradient ascent on the items scored, biased upwards by the finite n"
    default_n: ClassVar[int] = 2000

    name: Literal["max_sliced_wasserstein"] = "max_sliced_wasserstein"
    p: Literal[1, 2] = Field(2, description="order of the distance")
    starts: int = Field(8, ge=1, le=1000, description="random directions to climb from")
    steps: int = Field(100, ge=1, le=10_000, description="gradient steps of each climb")

    def statistic(self, reference: Reference) -> Statistic:
        """The largest distance that the climbs found."""
        seed = derive(self.seed, "starts")

        def of(x: torch.Tensor) -> Score:
            return Score(steepest_direction(x, reference.real, self.p, (self.starts, self.steps), seed)[0])

        return of
