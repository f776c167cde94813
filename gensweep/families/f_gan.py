"""f-GAN: a generator that minimises the variational form of an f-divergence."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, model_validator

from gensweep.component import Member
from gensweep.constraints.base import Bounds, Constraint
from gensweep.constraints.none import NONE
from gensweep.families._adversarial import Adversarial, misfit_of
from gensweep.families.base import Family, Game, Limit, Setting
from gensweep.losses import Loss, PopulationObjective
from gensweep.mathematics.best_critics import of_f
from gensweep.mathematics.f_divergences import FDivergence, Name, f_divergence, objective_of, refuse_limits


class FGAN(Family):
    """A generator against a critic that bounds an f-divergence D_f(P || Q) = E_Q f(p / q) from below.

    F = E_P g(V) - E_Q f*(g(V)), with V the critic's free output, f* the conjugate of f and g increasing onto its domain.
    The critic ascends F; at its optimum F = D_f. The generator minimises
      descend: -E_Q f*(g(V)), which is F's own gradient, so that the fit is the divergence's;
      ascend:  -E_Q g(V), which is larger where the critic is sure, and has other fixed points.

    `f` names D_f, with data P and model Q: kl (KL(P || Q)), reverse_kl (KL(Q || P)), jeffrey (their sum), pearson
    (E_Q (p/q - 1)^2), neyman (E_P (q/p - 1)^2), squared_hellinger (int (sqrt p - sqrt q)^2), twice_jensen_shannon,
    gan (the same less log 4), total_variation (half the L1 distance), alpha (with the field `alpha`: KL as it goes to 1).
    `bound` in the log is F: of a critic that is not optimal it lies below D_f, and values of two `f` do not compare.
    Where Q misses mass of P, kl, jeffrey, pearson and alpha above 1 are infinite, and pearson between Gaussians needs
    2 Var Q > Var P: start the generator wide. neyman needs the opposite. A critic of an infinite divergence climbs as far
    as its network and the batches let it: a bound beyond 1e5 ends the trial as diverged, below that the fit may be off.

    Source: S. Nowozin, B. Cseke, R. Tomioka, "f-GAN", 2016, arXiv:1606.00709, equations 4 and 6, tables 1, 2 and 6, and
    section 3.2 (the generator that ascends); Adam with rate 2e-4 and beta_1 0.5 as for its images.
    Differs: the moves alternate; Algorithm 1 makes both from one gradient. For alpha between 0 and 1, V is log p / q at
    the optimum, so that a critic starts near p = q; the paper's starts at a ratio of e^67 where alpha is 0.95.
    """

    summary: ClassVar[str] = "generator against a critic that bounds any f-divergence: KL, reverse KL, chi-squared, …"
    paper: ClassVar[str] = "Nowozin et al. 2016, arXiv:1606.00709"
    default_optimizer: ClassVar[dict[str, object]] = {"name": "adam", "lr": 2e-4, "betas": (0.5, 0.999)}

    name: Literal["f_gan"] = "f_gan"
    f: Name = Field("twice_jensen_shannon", description="the divergence")
    alpha: float = Field(0.5, description="of f: alpha; any number but 0 and 1")
    generator: Literal["descend", "ascend"] = Field("descend", description="the generator's loss")
    constraint: Annotated[Constraint, Member("constraints")] = NONE()
    critic_moves: int = Field(1, ge=1, description="critic moves for each generator move")
    critic_lr_ratio: float = Field(1.0, gt=0, description="critic learning rate as a multiple of the trial's")

    @model_validator(mode="after")
    def _alpha_has_a_divergence(self) -> FGAN:
        refuse_limits(self.alpha)
        return self

    def misfit(self, shape: tuple[int, ...], bounds: tuple[float, float] | None) -> str | None:
        """The best critic of a good fit is flat."""
        return misfit_of(self.constraint, needs_bound=False, allows_equality=False)

    def population_objective(self) -> PopulationObjective | None:
        """D_f, for a free critic and the generator that descends F itself."""
        if self.generator == "ascend" or self.constraint.bounds is not Bounds.NOTHING:
            return None
        return objective_of(self.f, self.alpha)._replace(bias=SATURATES if self.f == "total_variation" else "")

    def game(self, setting: Setting) -> Game:
        """See the class."""
        divergence = f_divergence(self.f, self.alpha)
        generator_loss = descend if self.generator == "descend" else ascend
        return Adversarial(
            critic_loss=lambda critic, real, fake, _knobs: critic_loss(divergence, critic(real), critic(fake)),
            generator_loss=lambda critic, _real, fake, _knobs: generator_loss(divergence, critic(fake)),
            constraint=self.constraint,
            critic_moves=self.critic_moves,
            critic_lr_ratio=self.critic_lr_ratio,
            best=of_f(divergence) if self.constraint.bounds is Bounds.NOTHING else None,
            scale=divergence.activation,
            limits={"critic.bound": Limit(_EXPLODED, f"the critic of {self.f} has exploded. {_CURE}")},
        ).game(setting)


_EXPLODED = 1e5  # no two batches that a generator can still learn from are so far apart
_CURE = (
    "The divergence may be infinite here: start the generator wider (narrower for neyman), lower the learning rate, "
    "give a constraint, or take an f that is bounded, as squared_hellinger"
)


SATURATES = (
    "the best critic is a step where p = q and flat elsewhere: there its output saturates and has no slope, so it follows "
    "the model too late, and the game circles instead of settling"
)


def critic_loss(divergence: FDivergence, real: torch.Tensor, fake: torch.Tensor) -> Loss:
    """-F from the critic's free outputs [n, 1] on data and on samples."""
    bound = divergence.activation(real).mean() - divergence.composite(fake).mean()
    return Loss(-bound, {"bound": bound})


def descend(divergence: FDivergence, fake: torch.Tensor) -> torch.Tensor:
    """-E_Q f*(g(V)), from the critic's free outputs [n, 1] on samples."""
    return -divergence.composite(fake).mean()


def ascend(divergence: FDivergence, fake: torch.Tensor) -> torch.Tensor:
    """-E_Q g(V), from the critic's free outputs [n, 1] on samples."""
    return -divergence.activation(fake).mean()
