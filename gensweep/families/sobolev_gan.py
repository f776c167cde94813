"""Sobolev GAN: the integral probability metric of critics with a bounded mean squared slope."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from gensweep.component import Knob
from gensweep.constraints.sobolev import Sobolev
from gensweep.families import wgan
from gensweep.families._adversarial import Adversarial
from gensweep.families.base import Family, Game, Setting
from gensweep.losses import PopulationObjective


class SobolevGAN(Family):
    """A generator against a critic whose squared slope has the mean 1 under a dominant measure mu.

    S_mu(P, Q) = sup { E_P f - E_Q f : E_mu ||grad f||^2 <= 1 }; in one dimension S^2 = int (F_P - F_Q)^2 / mu.
    The critic minimises E_Q f - E_P f under the augmented Lagrangian of constraint sobolev; the generator -E_Q f.

    `critic_gap` E_P f - E_Q f, `omega` = E_mu ||grad f||^2 and `multiplier` are logged, and `normalised_gap` =
    gap / sqrt(omega), the one number that trials with different rho have in common: it estimates S from below.
    mu is (P + Q) / 2 or the gradient penalty's interpolates. Both depend on the generator, which ignores that, so
    that training does not end at the smallest S: on a mixture of two Gaussians fitted by one it ends at mean 1.0215 and
    deviation 1.7566, and the smallest S_mu is at 0.9772 and 1.7903. wgan with constraint sobolev is the same game.

    Source: Y. Mroueh, C.-L. Li, T. Sercu, A. Raj, Y. Cheng, "Sobolev GAN", 2018, arXiv:1711.04894, section 5 and
    Algorithm 1, with rho and the rate of its text generation.
    Differs: rho 1e-5 goes with images and text. In low dimensions take 1e-2, or the constraint does not hold.
    """

    summary: ClassVar[str] = "generator against a critic of bounded mean squared slope: a Sobolev metric"
    paper: ClassVar[str] = "Mroueh et al. 2018, arXiv:1711.04894"
    default_optimizer: ClassVar[dict[str, object]] = {"name": "adam", "lr": 1e-4, "betas": (0.5, 0.999)}

    name: Literal["sobolev_gan"] = "sobolev_gan"
    measure: Literal["mixture", "interpolates"] = Field("mixture", description="the dominant measure mu")
    rho: Annotated[float, Knob(), Field(gt=0, description="weight of the square and step of the multiplier")] = 1e-5
    critic_moves: int = Field(5, ge=1, description="critic moves for each generator move")
    critic_lr_ratio: float = Field(1.0, gt=0, description="critic learning rate as a multiple of the trial's")

    def population_objective(self) -> PopulationObjective | None:
        """The point where the game rests, which is not the smallest S_mu: see the class."""
        return self._held.population_objective()

    @property
    def _held(self) -> Sobolev:
        return Sobolev(measure=self.measure, rho=self.rho)

    def game(self, setting: Setting) -> Game:
        """See the class."""
        return Adversarial(
            critic_loss=lambda critic, real, fake, _knobs: wgan.critic_loss(critic(real), critic(fake)),
            generator_loss=lambda critic, _real, fake, _knobs: wgan.generator_loss(critic(fake)),
            constraint=self._held,
            critic_moves=self.critic_moves,
            critic_lr_ratio=self.critic_lr_ratio,
            constraint_knobs=lambda knobs: knobs,
            best=self._held.best_critic(),
        ).game(setting)
