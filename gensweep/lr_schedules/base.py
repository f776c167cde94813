"""What every schedule of the learning rate is: a factor for each moment of the training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from gensweep.component import Component


class LrSchedule(Component, ABC):
    """A factor on the learning rate of every player, on top of its optimiser's rate and its own ratio."""

    kind: ClassVar[str] = "lr_schedules"

    @abstractmethod
    def factor(self, progress: float) -> float:
        """The factor in a round, > 0; `progress` is the share of all rounds before it, in [0, 1).

        A function of its argument alone, so that a trial that continues finds the same rates.
        """
