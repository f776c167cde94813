"""What every divergence between two samples is: a penalty to minimise, with or without a critic that learns it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch

from gensweep.component import Component
from gensweep.losses import Draw, Knobs, Loss, Nets, Noise, Parameters, PopulationObjective
from gensweep.mathematics.best_critics import Judge


class Divergence(Component, ABC):
    """A distance between the laws of two samples x, y of shape [n, dimensions].

    The functions are pure: randomness comes in as `noise`, knobs as 0-d tensors under this component's own field
    names, and a critic, where there is one, as a callable in `nets`. Samples may have further dimensions that are 0 in
    both and must not count; the knob `dimensions` then says how many the others are.
    """

    kind: ClassVar[str] = "divergences"

    def noise(self, n: int, dimensions: int) -> dict[str, Draw]:
        """What `penalty` needs besides the samples."""
        return {}

    @abstractmethod
    def penalty(self, x: torch.Tensor, y: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> torch.Tensor:
        """The divergence of the model's sample x [n, d] from the target's sample y [n, d], 0-d, to be minimised in x."""

    def measured(self, x: torch.Tensor, y: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> Loss:
        """`penalty` as a loss, with what else its computation shows, to be logged beside it."""
        return Loss(self.penalty(x, y, nets, noise, knobs), {})

    def notes(self) -> Mapping[str, str]:
        """Parts of `measured` that a trial's record speaks of where one is above 0: what that means, by name."""
        return {}

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

    def critic_loss(self, x: torch.Tensor, y: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> Loss:
        """What the critics minimise. Only called where `critics` names some."""
        raise AssertionError(f"{type(self).__name__} has no critic")

    def after_critic_move(self, parameters: Parameters, parts: Mapping[str, torch.Tensor], knobs: Knobs) -> Parameters:
        """The parameters of the critics and of their state, `network.name` -> value, as they shall be after a move."""
        return parameters

    def judge(self) -> Judge | None:
        """The critic as a function of points [n, d], high where the target is; None where there is none."""
        return None

    def population_objective(self) -> PopulationObjective | None:
        """What it is between two laws on the line; None where that has no name of its own."""
        return None
