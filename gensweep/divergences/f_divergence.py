"""Any f-divergence, bounded by a critic."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field

from gensweep.divergences._latent_critic import RatioCritic
from gensweep.divergences.base import CriticLoss, Knobs, Nets, Noise, PopulationObjective

_EXPONENTIAL = ("kl", "reverse_kl", "jeffrey", "neyman", "squared_hellinger")  # of a critic's output
_LARGEST = 30.0  # Adam squares what an exponential gives, and e^60 is still a float32


class FDivergence(RatioCritic):
    """D_f(P || Q) = E_Q f(p / q) with P the law of y and Q of x, on a latent space D_f(p_z || q_Z), by its lower bound.

    F = E_y g(s) - E_x f*(g(s)), with s the critic, f* the conjugate of f and g increasing onto its domain. The critic
    ascends F, which is D_f at its optimum, and the model descends it. F is `divergence` in the log.

    Mind the order: f: kl is KL(p_z || q_Z), infinite where the codes leave a hole in the prior, and reverse_kl is
    KL(q_Z || p_z). Most of them are infinite for a deterministic encoder, whose codes may have no density: what is
    penalised is then what this critic resolves in its moves. Values of two f do not compare. `gan` is
    twice_jensen_shannon less log 4; divergence jensen_shannon also has the model's non-saturating loss.

    Fields:
        f: kl, reverse_kl, jeffrey (their sum), pearson, neyman, squared_hellinger, twice_jensen_shannon, gan or
            total_variation, as in family f_gan.
        hidden: widths of the critic's hidden layers, each >= 1.
        activation: the critic's non-linearity.
        lr_ratio: learning rate of the critic as a multiple of the model's, > 0.
        critic_moves: moves of the critic for each of the model, >= 1; an epoch counts the critic's batches.
        constraint: what holds the critic; F stays a lower bound. clip, sobolev and fisher are refused.

    Source: S. Nowozin, B. Cseke, R. Tomioka, "f-GAN", 2016, arXiv:1606.00709, equations 4 and 6, tables 1, 2 and 6.
    Differs: on the latent space; and 30 tanh(s / 30) stands for s where g or f* is an exponential (kl, reverse_kl, jeffrey,
    neyman, squared_hellinger), which overflows. Ratios beyond e^15 are then not told apart.
    """

    name: Literal["f_divergence"] = "f_divergence"
    f: Literal[
        "kl",
        "reverse_kl",
        "jeffrey",
        "pearson",
        "neyman",
        "squared_hellinger",
        "twice_jensen_shannon",
        "gan",
        "total_variation",
    ] = Field("reverse_kl", description="the divergence of the target from the model")

    def objective(self, target: torch.Tensor, model: torch.Tensor) -> CriticLoss:
        """-F."""
        bound = self._bound(target, model)
        return CriticLoss(-bound, {"bound": bound})

    def penalty(self, x: torch.Tensor, y: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> torch.Tensor:
        """F of x [n, d] and y [n, d], 0-d."""
        critic = nets["latent_critic"]
        return self._bound(critic(y), critic(x))

    def population_objective(self) -> PopulationObjective | None:
        """D_f, for a free critic."""
        if self.constraint.dump()["name"] != "none":
            return None
        return PopulationObjective("jensen_shannon" if self.f in ("gan", "twice_jensen_shannon") else self.f)

    def _bound(self, target: torch.Tensor, model: torch.Tensor) -> torch.Tensor:
        from gensweep.divergences._f_divergences import F_DIVERGENCES

        divergence = F_DIVERGENCES[self.f]
        if self.f in _EXPONENTIAL:
            target, model = (_LARGEST * torch.tanh(values / _LARGEST) for values in (target, model))
        return divergence.activation(target).mean() - divergence.composite(model).mean()
