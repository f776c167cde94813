"""Cramer GAN: the energy distance of learned features."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field

from gensweep.component import Member
from gensweep.constraints.base import Constraint
from gensweep.constraints.gradient_penalty import GradientPenalty
from gensweep.divergences._kernels import mean_of_pairs, mmd_squared_unbiased, negative_distance, squared_distances
from gensweep.families._adversarial import Adversarial, Critic, misfit_of
from gensweep.families.base import Family, Game, Setting
from gensweep.losses import Knobs, Loss


class CramerGAN(Family):
    """A generator that minimises the energy distance of features h, against a critic that learns them.

    With x, x' from the data P and y, y' from the model Q, the generator minimises
    E = 2 E ||h(x) - h(y)|| - E ||h(x) - h(x')|| - E ||h(y) - h(y')||, the square of the multivariate Cramer distance.
    The critic ascends the gap E_P f - E_Q f of f(x) = E_y ||h(x) - h(y)|| - ||h(x)||, and the constraint holds f.
    `critic_gap` is that gap. Means run over all pairs of a batch, each unbiased.

    Source: M. Bellemare et al., "The Cramer Distance as a Solution to Biased Wasserstein Gradients", 2017,
    arXiv:1705.10743, Algorithm 1, with the gradient penalty, rates and features of WGAN-GP's image experiments.
    Differs: Algorithm 1 has one second sample y' for each item; all pairs of the batch give the same expectations with
    less noise. The interpolates of the penalty then mix with samples that are also among the y. The term in x, x' does
    not move the generator and makes its loss a distance.
    """

    summary: ClassVar[str] = "generator against learned features: their energy distance"
    paper: ClassVar[str] = "Bellemare et al. 2017, arXiv:1705.10743"
    default_optimizer: ClassVar[dict[str, object]] = {"name": "adam", "lr": 1e-4, "betas": (0.5, 0.9)}

    name: Literal["cramer_gan"] = "cramer_gan"
    feature_size: int = Field(256, ge=1, description="dimensions of h")
    constraint: Annotated[Constraint, Member("constraints")] = GradientPenalty()
    critic_moves: int = Field(5, ge=1, description="critic moves for each generator move")
    critic_lr_ratio: float = Field(1.0, gt=0, description="critic learning rate as a multiple of the trial's")

    def misfit(self, shape: tuple[int, ...], bounds: tuple[float, float] | None) -> str | None:
        """Features could grow without end."""
        return misfit_of(self.constraint, needs_bound=True, allows_equality=False)

    def game(self, setting: Setting) -> Game:
        """See the class."""
        return Adversarial(
            critic_loss=lambda h, real, fake, _knobs: critic_loss(h(real), h(fake)),
            generator_loss=lambda h, real, fake, _knobs: energy_distance(h(fake), h(real)),
            constraint=self.constraint,
            critic_moves=self.critic_moves,
            critic_lr_ratio=self.critic_lr_ratio,
            critic_outputs=self.feature_size,
            witness=witness,
        ).game(setting)


def critic_loss(real: torch.Tensor, fake: torch.Tensor) -> Loss:
    """E_Q f - E_P f from features [n, k] of data and of samples."""
    across = -negative_distance(squared_distances(real, fake)).mean()
    within = -mean_of_pairs(negative_distance, fake)
    gap = across - _lengths(real).mean() - within + _lengths(fake).mean()
    return Loss(-gap, {"critic_gap": gap})


def energy_distance(fake: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """2 E ||x - y|| - E ||x - x'|| - E ||y - y'|| from features [n, k], 0-d."""
    return mmd_squared_unbiased(fake, real, negative_distance)


def witness(h: Critic, _real: torch.Tensor, fake: torch.Tensor, _knobs: Knobs) -> Critic:
    """f(x) = E_y ||h(x) - h(y)|| - ||h(x)|| over the batch of samples y, as a critic [n, *shape] -> [n, 1]."""
    others = h(fake)

    def f(x: torch.Tensor) -> torch.Tensor:
        features = h(x)
        values = -negative_distance(squared_distances(features, others)).mean(-1) - _lengths(features)
        return values[:, None]

    return f


def _lengths(features: torch.Tensor) -> torch.Tensor:
    """||h_i|| of features [n, k], [n]."""
    return features.square().sum(-1).clamp(min=1e-12).sqrt()  # the slope of the root is infinite at 0
