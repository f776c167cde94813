"""Weight clipping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field

from gensweep.component import Knob
from gensweep.constraints.base import Bounds, Constraint
from gensweep.losses import Knobs, Parameters, PopulationObjective
from gensweep.mathematics.best_critics import BestCritic, potential

_BIAS = "clipped weights bound the slope by an unknown constant, and keep the critic from its kinks"


class Clip(Constraint):
    """Keeps every parameter of the critic within a bound, so that the critic is K-Lipschitz with an unknown K.

    After each move: w <- max(-bound, min(w, bound)), element by element.

    The critic's value is then at most K times the Wasserstein-1 distance, never the distance itself: between N(0, 1)
    and N(1, 1), one apart, a 64-64 network gives 0.0017 at bound 0.01 and 121 at 0.5. A critic of the ratio of two
    densities (of gan, f_gan, and on a latent space jensen_shannon, kl, f_divergence) is all but flat at 0.01: it sees
    0.0006 of their Jensen-Shannon divergence of 0.1114, and at 0.1 all of it.

    Fields:
        bound: largest absolute value of a parameter, > 0; a knob.

    Source: M. Arjovsky, S. Chintala, L. Bottou, "Wasserstein GAN", 2017, arXiv:1701.07875, Algorithm 1, line 7.
    Differs: the authors' code clips before each step of the critic and so leaves the last one unclipped; we clip after
    each step, as in the Algorithm.
    """

    default_optimizer: ClassVar[Mapping[str, Any] | None] = {"name": "rmsprop", "lr": 5e-5}

    name: Literal["clip"] = "clip"
    bound: Annotated[float, Knob(), Field(gt=0, description="largest absolute value of a parameter")] = 0.01

    @property
    def bounds(self) -> Bounds:
        """The slope, by an unknown constant."""
        return Bounds.SLOPE

    def population_objective(self) -> PopulationObjective:
        """W1, with two reservations."""
        return PopulationObjective("wasserstein_1", bias=_BIAS)

    def best_critic(self) -> BestCritic:
        """Kantorovich's potential times an unknown constant."""
        return BestCritic(potential, up_to="a constant and a factor")

    def after_move(self, parameters: Parameters, parts: Mapping[str, torch.Tensor], knobs: Knobs) -> Parameters:
        """Every parameter clamped into [-bound, bound]; a value that is not a number stays one."""
        bound = knobs["bound"]
        return {name: torch.maximum(torch.minimum(w, bound), -bound) for name, w in parameters.items()}
