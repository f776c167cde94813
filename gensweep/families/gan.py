"""Generative adversarial networks, with either of the generator losses of the original paper."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field

from gensweep.component import Member
from gensweep.constraints.base import Constraint
from gensweep.constraints.none import NONE
from gensweep.families._adversarial import Adversarial
from gensweep.families.base import Family, Game, Loss, Setting


class GAN(Family):
    """A generator against a discriminator that tells its samples from data.

    With s the discriminator's logit and sp(t) = log(1 + e^t), the discriminator minimises
    E_P sp(-s) + E_Q sp(s), and the generator minimises
      minimax:         -E_Q sp(s), whose optimum at the optimal discriminator is the Jensen-Shannon fit;
      non_saturating:   E_Q sp(-s), which the authors' code uses; its gradient there is that of 2 KL((p + q)/2 || p).
    `jensen_shannon` in the log is (log 4 - loss) / 2, a lower bound in [0, log 2]; never rank models by it.

    Source: Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661, equation 1 and section 3;
    defaults of the optimiser from Radford et al., 2015, arXiv:1511.06434, section 4.
    """

    summary: ClassVar[str] = "generator against a discriminator; minimax or non-saturating"
    paper: ClassVar[str] = "Goodfellow et al. 2014, arXiv:1406.2661"
    default_optimizer: ClassVar[dict[str, object]] = {"name": "adam", "lr": 2e-4, "betas": (0.5, 0.999)}

    name: Literal["gan"] = "gan"
    loss: Literal["non_saturating", "minimax"] = Field("non_saturating", description="the generator's loss")
    constraint: Annotated[Constraint, Member("constraints")] = NONE()
    critic_moves: int = Field(1, ge=1, description="discriminator moves for each generator move")
    critic_lr_ratio: float = Field(1.0, gt=0, description="discriminator learning rate as a multiple of the trial's")

    def game(self, setting: Setting) -> Game:
        """See the class."""
        return Adversarial(
            critic_loss=discriminator_loss,
            generator_loss=minimax if self.loss == "minimax" else non_saturating,
            constraint=self.constraint,
            critic_moves=self.critic_moves,
            critic_lr_ratio=self.critic_lr_ratio,
        ).game(setting)


def discriminator_loss(real: torch.Tensor, fake: torch.Tensor) -> Loss:
    """The discriminator's cross-entropy from logits [n, 1] on data and on samples, in nats."""
    softplus = torch.nn.functional.softplus
    total = softplus(-real).mean() + softplus(fake).mean()
    return Loss(total, {"jensen_shannon": (math.log(4) - total) / 2})


def minimax(fake: torch.Tensor) -> torch.Tensor:
    """E_Q log(1 - D), from logits [n, 1]."""
    return -torch.nn.functional.softplus(fake).mean()


def non_saturating(fake: torch.Tensor) -> torch.Tensor:
    """-E_Q log D, from logits [n, 1]."""
    return torch.nn.functional.softplus(-fake).mean()
