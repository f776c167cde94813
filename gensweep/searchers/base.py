"""What every searcher is: a pure function from what came of an arm to the next configuration."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from gensweep.axes import space as spaces
from gensweep.axes.arms import Arm, identity
from gensweep.axes.axis import Axis
from gensweep.axes.distributions import Distribution, Int, LogInt
from gensweep.component import Component
from gensweep.errors import CannotRun
from gensweep.ledger.history import Change, History
from gensweep.seeding import derive

Parameters = Mapping[str, Any]
_DRAWS = 32  # of a searcher that draws
_ASKS = 4  # of one with a model, which often insists, and takes its time
_LAST_DRAWS = 4096  # where a space has no end, but a searcher keeps to the part of it that has


class Searcher(Component, ABC):
    """A way to choose configurations. Its fields are its own settings; the arm's budget and the seed are the sweep's.

    `is_adaptive`: it learns from results, so its trials are no independent draws from the space, and a comparison must not
    treat them so. `draws`: its proposals are random draws from the space, of which distributions can be told; a grid's are not,
    though it learns nothing. `learns_from_pruned`: a trial that was stopped early tells it something, or it learns from none.
    `most_pending`: of how many trials of an arm it may be asked for another one, only to fill a pack, before it hears what came
    of them; None: of any number.
    """

    kind: ClassVar[str] = "searchers"
    summary: ClassVar[str]
    is_adaptive: ClassVar[bool] = True
    draws: ClassVar[bool] = False
    learns_from_pruned: ClassVar[bool] = True
    most_pending: ClassVar[int | None] = 4

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

    A repetition is asked again under another seed; then it is the next untried configuration of a finite space, counted
    from what was proposed, or a random draw from one without end.
    """
    tried = history.fold("tried", set[str], _enter)
    parameters = _asked(searcher, arm, history, position, seed)
    is_exhausted = arm.n_configurations is not None and arm.n_configurations <= len(tried)
    if is_exhausted or identity(parameters) not in tried:
        return parameters
    others = _others(searcher, arm, history, position, seed)
    return next((other for other in others if identity(other) not in tried), None) or _untried(
        arm, tried, parameters, derive(seed, "untried", position)
    )


def share(axis: Axis, seed: int, position: int) -> float:
    """A uniform number in [0, 1) of this seed, place and position: arms that share an axis draw the same there.

    The place is that in the configuration, so it does not matter below which branch of the compared choice it stands.
    """
    return derive(seed, "axis", axis.path.place, position) / 2**63


def _enter(tried: set[str], change: Change) -> None:
    if change.kind == "issued":
        tried.add(identity(change.record.proposed))


def _others(searcher: Searcher, arm: Arm, history: History, position: int, seed: int) -> Iterator[dict[str, Any]]:
    """What the searcher says under other seeds."""
    for attempt in range(1, _ASKS if searcher.is_adaptive else _DRAWS):
        yield _asked(searcher, arm, history, position, derive(seed, "again", attempt))


def _asked(searcher: Searcher, arm: Arm, history: History, position: int, seed: int) -> dict[str, Any]:
    """What the searcher proposes, known to be a configuration of the arm.

    Raises:
        CannotRun: it raises an error, or proposes what is none; naming the class that has to be mended.
    """
    try:
        found = dict(searcher.propose(arm, history, position, seed))
        arm.configuration(found, seed=0)
    except Exception as error:
        kind = type(searcher)
        raise CannotRun(
            f"searcher {searcher.dump()['name']} proposes nothing that can be run for {arm.label} ({type(error).__name__}: "
            f"{error}). Mend {kind.__module__}.{kind.__qualname__}, or take another search.sampler: what ended is kept."
        ) from error
    return found


def _untried(arm: Arm, tried: set[str], proposed: dict[str, Any], seed: int) -> dict[str, Any]:
    """A configuration that is not tried; the proposed one where there is none to be found."""
    found = _walk(arm.space, proposed, seed) if arm.n_configurations is not None else _draws(arm.space, seed)
    return next((parameters for parameters in found if identity(parameters) not in tried), proposed)


def _draws(space: dict[str, Any], seed: int) -> Iterator[dict[str, Any]]:
    for attempt in range(_LAST_DRAWS):
        start = derive(seed, attempt)
        yield spaces.drawn(space, lambda axis: axis.distribution.at(share(axis, start, 0)))  # noqa: B023 -- drawn at once


def _walk(space: dict[str, Any], start: Mapping[str, Any], seed: int) -> Iterator[dict[str, Any]]:
    """Every configuration of a finite space once, from `start` on; the last axis moves fastest.

    An axis that `start` does not have begins at a random value. A counter holds how far each axis that was met has moved:
    which axes are met depends on those before, so it is as long as the newest configuration.
    """
    counter: list[int] = []
    while True:
        sizes: list[int] = []

        def ask(axis: Axis) -> Any:
            n = axis.distribution.n_values or 1
            first = _rank(axis.distribution, start[axis.path]) if axis.path in start else derive(seed, axis.path) % n
            moved = counter[len(sizes)] if len(sizes) < len(counter) else 0  # noqa: B023 -- drawn at once
            sizes.append(n)  # noqa: B023
            return _value(axis.distribution, (first + moved) % n)

        yield spaces.drawn(space, ask)
        counter += [0] * (len(sizes) - len(counter))
        while counter and counter[-1] == sizes[len(counter) - 1] - 1:
            counter.pop()
        if not counter:
            return
        counter[-1] += 1


def _value(distribution: Distribution, rank: int) -> Any:
    """Value number `rank` of a finite distribution."""
    if isinstance(distribution, Int | LogInt):
        return int(distribution.low) + rank
    return distribution.at((rank + 0.5) / (distribution.n_values or 1))


def _rank(distribution: Distribution, value: Any) -> int:
    """Which of a finite distribution's values this is."""
    if isinstance(distribution, Int | LogInt):
        return int(value) - int(distribution.low)
    return int(distribution.share(value) * (distribution.n_values or 1))
