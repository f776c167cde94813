"""What keeps a critic in its function class: a term in its loss, or a correction after each of its moves."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar, NamedTuple

import torch

from gensweep.component import Component
from gensweep.divergences.base import Draw, Knobs, Nets, Noise


class Penalty(NamedTuple):
    """A 0-d term of the critic's loss, and the named 0-d parts that are logged beside it and read by `after_move`."""

    total: torch.Tensor
    parts: dict[str, torch.Tensor]


class Constraint(Component, ABC):
    """A constraint on a critic. Both ways default to doing nothing; a member overrides the one it uses.

    `bounds_the_critic`: under it E_P f - E_Q f has a finite supremum.
    `is_an_equality`: it holds a norm of the critic AT a value, so that the critic can never be flat.
    """

    kind: ClassVar[str] = "constraints"
    bounds_the_critic: ClassVar[bool] = True
    is_an_equality: ClassVar[bool] = False

    def state(self) -> dict[str, torch.nn.Module]:
        """Networks that no optimiser trains and `after_move` changes, by name: a multiplier."""
        return {}

    def noise(self, shape: tuple[int, ...], batch_size: int) -> dict[str, Draw]:
        """What `penalty` needs besides the two batches."""
        return {}

    def penalty(self, real: torch.Tensor, fake: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> Penalty:
        """The term of the critic nets["critic"], [n, *shape] -> [n, 1], on data and samples [n, *shape]."""
        return Penalty(real.new_zeros(()), {})

    def after_move(
        self, parameters: dict[str, torch.Tensor], parts: dict[str, torch.Tensor], knobs: Knobs
    ) -> dict[str, torch.Tensor]:
        """The parameters of the critic and of `state`, `network.name` -> value, as they shall be after a critic's move.

        A pure function of them and of the parts of that move's penalty.
        """
        return parameters
