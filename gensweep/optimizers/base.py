"""What every optimiser is: a recipe over the parameters of one player."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Annotated, ClassVar

import torch
from pydantic import Field

from gensweep.component import Component, Knob


class Optimizer(Component, ABC):
    """An optimiser with its learning rate."""

    kind: ClassVar[str] = "optimizers"

    lr: Annotated[float, Knob(), Field(gt=0, description="learning rate")]

    @abstractmethod
    def over(self, parameters: Iterable[torch.nn.Parameter], lr_ratio: float) -> torch.optim.Optimizer:
        """A torch optimiser over `parameters` with learning rate `lr * lr_ratio`."""
