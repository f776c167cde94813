"""Generative adversarial networks, with either of the original paper's generator losses and other concave scores."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, ClassVar, Literal, NamedTuple, TypeAlias

import torch
from pydantic import Field

from gensweep.component import Member
from gensweep.constraints.base import Bounds, Constraint
from gensweep.constraints.none import NONE
from gensweep.families._adversarial import Adversarial, misfit_of
from gensweep.families.base import Family, Game, Setting
from gensweep.families.f_gan import SATURATES
from gensweep.losses import Loss, PopulationObjective
from gensweep.mathematics.best_critics import DISCRIMINATOR, ROOT, BestCritic, side

FormName: TypeAlias = Literal["log", "linear", "sqrt", "least_squares"]


class GAN(Family):
    """A generator against a discriminator that tells its samples from data.

    The discriminator D maximises V = E_P phi(D) + E_Q phi(1 - D) for a concave increasing phi, and the generator
    minimises
      minimax:         E_Q phi(1 - D), whose optimum at the optimal discriminator is that of V*;
      non_saturating: -E_Q phi(D), which keeps its gradient where D is sure.
    With s the critic's output, D = 1 / (1 + e^-s), but for least squares, where D = s. `form` is phi:
      log:            log x. V* = 2 JSD - log 4 at D = p / (p + q). This is the paper's game; non-saturating is what its
                      authors' code does, and its gradient there is that of 2 KL((p + q)/2 || p);
      linear:         x. V* = 1 + TV at D = 1[p > q], a D that no finite s reaches;
      sqrt:           sqrt x. V* = int sqrt(p^2 + q^2) at D / (1 - D) = p^2 / q^2;
      least_squares: -(1 - x)^2. V* = -1/2 + 1/4 int (p - q)^2 / (p + q), the coding 0 and 1 of LSGAN.
    `value` in the log is V; values of two forms do not compare. `jensen_shannon` is (log 4 + V) / 2 for log, a lower
    bound, cut into [0, log 2], where the divergence lies; never rank models by it.

    Source: Goodfellow et al., Generative Adversarial Nets, 2014, arXiv:1406.2661, equation 1 and section 3;
    Mao et al., Least Squares Generative Adversarial Networks, 2017, arXiv:1611.04076, equation 9;
    defaults of the optimiser from Radford et al., 2015, arXiv:1511.06434, section 4.
    Differs: least squares without the factors 1/2, which Adam does not feel.
    """

    summary: ClassVar[str] = "generator against a discriminator; minimax or non-saturating, log or least squares"
    paper: ClassVar[str] = "Goodfellow et al. 2014, arXiv:1406.2661"
    default_optimizer: ClassVar[dict[str, object]] = {"name": "adam", "lr": 2e-4, "betas": (0.5, 0.999)}

    name: Literal["gan"] = "gan"
    loss: Literal["non_saturating", "minimax"] = Field("non_saturating", description="the generator's loss")
    form: FormName = Field("log", description="the concave score phi of the discriminator")
    constraint: Annotated[Constraint, Member("constraints")] = NONE()
    critic_moves: int = Field(1, ge=1, description="discriminator moves for each generator move")
    critic_lr_ratio: float = Field(1.0, gt=0, description="discriminator learning rate as a multiple of the trial's")

    def misfit(self, shape: tuple[int, ...], bounds: tuple[float, float] | None) -> str | None:
        """The best discriminator of a good fit is flat."""
        return misfit_of(self.constraint, needs_bound=False, allows_equality=False)

    def population_objective(self) -> PopulationObjective | None:
        """V* of the form under minimax, without a constraint on the critic; 2 KL((p + q)/2 || p) for the paper's other loss."""
        if self.constraint.bounds is not Bounds.NOTHING:
            return None
        if self.loss == "non_saturating":
            return PopulationObjective("non_saturating") if self.form == "log" else None
        return PopulationObjective(_MINIMISED[self.form], bias=SATURATES if self.form == "linear" else "")

    def game(self, setting: Setting) -> Game:
        """See the class."""
        generator_loss = minimax if self.loss == "minimax" else non_saturating
        return Adversarial(
            critic_loss=lambda critic, real, fake, _knobs: discriminator_loss(critic(real), critic(fake), self.form),
            generator_loss=lambda critic, _real, fake, _knobs: generator_loss(critic(fake), self.form),
            constraint=self.constraint,
            critic_moves=self.critic_moves,
            critic_lr_ratio=self.critic_lr_ratio,
            best=FORMS[self.form].best if self.constraint.bounds is Bounds.NOTHING else None,
            scale=FORMS[self.form].probability,
        ).game(setting)


class Form(NamedTuple):
    """phi(D), phi(1 - D) and D as functions of the critic's output s, of any shape; and D at its best."""

    real: Callable[[torch.Tensor], torch.Tensor]
    fake: Callable[[torch.Tensor], torch.Tensor]
    best: BestCritic = DISCRIMINATOR
    probability: Callable[[torch.Tensor], torch.Tensor] = torch.sigmoid


# 1 - D(s) = D(-s) for a sigmoid: every score of a sigmoid is computed from one logit, and neither end overflows.
FORMS: dict[str, Form] = {
    "log": Form(lambda s: -torch.nn.functional.softplus(-s), lambda s: -torch.nn.functional.softplus(s)),
    "linear": Form(lambda s: s.sigmoid(), lambda s: (-s).sigmoid(), BestCritic(side)),
    "sqrt": Form(
        lambda s: torch.exp(-torch.nn.functional.softplus(-s) / 2),
        lambda s: torch.exp(-torch.nn.functional.softplus(s) / 2),
        ROOT,
    ),
    "least_squares": Form(lambda s: -(1 - s).square(), lambda s: -s.square(), probability=lambda s: s),
}


_MINIMISED: dict[FormName, str] = {  # by the minimax game, up to constants and factors
    "log": "jensen_shannon", "linear": "total_variation", "sqrt": "root", "least_squares": "least_squares",
}  # fmt: skip


def discriminator_loss(real: torch.Tensor, fake: torch.Tensor, form: FormName = "log") -> Loss:
    """-V from the critic's outputs [n, 1] on data and on samples."""
    phi = FORMS[form]
    value = phi.real(real).mean() + phi.fake(fake).mean()
    parts = {"value": value}
    if form == "log":  # a critic that does worse than by chance gives a bound below zero
        parts["jensen_shannon"] = ((math.log(4) + value) / 2).clamp(0, math.log(2))
    return Loss(-value, parts)


def minimax(fake: torch.Tensor, form: FormName = "log") -> torch.Tensor:
    """E_Q phi(1 - D), from the critic's outputs [n, 1]."""
    return FORMS[form].fake(fake).mean()


def non_saturating(fake: torch.Tensor, form: FormName = "log") -> torch.Tensor:
    """-E_Q phi(D), from the critic's outputs [n, 1]."""
    return -FORMS[form].real(fake).mean()
