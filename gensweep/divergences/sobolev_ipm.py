"""The Sobolev metric: a critic of bounded mean squared slope."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field

from gensweep.component import Knob
from gensweep.constraints.sobolev import Sobolev
from gensweep.divergences._latent_critic import LatentCritic, gap, gap_objective
from gensweep.losses import Knobs, Loss, Nets, Noise, PopulationObjective


class SobolevIPM(LatentCritic):
    """S_mu(P, Q) = sup { E_P s - E_Q s : E_mu ||grad s||^2 <= 1 }, between the laws of y and x, by a critic.

    In one dimension S^2 = int (F_P - F_Q)^2 / mu. The critic ascends the gap under the augmented Lagrangian of
    constraint sobolev, the model descends it. `omega` = E_mu ||grad s||^2, `multiplier` and `normalised_gap` =
    gap / sqrt(omega) are logged; the last estimates S from below and is what trials with different rho have in common.
    mu moves with the model, which ignores that: training does not end at the smallest S_mu.

    Fields:
        measure: mu, mixture (P + Q) / 2 or interpolates, as in the constraint.
        rho: weight of the square and step of the multiplier, > 0; a knob. Too small a one lets the gap drift away.
        hidden: widths of the critic's hidden layers, each >= 1.
        activation: the critic's non-linearity.
        lr_ratio: learning rate of the critic as a multiple of the model's, > 0.
        critic_moves: moves of the critic for each of the model, >= 1; an epoch counts the critic's batches.

    Source: Y. Mroueh, C.-L. Li, T. Sercu, A. Raj, Y. Cheng, "Sobolev GAN", 2018, arXiv:1711.04894, section 5 and
    Algorithm 1.
    Differs: on the latent space, where slopes are near 1, so rho is 1e-2 and not the 1e-5 of images; one move of the
    critic a round by default.
    """

    name: Literal["sobolev_ipm"] = "sobolev_ipm"
    measure: Literal["mixture", "interpolates"] = Field("mixture", description="the dominant measure mu")
    rho: Annotated[float, Knob(), Field(gt=0, description="weight of the square and step of the multiplier")] = 1e-2

    @property
    def held(self) -> Sobolev:
        """The constraint of these fields."""
        return Sobolev(measure=self.measure, rho=self.rho)

    def objective(self, target: torch.Tensor, model: torch.Tensor) -> Loss:
        """Less the gap."""
        return gap_objective(target, model)

    def penalty(self, x: torch.Tensor, y: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> torch.Tensor:
        """The gap on x [n, d] and y [n, d], 0-d."""
        return gap(nets["latent_critic"](y), nets["latent_critic"](x))

    def population_objective(self) -> PopulationObjective | None:
        """The point where the game rests, which is not the smallest S_mu."""
        return self.held.population_objective()
