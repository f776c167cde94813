"""What a searcher with a model proposes before it has one: random draws that miss no branch."""

from __future__ import annotations

from typing import Any

from gensweep.axes import space as spaces
from gensweep.axes.arms import Arm
from gensweep.axes.axis import Axis
from gensweep.searchers.base import Parameters, share
from gensweep.seeding import derive


def start_up(arm: Arm, position: int, seed: int) -> Parameters:
    """The draw of `random` at this position, but that every one_of which each trial meets goes round its branches."""
    return spaces.drawn(arm.space, lambda axis: start_value(axis, position, seed))


def start_value(axis: Axis, position: int, seed: int) -> Any:
    """One axis of it."""
    if axis.chooses_branch and not axis.given:
        return _turn(axis, position, seed)
    return axis.distribution.at(share(axis, seed, position))


def _turn(axis: Axis, position: int, seed: int) -> Any:
    """The branch whose turn it is. Each round has an order of its own, which depends on the place, the seed and the round.

    So as many trials as there are branches meet all of them, two one_ofs never keep step, and arms that share one agree.
    """
    branches = axis.distribution.ends()
    turn, place = divmod(position, len(branches))
    order = sorted(branches, key=lambda branch: derive(seed, "turn", axis.path.place, turn, branch))
    return order[place]
