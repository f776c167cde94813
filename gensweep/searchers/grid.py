"""Every combination."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from gensweep.axes import space as spaces
from gensweep.axes.arms import Arm
from gensweep.ledger.history import History
from gensweep.searchers.base import Parameters, Searcher


class Grid(Searcher):
    """Every option of each choice with `points` values of each range, both ends among them; the last axis moves fastest.

    It ends with the last combination. Fewer samples take the first ones; past the end it begins anew.
    """

    summary: ClassVar[str] = "every combination; for one or two axes whose whole course is the question"
    is_adaptive: ClassVar[bool] = False
    most_pending: ClassVar[int | None] = None

    name: Literal["grid"] = "grid"
    points: int = Field(3, ge=2, description="values of a range")

    def propose(self, arm: Arm, history: History, position: int, seed: int) -> Parameters:
        """See the class."""
        return spaces.grid_point(arm.space, self.points, position % spaces.grid_size(arm.space, self.points))

    def limit(self, arm: Arm) -> int:
        """The number of combinations."""
        return spaces.grid_size(arm.space, self.points)
