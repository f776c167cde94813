"""The Kullback-Leibler divergence from the target, through a critic of the ratio of densities."""

from __future__ import annotations

from typing import Literal

import torch

from gensweep.constraints.base import Bounds
from gensweep.divergences._latent_critic import RatioCritic, logistic_loss
from gensweep.losses import Knobs, Loss, Nets, Noise, PopulationObjective
from gensweep.mathematics.best_critics import RATIO, BestCritic


class KL(RatioCritic):
    """KL(law of x || law of y), on a latent space KL(q_Z || p_z), learned by telling codes from draws of the prior.

    The critic s minimises E_y softplus(-s(y)) + E_x softplus(s(x)), whose optimum is s* = log(p_y / p_x). The model
    minimises -E_x s(x), which is E_x log(p_x / p_y) at s*. Its gradient with s held is then that of the divergence.

    There is no penalty without a critic. q_Z is known by its samples alone, and with a deterministic encoder it may
    have no density: codes of n items are n points, and a decoder of fewer dimensions than the code leaves a surface. KL
    is then infinite, and so is s*. What is penalised is the ratio as far as this critic resolves it in the moves that it
    has, a plug-in estimate and no bound on either side: `divergence` in the log may be below zero.
    vae has the other KL, of each item's own Gaussian, which is in closed form.

    Fields:
        hidden: widths of the critic's hidden layers, each >= 1.
        activation: the critic's non-linearity.
        lr_ratio: learning rate of the critic as a multiple of the model's, > 0.
        critic_moves: moves of the critic for each of the model, >= 1; an epoch counts the critic's batches.
        constraint: what holds the critic; a bounded slope also bounds the ratio that it can see. sobolev and fisher are
            refused, and clip is weak at its default.

    Source: M. Sugiyama, T. Suzuki, T. Kanamori, "Density Ratio Estimation in Machine Learning", 2012, chapter 4
    (classification); L. Mescheder, S. Nowozin, A. Geiger, "Adversarial Variational Bayes", 2017, arXiv:1701.04722,
    propositions 1 and 2 (the critic inside a loss, and why its own gradient in the codes' law vanishes).
    Differs: they take the ratio of each item's posterior; here it is that of the codes of all items together.
    """

    name: Literal["kl"] = "kl"

    def objective(self, target: torch.Tensor, model: torch.Tensor) -> Loss:
        """The logistic loss."""
        return Loss(logistic_loss(target, model), {})

    def penalty(self, x: torch.Tensor, y: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> torch.Tensor:
        """-E_x s(x), the mean logarithm of p_x / p_y on x [n, d], 0-d; y is not used."""
        return -nets["latent_critic"](x).mean()

    def free_critic(self) -> BestCritic:
        """log(p_y / p_x)."""
        return RATIO

    def population_objective(self) -> PopulationObjective | None:
        """KL of the model from the target, for a free critic."""
        return PopulationObjective("reverse_kl") if self.constraint.bounds is Bounds.NOTHING else None
