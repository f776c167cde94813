"""The Jensen-Shannon divergence, through a critic."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field

from gensweep.divergences._latent_critic import RatioCritic, logistic_loss
from gensweep.losses import Knobs, Loss, Nets, Noise
from gensweep.mathematics.best_critics import DISCRIMINATOR, BestCritic


class JensenShannon(RatioCritic):
    """The Jensen-Shannon divergence between two samples, learned by a critic of points: the penalty of WAE-GAN.

    The critic s minimises L = E_y softplus(-s(y)) + E_x softplus(s(x)): target points y are real, the model's x fake.
    (log 4 - L) / 2 is a lower bound of the divergence, tight at s* = log(p_y / p_x); of a trained critic on its own
    batch it can exceed it. The model minimises

    non_saturating: E_x softplus(-s(x)),   minimax: -E_x softplus(s(x)).

    Fields:
        loss: which of the two. The first keeps a gradient where the critic is sure.
        hidden: widths of the critic's hidden layers, each >= 1.
        activation: the critic's non-linearity.
        lr_ratio: learning rate of the critic as a multiple of the model's, > 0.
        critic_moves: moves of the critic for each of the model, >= 1; an epoch counts the critic's batches.
        constraint: what holds the critic; none is the paper's. One that bounds it makes the bound looser. sobolev and
            fisher are refused, and clip is weak at its default.

    Source: I. Tolstikhin, O. Bousquet, S. Gelly, B. Schoelkopf, "Wasserstein Auto-Encoders", 2018, arXiv:1711.01558,
    Algorithm 1, with the loss and the ratio 5e-4 / 1e-3 of the authors' code; A. Makhzani et al., "Adversarial
    Autoencoders", 2016, arXiv:1511.05644; I. Goodfellow et al., "Generative Adversarial Networks", 2014,
    arXiv:1406.2661, eq. 1.
    """

    name: Literal["jensen_shannon"] = "jensen_shannon"
    loss: Literal["non_saturating", "minimax"] = Field("non_saturating", description="what the model minimises")
    lr_ratio: float = Field(0.5, gt=0, description="the critic's learning rate as a multiple of the model's")

    def objective(self, target: torch.Tensor, model: torch.Tensor) -> Loss:
        """E_y softplus(-s(y)) + E_x softplus(s(x)), log 4 for a critic that knows nothing, and the bound."""
        loss = logistic_loss(target, model)
        return Loss(loss, {"jensen_shannon": (math.log(4) - loss) / 2})

    def penalty(self, x: torch.Tensor, y: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> torch.Tensor:
        """What the model minimises on its sample x [n, d], 0-d; y is not used."""
        softplus, logits = torch.nn.functional.softplus, nets["latent_critic"](x)
        return softplus(-logits).mean() if self.loss == "non_saturating" else -softplus(logits).mean()

    def scaled(self, outputs: torch.Tensor) -> torch.Tensor:
        """D = 1 / (1 + e^-s)."""
        return outputs.sigmoid()

    def free_critic(self) -> BestCritic:
        """D = p_y / (p_y + p_x)."""
        return DISCRIMINATOR
