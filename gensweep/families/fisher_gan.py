"""Fisher GAN: the integral probability metric of critics with a bounded second moment."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from gensweep.component import Knob
from gensweep.constraints.fisher import Fisher
from gensweep.families import wgan
from gensweep.families._adversarial import Adversarial
from gensweep.families.base import Family, Game, Setting
from gensweep.losses import PopulationObjective


class FisherGAN(Family):
    """A generator against a critic whose square has the mean 1 under data and samples in equal parts.

    d(P, Q) = sup { E_P f - E_Q f : E_(P+Q)/2 f^2 <= 1 }, and d^2 = int (p - q)^2 / ((p + q) / 2), a chi-squared distance
    that is at most 4. The critic minimises E_Q f - E_P f under the augmented Lagrangian of constraint fisher; the
    generator -E_Q f.

    `critic_gap`, `omega` = E f^2 and `multiplier` are logged, and `normalised_gap` = gap / sqrt(omega), the one number
    that trials with different rho have in common: it estimates d from below. wgan with constraint fisher is the same.

    Source: Y. Mroueh, T. Sercu, "Fisher GAN", 2017, arXiv:1705.09675, eq. 4, eq. 9 and Algorithm 1; the defaults are
    those with which the authors' code reproduces their images (Adam with rate 2e-4, two critic moves, rho 1e-6).
    Differs: the code's 100 critic moves at the start are `critic_warm_up` 100, which is off by default, because it reads
    batches beyond the epochs that a comparison gives every family; its weight decay (1e-6, and 1e-3 on the critic's last
    layer) is left out.
    """

    summary: ClassVar[str] = "generator against a critic of bounded second moment: a chi-squared metric"
    paper: ClassVar[str] = "Mroueh and Sercu 2017, arXiv:1705.09675"
    default_optimizer: ClassVar[dict[str, object]] = {"name": "adam", "lr": 2e-4, "betas": (0.5, 0.999)}

    name: Literal["fisher_gan"] = "fisher_gan"
    rho: Annotated[float, Knob(), Field(gt=0, description="weight of the square and step of the multiplier")] = 1e-6
    critic_moves: int = Field(2, ge=1, description="critic moves for each generator move")
    critic_warm_up: int = Field(0, ge=0, description="critic moves before the first generator move")
    critic_lr_ratio: float = Field(1.0, gt=0, description="critic learning rate as a multiple of the trial's")

    def population_objective(self) -> PopulationObjective:
        """The point where the game rests: its constraint moves with the model, and the generator does not feel that."""
        return Fisher(rho=self.rho).population_objective()

    def game(self, setting: Setting) -> Game:
        """See the class."""
        return Adversarial(
            critic_loss=lambda critic, real, fake, _knobs: wgan.critic_loss(critic(real), critic(fake)),
            generator_loss=lambda critic, _real, fake, _knobs: wgan.generator_loss(critic(fake)),
            constraint=Fisher(rho=self.rho),
            critic_moves=self.critic_moves,
            critic_warm_up=self.critic_warm_up,
            critic_lr_ratio=self.critic_lr_ratio,
            constraint_knobs=lambda knobs: knobs,
            best=Fisher(rho=self.rho).best_critic(),
        ).game(setting)
