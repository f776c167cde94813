"""Wasserstein GAN: the critic approximates the dual of the Wasserstein-1 distance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field

from gensweep import registry
from gensweep.component import Member
from gensweep.constraints.base import Constraint
from gensweep.constraints.clip import Clip
from gensweep.errors import ConfigError
from gensweep.families._adversarial import Adversarial, misfit_of
from gensweep.families.base import Family, Game, Setting
from gensweep.losses import Loss, PopulationObjective


class WGAN(Family):
    """A generator against a critic of bounded slope.

    W1(P, Q) = sup { E_P f - E_Q f : f is 1-Lipschitz }. The critic minimises E_Q f - E_P f, the generator -E_Q f.
    Under weight clipping the slope is bounded by an unknown constant K, so the logged `critic_gap` E_P f - E_Q f is
    about K W1: comparable within a trial, not between trials, and never called a Wasserstein distance.

    The constraint makes the variant, and the default optimiser goes with it:
      clip: the paper's, RMSProp with rate 5e-5;
      gradient_penalty: WGAN-GP, Adam with rate 1e-4 and betas (0.5, 0.9), as in its authors' code for images;
      lipschitz_penalty: WGAN-LP, with WGAN-GP's Adam;
      spectral_norm: the same, which with 5 critic moves is setting A of its paper; its settings B and C have 1 move, betas
        (0.5, 0.999) and rates of 1e-4 and 2e-4;
      sobolev, fisher: the games of sobolev_gan and fisher_gan, with their Adam.
    Without any there is no finite supremum, so none is refused.

    Source: Arjovsky, Chintala and Bottou, Wasserstein GAN, 2017, arXiv:1701.07875, Algorithm 1 and its defaults;
    I. Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, arXiv:1704.00028, Algorithm 1, and its code; T. Miyato
    et al., "Spectral Normalization for Generative Adversarial Networks", 2018, arXiv:1802.05957, table 1.
    Differs: the authors' code gives the critic 100 moves in each of the first 25 rounds and in every 500th; Algorithm 1
    does not. `critic_warm_up` 2500 is about what the first 25 rounds are. It is off by default, because it reads batches
    beyond the epochs that a comparison gives every family. An epoch counts the critic's batches, so the generator moves
    once in `critic_moves` of them.
    """

    summary: ClassVar[str] = "generator against a critic of bounded slope: the dual of Wasserstein-1"
    paper: ClassVar[str] = "Arjovsky et al. 2017, arXiv:1701.07875"
    default_optimizer: ClassVar[Mapping[str, Any]] = {"name": "rmsprop", "lr": 5e-5}

    name: Literal["wgan"] = "wgan"
    constraint: Annotated[Constraint, Member("constraints")] = Clip()
    critic_moves: int = Field(5, ge=1, description="critic moves for each generator move")
    critic_warm_up: int = Field(0, ge=0, description="critic moves before the first generator move")
    critic_lr_ratio: float = Field(1.0, gt=0, description="critic learning rate as a multiple of the trial's")

    @classmethod
    def optimizer_for(cls, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """That of the constraint: see the class."""
        given = node.get("constraint")
        name = given.get("name") if isinstance(given, Mapping) else given
        try:
            constraint = registry.load("constraints", str(name))
        except ConfigError:
            return cls.default_optimizer  # without one it is the paper's; what is no constraint is said where it stands
        own = constraint.default_optimizer if issubclass(constraint, Constraint) else None
        return own or cls.default_optimizer

    def misfit(self, shape: tuple[int, ...], bounds: tuple[float, float] | None) -> str | None:
        """The supremum needs a constraint."""
        return misfit_of(self.constraint, needs_bound=True, allows_equality=True)

    def population_objective(self) -> PopulationObjective | None:
        """That of its constraint: W1 for a slope of 1, or the point where the game of one that moves with the model rests."""
        return self.constraint.population_objective()

    def game(self, setting: Setting) -> Game:
        """See the class."""
        return Adversarial(
            critic_loss=lambda critic, real, fake, _knobs: critic_loss(critic(real), critic(fake)),
            generator_loss=lambda critic, _real, fake, _knobs: generator_loss(critic(fake)),
            constraint=self.constraint,
            critic_moves=self.critic_moves,
            critic_warm_up=self.critic_warm_up,
            critic_lr_ratio=self.critic_lr_ratio,
            best=self.constraint.best_critic(),
        ).game(setting)


def critic_loss(real: torch.Tensor, fake: torch.Tensor) -> Loss:
    """E_Q f - E_P f from the critic's values [n, 1] on data and on samples."""
    gap = real.mean() - fake.mean()
    return Loss(-gap, {"critic_gap": gap})


def generator_loss(fake: torch.Tensor) -> torch.Tensor:
    """-E_Q f from the critic's values [n, 1] on samples."""
    return -fake.mean()
