"""What every optimiser is: a recipe over the parameters of one player."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar

import torch
from pydantic import Field

from gensweep.component import Component, Knob


class Optimizer(Component, ABC):
    """An optimiser with its learning rate.

    `over` trains one member. `settings`, `moments` and `rows` say the same to a pack, which trains many members of one
    shape as the rows of one table; an optimiser without them says so in `unstackable`, and its trials train alone.

    `shared` names the fields in which the members of a pack are equal; they may differ in all others.
    """

    kind: ClassVar[str] = "optimizers"
    unstackable: ClassVar[str] = "the optimiser has no update of rows"
    shared: ClassVar[frozenset[str]] = frozenset()
    counts: ClassVar[bool] = False
    """Whether torch keeps the number of moves, `step`, beside the moments."""

    lr: Annotated[float, Knob(), Field(gt=0, description="learning rate")]

    @abstractmethod
    def over(self, parameters: Iterable[torch.nn.Parameter], lr_ratio: float) -> torch.optim.Optimizer:
        """A torch optimiser over `parameters` with learning rate `lr * lr_ratio`."""

    @property
    def moments(self) -> tuple[str, ...]:
        """What torch keeps of every parameter in its own shape, by torch's names; all start at zero."""
        return ()

    def settings(self, lr_ratio: float) -> dict[str, float]:
        """Name -> number that `rows` takes as a column, one for each member; `lr` is among them."""
        raise NotImplementedError(self.unstackable)

    def rows(
        self,
        weights: torch.Tensor,
        gradients: torch.Tensor,
        moments: Mapping[str, torch.Tensor],
        count: torch.Tensor,
        settings: Mapping[str, torch.Tensor],
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """One step of every member at once: the new weights [n, p] and moments, each [n, p]. Pure.

        Args:
            weights: [n, p], a member a row.
            gradients: [n, p].
            moments: name -> [n, p].
            count: [n], the moves of each member with this one, counted from 1.
            settings: name -> [n], float64.
        """
        raise NotImplementedError(self.unstackable)


def column(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Values [n] as a column [n, 1] in the precision of `like`."""
    return values.to(like.dtype)[:, None]
