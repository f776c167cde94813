"""A divergence that a critic of points learns: the network, its constraint, and the names by which they meet."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field, model_validator

from gensweep import registry
from gensweep.component import Member
from gensweep.constraints.base import Bounds, Constraint, constrained
from gensweep.constraints.none import NONE
from gensweep.divergences.base import Divergence
from gensweep.losses import Draw, Knobs, Loss, Nets, Noise, Parameters, prefixed, scoped
from gensweep.mathematics.best_critics import BestCritic, Judge
from gensweep.networks.base import Activation
from gensweep.networks.mlp import MLP

_OWN = "latent_"  # what a constraint calls `critic` and `multiplier` bears this prefix among the networks of a family


class LatentCritic(Divergence, ABC):
    """A divergence with one critic s, [n, d] -> [n, 1], that minimises `objective` under the constraint `held`.

    To the constraint the target's sample y is the data and the model's sample x the samples. An epoch counts the critic's
    batches, so the model moves once in `critic_moves` of them.
    """

    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field((256, 256), description="widths of the critic's layers")
    activation: Activation = Field("relu", description="the critic's non-linearity")
    lr_ratio: float = Field(1.0, gt=0, description="the critic's learning rate as a multiple of the model's")
    critic_moves: int = Field(1, ge=1, description="moves of the critic for each of the model")

    @property
    @abstractmethod
    def held(self) -> Constraint:
        """What holds the critic; its knobs are this component's own, or those of its field `constraint`."""

    @abstractmethod
    def objective(self, target: torch.Tensor, model: torch.Tensor) -> Loss:
        """What the critic minimises besides the constraint's term, from its values [n, 1] on y and on x."""

    def scaled(self, outputs: torch.Tensor) -> torch.Tensor:
        """The critic's outputs [n, 1] at the scale of the best one."""
        return outputs

    def best_critic(self) -> BestCritic | None:
        """The best one between two laws on the line, where it is known: that of the constraint on a gap."""
        return self.held.best_critic()

    def judge(self) -> Judge:
        """The critic with the best one."""

        def values(nets: Nets, x: torch.Tensor) -> torch.Tensor:
            outputs = nets[f"{_OWN}critic"](x.flatten(1))
            return self.scaled(outputs.cpu().double()).flatten()  # T of float32 rounds onto the end of its domain

        return Judge(values, self.best_critic())

    @property
    def critic_lr_ratio(self) -> float:
        """The critic's learning rate as a multiple of the trial's."""
        return self.lr_ratio

    @property
    def n_critic_moves(self) -> int:
        """The field `critic_moves`."""
        return self.critic_moves

    def noise(self, n: int, dimensions: int) -> dict[str, Draw]:
        """The constraint's."""
        return prefixed("constraint", self.held.noise((dimensions,), n))

    def critics(self, dimensions: int) -> dict[str, torch.nn.Module]:
        """One perceptron, [n, dimensions] -> [n, 1]."""
        return {f"{_OWN}critic": MLP(hidden=self.hidden, activation=self.activation).encoder((dimensions,), 1)}

    def critic_state(self) -> dict[str, torch.nn.Module]:
        """The constraint's state."""
        return {_OWN + name: net for name, net in self.held.state().items()}

    def critic_loss(self, x: torch.Tensor, y: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> Loss:
        """The objective and the constraint's term; a gap is logged normalised too, where its norm is known."""
        own = {name.removeprefix(_OWN): net for name, net in nets.items() if name.startswith(_OWN)}
        loss = self.objective(own["critic"](y), own["critic"](x))
        penalty = self.held.penalty(y, x, own, scoped(noise, "constraint"), _of_constraint(knobs))
        return constrained(loss, penalty)

    def after_critic_move(self, parameters: Parameters, parts: Mapping[str, torch.Tensor], knobs: Knobs) -> Parameters:
        """The constraint's correction."""
        own = {name.removeprefix(_OWN): value for name, value in parameters.items()}
        after = self.held.after_move(own, parts, _of_constraint(knobs))
        return {_OWN + name: value for name, value in after.items()}


class RatioCritic(LatentCritic, ABC):
    """A critic that must reach a function of the ratio of two densities; by default nothing holds it.

    As with the families gan and f_gan, anything may hold it that lets it go flat, as the best critic of equal laws is.
    """

    constraint: Annotated[Constraint, Member("constraints")] = NONE()

    @property
    def held(self) -> Constraint:
        """The field `constraint`."""
        return self.constraint

    @abstractmethod
    def free_critic(self) -> BestCritic:
        """The best one that nothing holds."""

    def best_critic(self) -> BestCritic | None:
        """That of the ratio, where nothing holds the critic."""
        return self.free_critic() if self.constraint.bounds is Bounds.NOTHING else None

    @model_validator(mode="after")
    def _the_ratio_can_be_reached(self) -> RatioCritic:
        if self.constraint.bounds is Bounds.NORM:
            cures = ["Give constraint: none", *own_divergence(self.constraint)]
            raise ValueError(
                f"constraint {self.constraint.name} does not go with {self.name}: it holds a norm of the critic at 1, while "
                f"the best critic goes flat as the laws come together. {', or '.join(cures)}"
            )
        return self


def own_divergence(constraint: Constraint) -> list[str]:
    """What to write for the divergence that a constraint of a norm makes; nothing where there is none of its name."""
    name = f"{constraint.name}_ipm"
    return [f"divergence: {name}"] if name in registry.names("divergences") else []


def gap(target: torch.Tensor, model: torch.Tensor) -> torch.Tensor:
    """E_y s - E_x s from a critic's values [n, 1] on the two samples, 0-d."""
    return target.mean() - model.mean()


def gap_objective(target: torch.Tensor, model: torch.Tensor) -> Loss:
    """-(E_y s - E_x s), from a critic's values [n, 1] on the target's sample and on the model's."""
    value = gap(target, model)
    return Loss(-value, {"critic_gap": value})


def logistic_loss(target: torch.Tensor, model: torch.Tensor) -> torch.Tensor:
    """E_y softplus(-s(y)) + E_x softplus(s(x)), 0-d, from logits [n, 1]; smallest at s = log(p_y / p_x)."""
    softplus = torch.nn.functional.softplus
    return softplus(-target).mean() + softplus(model).mean()


def _of_constraint(knobs: Knobs) -> dict[str, torch.Tensor]:
    return {**knobs, **scoped(knobs, "constraint")}
