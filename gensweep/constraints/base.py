"""What keeps a critic in its function class: a term in its loss, or a correction after each of its moves."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

import torch

from gensweep.component import Component
from gensweep.divergences.base import Draw, Knobs, Nets, Noise


class Constraint(Component, ABC):
    """A constraint on a critic. Both ways default to doing nothing; a member overrides the one it uses."""

    kind: ClassVar[str] = "constraints"

    def noise(self, shape: tuple[int, ...], batch_size: int) -> dict[str, Draw]:
        """What `penalty` needs besides the two batches."""
        return {}

    def penalty(self, real: torch.Tensor, fake: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> torch.Tensor:
        """A 0-d term added to the critic's loss; real and fake are [n, *shape], the critic is nets["critic"]."""
        return real.new_zeros(())

    def after_move(self, parameters: dict[str, torch.Tensor], knobs: Knobs) -> dict[str, torch.Tensor]:
        """The critic's parameters as they shall be after one of its moves: a pure function of them."""
        return parameters
