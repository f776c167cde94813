"""Any f-divergence, bounded by a critic."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field, model_validator

from gensweep.constraints.base import Bounds
from gensweep.divergences._latent_critic import RatioCritic
from gensweep.losses import Knobs, Loss, Nets, Noise, PopulationObjective
from gensweep.mathematics.best_critics import BestCritic, of_f
from gensweep.mathematics.f_divergences import Name, f_divergence, objective_of, refuse_limits

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
        f: kl, reverse_kl, jeffrey (their sum), pearson, neyman, squared_hellinger, twice_jensen_shannon, gan,
            total_variation or alpha, as in family f_gan.
        alpha: of f: alpha; any number but 0 and 1, its limits reverse_kl and kl.
        hidden: widths of the critic's hidden layers, each >= 1.
        activation: the critic's non-linearity.
        lr_ratio: learning rate of the critic as a multiple of the model's, > 0.
        critic_moves: moves of the critic for each of the model, >= 1; an epoch counts the critic's batches.
        constraint: what holds the critic; F stays a lower bound. sobolev and fisher are refused, and clip is weak at its
            default.

    Source: S. Nowozin, B. Cseke, R. Tomioka, "f-GAN", 2016, arXiv:1606.00709, equations 4 and 6, tables 1, 2 and 6.
    Differs: on the latent space; and 30 tanh(s / 30) stands for s where g or f* is an exponential (kl, reverse_kl, jeffrey,
    neyman, squared_hellinger, alpha between 0 and 1), which overflows. Ratios beyond e^15 are then not told apart. Above
    1 alpha has a power, which may be a high one: the number for 30 is the s at which f* is e^30. Between 0 and 1 its g is
    that of family f_gan, which is not the paper's.
    """

    name: Literal["f_divergence"] = "f_divergence"
    f: Name = Field("reverse_kl", description="the divergence of the target from the model")
    alpha: float = Field(0.5, description="of f: alpha; any number but 0 and 1")

    @model_validator(mode="after")
    def _alpha_has_a_divergence(self) -> FDivergence:
        refuse_limits(self.alpha)
        return self

    def objective(self, target: torch.Tensor, model: torch.Tensor) -> Loss:
        """-F."""
        bound = self._bound(target, model)
        return Loss(-bound, {"bound": bound})

    def penalty(self, x: torch.Tensor, y: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> torch.Tensor:
        """F of x [n, d] and y [n, d], 0-d."""
        critic = nets["latent_critic"]
        return self._bound(critic(y), critic(x))

    def scaled(self, outputs: torch.Tensor) -> torch.Tensor:
        """T = g(s)."""
        return f_divergence(self.f, self.alpha).activation(self._bent(outputs))

    def free_critic(self) -> BestCritic:
        """T = f'(p_y / p_x)."""
        return of_f(f_divergence(self.f, self.alpha))

    def population_objective(self) -> PopulationObjective | None:
        """D_f, for a free critic."""
        return objective_of(self.f, self.alpha) if self.constraint.bounds is Bounds.NOTHING else None

    def _bound(self, target: torch.Tensor, model: torch.Tensor) -> torch.Tensor:
        divergence = f_divergence(self.f, self.alpha)
        return divergence.activation(self._bent(target)).mean() - divergence.composite(self._bent(model)).mean()

    def _bent(self, outputs: torch.Tensor) -> torch.Tensor:
        largest = self._largest_output()
        return outputs if largest is None else largest * torch.tanh(outputs / largest)

    def _largest_output(self) -> float | None:
        """What the critic's outputs are bent to stay below, so that nothing overflows; None where nothing does."""
        if self.f == "alpha" and self.alpha > 1:  # ((alpha - 1) s + 1)^(alpha / (alpha - 1)) = e^30
            return math.expm1(_LARGEST * (self.alpha - 1) / self.alpha) / (self.alpha - 1)
        is_exponential = self.f in _EXPONENTIAL or (self.f == "alpha" and self.alpha > 0)
        return _LARGEST if is_exponential else None
