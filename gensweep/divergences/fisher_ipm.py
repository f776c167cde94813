"""The Fisher metric: a critic of bounded second moment."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field

from gensweep.component import Knob
from gensweep.constraints.fisher import Fisher
from gensweep.divergences._latent_critic import LatentCritic, gap, gap_objective
from gensweep.losses import Knobs, Loss, Nets, Noise, PopulationObjective


class FisherIPM(LatentCritic):
    """d(P, Q) = sup { E_P s - E_Q s : E_(P+Q)/2 s^2 <= 1 }, between the laws of y and x, by a critic.

    d^2 = int (p - q)^2 / ((p + q) / 2), a chi-squared distance, so d is at most 2, even of laws without densities. The
    critic ascends the gap under the augmented Lagrangian of constraint fisher, the model descends it. `omega` = E s^2,
    `multiplier` and `normalised_gap` = gap / sqrt(omega) are logged; the last estimates d from below and is what trials
    with different rho have in common.

    Fields:
        rho: weight of the square and step of the multiplier, > 0; a knob. Too small a one lets the gap drift away.
        hidden: widths of the critic's hidden layers, each >= 1.
        activation: the critic's non-linearity.
        lr_ratio: learning rate of the critic as a multiple of the model's, > 0.
        critic_moves: moves of the critic for each of the model, >= 1; an epoch counts the critic's batches.

    Source: Y. Mroueh, T. Sercu, "Fisher GAN", 2017, arXiv:1705.09675, eq. 4, eq. 9 and Algorithm 1.
    Differs: on the latent space, with rho 1e-2, where the authors' code has 1e-6 for images; one move of the critic a
    round by default.
    """

    name: Literal["fisher_ipm"] = "fisher_ipm"
    rho: Annotated[float, Knob(), Field(gt=0, description="weight of the square and step of the multiplier")] = 1e-2

    @property
    def held(self) -> Fisher:
        """The constraint of this field."""
        return Fisher(rho=self.rho)

    def objective(self, target: torch.Tensor, model: torch.Tensor) -> Loss:
        """Less the gap."""
        return gap_objective(target, model)

    def penalty(self, x: torch.Tensor, y: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> torch.Tensor:
        """The gap on x [n, d] and y [n, d], 0-d."""
        return gap(nets["latent_critic"](y), nets["latent_critic"](x))

    def population_objective(self) -> PopulationObjective:
        """The point where the game rests, which is not the smallest d."""
        return self.held.population_objective()
