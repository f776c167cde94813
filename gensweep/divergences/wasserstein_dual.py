"""The Wasserstein-1 distance by its dual: a critic of bounded slope."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import model_validator

from gensweep.component import Member
from gensweep.constraints.base import Bounds, Constraint
from gensweep.constraints.lipschitz_penalty import LipschitzPenalty
from gensweep.divergences._latent_critic import LatentCritic, gap, gap_objective, own_divergence
from gensweep.losses import Knobs, Loss, Nets, Noise, PopulationObjective


class WassersteinDual(LatentCritic):
    """W1(P, Q) = sup { E_P s - E_Q s : s is 1-Lipschitz }, between the laws of y and x, by a critic that a constraint holds.

    The critic ascends the gap E_y s - E_x s, the model descends it. The gap is W1 as far as the constraint makes the
    slope 1: a soft penalty of weight w leaves 1 + delta / (2 w) between laws a shift delta apart; clip leaves an unknown
    constant. It is finite for any two samples, with a density or without.

    Fields:
        constraint: clip, gradient_penalty, lipschitz_penalty (the default: one-sided, and so without a barrier at
            slope 0) or spectral_norm. Without any the gap has no upper bound, so none is refused; sobolev and fisher
            make other distances, which have their own names.
        hidden: widths of the critic's hidden layers, each >= 1.
        activation: the critic's non-linearity.
        lr_ratio: learning rate of the critic as a multiple of the model's, > 0.
        critic_moves: moves of the critic for each of the model, >= 1; an epoch counts the critic's batches. Where that
            is too dear, a larger lr_ratio stands for more moves.

    Source: M. Arjovsky, S. Chintala, L. Bottou, "Wasserstein GAN", 2017, arXiv:1701.07875, eq. 2; the penalty: H. Petzka,
    A. Fischer, D. Lukovnikov, "On the regularization of Wasserstein GANs", 2018, arXiv:1709.08894, eq. 8.
    Differs: on the latent space; the critic makes one move a round by default, where WGAN's makes five.
    """

    name: Literal["wasserstein_dual"] = "wasserstein_dual"
    constraint: Annotated[Constraint, Member("constraints")] = LipschitzPenalty()

    @property
    def held(self) -> Constraint:
        """The field `constraint`."""
        return self.constraint

    @model_validator(mode="after")
    def _the_slope_is_bounded(self) -> WassersteinDual:
        if reason := self.constraint.unbounded():
            raise ValueError(reason)
        if self.constraint.bounds is Bounds.NORM:
            raise ValueError(
                f"constraint {self.constraint.name} bounds no slope: its gap is another distance than Wasserstein's. "
                f"Give {', or '.join(['constraint: lipschitz_penalty', *own_divergence(self.constraint)])}"
            )
        return self

    def objective(self, target: torch.Tensor, model: torch.Tensor) -> Loss:
        """Less the gap."""
        return gap_objective(target, model)

    def penalty(self, x: torch.Tensor, y: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> torch.Tensor:
        """The gap on x [n, d] and y [n, d], 0-d."""
        return gap(nets["latent_critic"](y), nets["latent_critic"](x))

    def population_objective(self) -> PopulationObjective | None:
        """That of its constraint: W1, where it is for a slope of 1."""
        return self.constraint.population_objective()
