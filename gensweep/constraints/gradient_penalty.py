"""The two-sided gradient penalty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field

from gensweep.component import Knob
from gensweep.constraints._slopes import interpolates, squared_slopes
from gensweep.constraints.base import NO_WEIGHT, Bounds, Constraint
from gensweep.losses import Draw, Knobs, Loss, Nets, Noise, PopulationObjective
from gensweep.mathematics.best_critics import BestCritic, potential

_EPS = 1e-8  # inside the root, whose slope at 0 is infinite; a slope of 1 becomes 1 + 5e-9
_BIAS = "the two-sided penalty also pulls flat places of the critic to slope 1"


class GradientPenalty(Constraint):
    """Pulls the slope of the critic towards 1 from both sides, at points between data and samples.

    penalty = weight E (||grad f(x)|| - target)^2, at x = u x_P + (1 - u) x_Q with u ~ U(0, 1), or at the data.

    It is soft and biased: between two laws that are one shift delta apart the best slope is 1 + delta / (2 weight).
    It is also a barrier: in one dimension a critic that starts with the wrong sign may stay at -1 + delta / (2 weight);
    lipschitz_penalty has no such optimum. At the data with target 0 it is R1 with gamma = 2 weight.

    The gap E_P f - E_Q f is bounded by slopes on the way from samples to data. A weight of 0 leaves them free, and so does
    a penalty at the data: both are for the discriminators of gan and f_gan, whose losses need no bound.

    Fields:
        weight: lambda of the paper, >= 0; a knob. 10 for images; the authors take 0.1 on their toys.
        target: the slope pulled towards, >= 0; a knob. Only at 1 is the gap that of Wasserstein-1.
        at: interpolates, or data.

    Source: I. Gulrajani, F. Ahmed, M. Arjovsky, V. Dumoulin, A. Courville, "Improved Training of Wasserstein GANs",
    2017, arXiv:1704.00028, eq. 3 and Algorithm 1; R1: L. Mescheder, A. Geiger, S. Nowozin, "Which Training Methods for
    GANs do actually Converge?", 2018, arXiv:1801.04406, eq. 9.
    Differs: 1e-8 is added inside the root, whose derivative at a flat critic is infinite.
    """

    default_optimizer: ClassVar[Mapping[str, Any] | None] = {"name": "adam", "lr": 1e-4, "betas": (0.5, 0.9)}

    name: Literal["gradient_penalty"] = "gradient_penalty"
    weight: Annotated[float, Knob(), Field(ge=0, description="weight of the penalty")] = 10.0
    target: Annotated[float, Knob(), Field(ge=0, description="the slope pulled towards")] = 1.0
    at: Literal["interpolates", "data"] = Field("interpolates", description="where the slope is taken")

    @property
    def bounds(self) -> Bounds:
        """The slope where it is taken; nothing without a weight."""
        if self.weight == 0:
            return Bounds.NOTHING
        return Bounds.SLOPE if self.at == "interpolates" else Bounds.SLOPE_AT_DATA

    def population_objective(self) -> PopulationObjective | None:
        """W1, for a slope of 1."""
        is_known = self.bounds is Bounds.SLOPE and self.target == 1
        return PopulationObjective("wasserstein_1", bias=_BIAS) if is_known else None

    def best_critic(self) -> BestCritic | None:
        """Kantorovich's potential, for a slope of 1."""
        return BestCritic(potential, up_to="a constant") if self.population_objective() else None

    def unbounded(self) -> str | None:
        """Nothing bounds the critic at the samples, or at all."""
        if self.at == "data":
            return (
                "gradient_penalty at the data leaves the critic free at the samples, so its gap has no upper bound. "
                "Write at: interpolates"
            )
        return NO_WEIGHT.format(name=self.name) if self.weight == 0 else None

    def noise(self, shape: tuple[int, ...], batch_size: int) -> dict[str, Draw]:
        """Where between its two ends each point lies."""
        return {"mixing": Draw((batch_size,), "uniform")} if self.at == "interpolates" else {}

    def penalty(self, real: torch.Tensor, fake: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> Loss:
        """The penalty, and the mean slope."""
        points = interpolates(real, fake, noise["mixing"]) if self.at == "interpolates" else real
        slopes = (squared_slopes(nets["critic"], points) + _EPS).sqrt()
        return Loss(knobs["weight"] * (slopes - knobs["target"]).square().mean(), {"slope": slopes.mean()})
