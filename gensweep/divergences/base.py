"""What every divergence between two samples is: a penalty to minimise, with or without a critic that learns it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, TypeAlias

import torch

from gensweep.component import Component

# In quotes, because an alias is evaluated at import, and would load torch where it is deferred.
Nets: TypeAlias = "Mapping[str, Callable[..., torch.Tensor]]"
Noise: TypeAlias = "Mapping[str, torch.Tensor]"
Knobs: TypeAlias = "Mapping[str, torch.Tensor]"


@dataclass(frozen=True)
class Draw:
    """A request for random numbers: the loop draws a tensor of `shape` for every move, from the trial's own stream."""

    shape: tuple[int, ...]
    law: Literal["normal", "uniform"] = "normal"


class PopulationObjective(NamedTuple):
    """What a divergence or a family minimises over models once critics, encoders and batches are ideal.

    `name` is one of those that comparison/gaussian_targets.py computes; `scale` is the kernel's width, alpha or lambda of
    those that have one; `bias` says why a real training stays beside it, where it is known to.
    """

    name: str
    scale: float = 1.0
    bias: str = ""


class CriticLoss(NamedTuple):
    """What a divergence's critics minimise, 0-d, and the named 0-d parts that are logged and read by `after_critic_move`."""

    total: torch.Tensor
    parts: dict[str, torch.Tensor]


class Divergence(Component, ABC):
    """A distance between the laws of two samples x, y of shape [n, dimensions].

    The functions are pure: randomness comes in as `noise`, knobs as 0-d tensors under this component's own field
    names, and a critic, where there is one, as a callable in `nets`.
    """

    kind: ClassVar[str] = "divergences"

    def noise(self, n: int, dimensions: int) -> dict[str, Draw]:
        """What `penalty` needs besides the samples."""
        return {}

    @abstractmethod
    def penalty(self, x: torch.Tensor, y: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> torch.Tensor:
        """The divergence of the model's sample x [n, d] from the target's sample y [n, d], 0-d, to be minimised in x."""

    def critics(self, dimensions: int) -> dict[str, torch.nn.Module]:
        """The networks that learn this divergence, by name; none for one that is computed from the samples."""
        return {}

    @property
    def critic_lr_ratio(self) -> float:
        """The critics' learning rate as a multiple of the trial's."""
        return 1.0

    @property
    def n_critic_moves(self) -> int:
        """How many moves the critics make for each of the model."""
        return 1

    def critic_state(self) -> dict[str, torch.nn.Module]:
        """Networks that no optimiser trains and `after_critic_move` changes, by name: a multiplier."""
        return {}

    def critic_loss(self, x: torch.Tensor, y: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> CriticLoss:
        """What the critics minimise. Only called where `critics` names some."""
        raise AssertionError(f"{type(self).__name__} has no critic")

    def after_critic_move(
        self, parameters: dict[str, torch.Tensor], parts: Mapping[str, torch.Tensor], knobs: Knobs
    ) -> dict[str, torch.Tensor]:
        """The parameters of the critics and of their state, `network.name` -> value, as they shall be after a move."""
        return parameters

    def population_objective(self) -> PopulationObjective | None:
        """What it is between two laws on the line; None where that has no name of its own."""
        return None


def scoped(values: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The entries under `prefix.`, without it: how a family hands a part its own knobs and noise."""
    return {name.removeprefix(f"{prefix}."): v for name, v in values.items() if name.startswith(f"{prefix}.")}
