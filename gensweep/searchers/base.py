"""What every searcher is: a pure function from what came of an arm to the next configuration."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from gensweep.axes import space as spaces
from gensweep.axes.arms import Arm, identity
from gensweep.axes.axis import Axis
from gensweep.component import Component
from gensweep.ledger.history import Change, History
from gensweep.seeding import derive

Parameters = Mapping[str, Any]
_ATTEMPTS = 32


class Searcher(Component, ABC):
    """A way to choose configurations. Its fields are its own settings; the arm's budget and the seed are the sweep's.

    `is_adaptive`: it learns from results, so its trials are no independent draws from the space, and a comparison must not
    treat them so.
    """

    kind: ClassVar[str] = "searchers"
    summary: ClassVar[str]
    is_adaptive: ClassVar[bool] = True

    @abstractmethod
    def propose(self, arm: Arm, history: History, position: int, seed: int) -> Parameters:
        """A value for each active axis of the arm, by path, for its trial at `position`: what `spaces.drawn` gives.

        The same arguments give the same values. `history` holds the trials before, running ones too; what a library has to
        keep of it is rebuilt from it (`history.fold`). A diverged trial is the worst result, not one that never was. Every
        score of every trial is there, not the objective alone.
        """

    def limit(self, arm: Arm) -> int | None:
        """How many configurations it has for the arm; None where it can go on."""
        return None

    def misfit(self, arm: Arm) -> str | None:
        """Why it cannot search this arm, with the cure; None where it can."""
        return None


def proposal(searcher: Searcher, arm: Arm, history: History, position: int, seed: int) -> dict[str, Any]:
    """What the searcher proposes, and never what the arm has tried already, as long as there is anything else.

    A repetition is asked again under another seed; then the space is walked from a random place to what is left.
    """
    tried = history.fold("tried", set[str], _enter)
    for attempt in range(_ATTEMPTS):
        parameters = dict(searcher.propose(arm, history, position, derive(seed, "again", attempt) if attempt else seed))
        if identity(parameters) not in tried:
            return parameters
        if arm.n_configurations is not None and arm.n_configurations <= len(tried):
            return parameters
    return _untried(arm, tried, derive(seed, "untried", position)) or parameters


def share(axis: Axis, seed: int, position: int) -> float:
    """A uniform number in [0, 1) of this seed, place and position: arms that share an axis draw the same there.

    The place is that in the configuration, so it does not matter below which branch of the compared choice it stands.
    """
    return derive(seed, "axis", axis.path.place, position) / 2**63


def _enter(tried: set[str], change: Change) -> None:
    if change.kind == "issued":
        tried.add(identity(change.record.parameters))


def _untried(arm: Arm, tried: set[str], start: int) -> dict[str, Any] | None:
    """The first configuration of a finite space, from a random one on, that is not tried; None where the space is endless."""
    if arm.n_configurations is None:
        return None
    finest = max(axis.distribution.n_values or 1 for axis in arm.axes)
    size = spaces.grid_size(arm.space, max(finest, 2))
    for step in range(size):
        parameters = spaces.grid_point(arm.space, max(finest, 2), (start + step) % size)
        if identity(parameters) not in tried:
            return parameters
    return None
