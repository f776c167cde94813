"""A few steps down."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gensweep.lr_schedules.base import LrSchedule

Share = Annotated[float, Field(gt=0, lt=1)]
Factor = Annotated[float, Field(gt=0)]


class Step(LrSchedule):
    """factor(t) = 1 before the first share of training in `at`, and factors[k] from at[k] on.

    Fields:
        at: shares of the training, in (0, 1), increasing.
        factors: one for each share, > 0, each of the rate at the start.

    Source: I. Tolstikhin et al., "Wasserstein Auto-Encoders", 2018, arXiv:1711.01558; the authors' code for MNIST
    (`manual`): a half from epoch 30 of 100 on, a fifth from epoch 50 on. The two-stage VAE (arXiv:1903.05789) halves
    after every 150 of 400 epochs: at [0.375, 0.75], factors [0.5, 0.25].
    Differs: the code counts epochs, which would give a longer training another schedule.
    """

    name: Literal["step"] = "step"
    at: tuple[Share, ...] = Field((0.3, 0.5), description="shares of the training at which the factor changes")
    factors: tuple[Factor, ...] = Field((0.5, 0.2), description="the factor from each share on")

    @model_validator(mode="after")
    def _a_factor_for_each_share(self) -> Step:
        if len(self.at) != len(self.factors):
            raise ValueError(
                f"needs a factor for each share, given {len(self.at)} shares and {len(self.factors)} factors"
            )
        if any(a >= b for a, b in pairwise(self.at)):
            raise ValueError(f"shares must increase, given {list(self.at)}")
        return self

    def factor(self, progress: float) -> float:
        """The factor of the last share that is past."""
        past = [factor for share, factor in zip(self.at, self.factors, strict=True) if share <= progress]
        return past[-1] if past else 1.0
