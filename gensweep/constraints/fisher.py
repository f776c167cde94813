"""The critic's second moment held at 1, by an augmented Lagrangian."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field

from gensweep.component import Knob
from gensweep.constraints._augmented_lagrangian import Multiplier, ascend, lagrangian
from gensweep.constraints.base import Bounds, Constraint
from gensweep.losses import Knobs, Loss, Nets, Noise, Parameters, PopulationObjective
from gensweep.mathematics.best_critics import BestCritic, fisher


class Fisher(Constraint):
    """Holds Omega = E f^2 at 1 under the mixture (P + Q) / 2.

    The critic adds lambda (Omega - 1) + rho / 2 (Omega - 1)^2 to its loss, and after each of its moves
    lambda <- lambda + rho (Omega - 1), from lambda = 0. No gradient in x is needed.

    `omega` and `multiplier` are logged. Compare trials by gap / sqrt(Omega), which is right even while Omega is not 1.

    Fields:
        rho: weight of the square and step of the multiplier, > 0; a knob.

    Source: Y. Mroueh, T. Sercu, "Fisher GAN", 2017, arXiv:1705.09675, eq. 9 and Algorithm 1; rho of the authors' code.
    """

    default_optimizer: ClassVar[Mapping[str, Any] | None] = {"name": "adam", "lr": 2e-4, "betas": (0.5, 0.999)}

    name: Literal["fisher"] = "fisher"
    rho: Annotated[float, Knob(), Field(gt=0, description="weight of the square and step of the multiplier")] = 1e-6

    @property
    def bounds(self) -> Bounds:
        """The norm Omega."""
        return Bounds.NORM

    def population_objective(self) -> PopulationObjective:
        """The point where the game rests, which is not the smallest distance: the constraint moves with the model."""
        return PopulationObjective("fisher_fixed_point")

    def best_critic(self) -> BestCritic:
        """That of the Fisher metric."""
        return BestCritic(fisher)

    def state(self) -> dict[str, torch.nn.Module]:
        """The multiplier."""
        return {"multiplier": Multiplier()}

    def penalty(self, real: torch.Tensor, fake: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> Loss:
        """The Lagrangian's terms."""
        critic = nets["critic"]
        omega = (critic(real).square().mean() + critic(fake).square().mean()) / 2
        return lagrangian(omega, nets["multiplier"](), knobs["rho"])

    def after_move(self, parameters: Parameters, parts: Mapping[str, torch.Tensor], knobs: Knobs) -> Parameters:
        """The multiplier's step."""
        return ascend(parameters, parts, knobs["rho"])
