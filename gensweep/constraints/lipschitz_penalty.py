"""The one-sided gradient penalty."""

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

_EPS = 1e-8  # inside the root, whose slope at 0 is infinite


class LipschitzPenalty(Constraint):
    """Pulls the slope of the critic below 1 where it is above, at points between data and samples.

    penalty = weight E max(0, ||grad f(x)|| - 1)^2, at x = u x_P + (1 - u) x_Q with u ~ U(0, 1).

    A 1-Lipschitz critic pays nothing, so the optimum of the dual of Wasserstein-1 is not pushed away from where it is
    flat. The bias upwards remains: a shift delta gives the slope 1 + delta / (2 weight).

    Fields:
        weight: lambda of the paper, >= 0; a knob. At 0 nothing bounds the critic's gap.

    Source: H. Petzka, A. Fischer, D. Lukovnikov, "On the regularization of Wasserstein GANs", 2018, arXiv:1709.08894,
    eq. 8, WGAN-LP.
    Differs: 1e-8 is added inside the root, whose derivative at a flat critic is infinite. The weight is that of WGAN-GP.
    """

    default_optimizer: ClassVar[Mapping[str, Any] | None] = {"name": "adam", "lr": 1e-4, "betas": (0.5, 0.9)}

    name: Literal["lipschitz_penalty"] = "lipschitz_penalty"
    weight: Annotated[float, Knob(), Field(ge=0, description="weight of the penalty")] = 10.0

    @property
    def bounds(self) -> Bounds:
        """The slope; nothing without a weight."""
        return Bounds.SLOPE if self.weight else Bounds.NOTHING

    def population_objective(self) -> PopulationObjective | None:
        """W1."""
        return PopulationObjective("wasserstein_1") if self.weight else None

    def best_critic(self) -> BestCritic | None:
        """Kantorovich's potential."""
        return BestCritic(potential, up_to="a constant") if self.weight else None

    def unbounded(self) -> str | None:
        """Nothing bounds the critic without a weight."""
        return NO_WEIGHT.format(name=self.name) if self.weight == 0 else None

    def noise(self, shape: tuple[int, ...], batch_size: int) -> dict[str, Draw]:
        """Where between its two ends each point lies."""
        return {"mixing": Draw((batch_size,), "uniform")}

    def penalty(self, real: torch.Tensor, fake: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> Loss:
        """The penalty, and the mean slope."""
        slopes = (squared_slopes(nets["critic"], interpolates(real, fake, noise["mixing"])) + _EPS).sqrt()
        return Loss(knobs["weight"] * (slopes - 1).clamp(min=0).square().mean(), {"slope": slopes.mean()})
