"""What keeps a critic in its function class: a term in its loss, or a correction after each of its moves."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar, NamedTuple

import torch

from gensweep.component import Component
from gensweep.divergences.base import Draw, Knobs, Nets, Noise

NO_WEIGHT = "{name} of weight 0 holds nothing, and the critic's gap has no upper bound. Give a weight above 0"


class Penalty(NamedTuple):
    """A 0-d term of the critic's loss, and the named 0-d parts that are logged beside it and read by `after_move`."""

    total: torch.Tensor
    parts: dict[str, torch.Tensor]


class Constraint(Component, ABC):
    """A constraint on a critic. Both ways default to doing nothing; a member overrides the one it uses.

    `is_an_equality`: it holds a norm of the critic AT a value, so that the critic can never be flat.
    `needs_plain_layers`: it holds the critic through its weight matrices alone, which layers that normalise undo.
    """

    kind: ClassVar[str] = "constraints"
    is_an_equality: ClassVar[bool] = False
    needs_plain_layers: ClassVar[bool] = False

    def unbounded(self) -> str | None:
        """Why the supremum of E_P f - E_Q f under it is infinite, and the cure; None where it is finite."""
        return None

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
