"""Evolution of a normal distribution."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from cmaes import CMA
from pydantic import Field

from gensweep.axes import space as spaces
from gensweep.axes.arms import Arm
from gensweep.axes.axis import Axis
from gensweep.axes.distributions import Choice
from gensweep.errors import Outcome
from gensweep.ledger.history import Change, History, TrialRecord
from gensweep.objective import Objective
from gensweep.searchers._startup import start_up, start_value
from gensweep.searchers.base import Parameters, Searcher
from gensweep.seeding import derive


class CMAES(Searcher):
    """Draws from a normal distribution over the ranges, each seen as [0, 1], that moves to the better half of its draws.

    Only ranks count. Whole trials come first by their best score, then those that were stopped early by how far they came
    and how they stood, then those that diverged; trials that failed are left out. A generation is `population_size` ended
    trials that were drawn from it; those that end later are left out. Choices are drawn as `random` draws them, with all
    branches of a one_of in turn. An axis that a trial does not have moves nothing.

    Source: N. Hansen, "The CMA Evolution Strategy: A Tutorial", 2016, arXiv:1604.00772. By the package cmaes.
    Differs: after the distribution has collapsed or burst it begins anew (A. Auger, N. Hansen, "A restart CMA evolution
    strategy", CEC 2005) with the same population.
    """

    summary: ClassVar[str] = "evolution of a normal distribution: for ranges only, and many samples"
    paper: ClassVar[str] = "Hansen 2016, arXiv:1604.00772"

    name: Literal["cma_es"] = "cma_es"
    n_startup_trials: int = Field(1, ge=0, description="random draws of an arm before the first generation")
    population_size: int | None = Field(
        None, ge=2, description="trials of a generation; null: 4 + 3 ln(number of ranges), rounded down"
    )
    sigma0: float = Field(1 / 6, gt=0, le=1, description="first standard deviation, in parts of a range")

    def propose(self, arm: Arm, history: History, position: int, seed: int) -> Parameters:
        """See the class."""
        evolution = history.fold(self, lambda: _Evolution(self, arm), _Evolution.enter)
        if position < self.n_startup_trials or not evolution.axes:
            return start_up(arm, position, seed)
        shares = evolution.ask(derive(seed, "search", position) % 2**32)

        def draw(axis: Axis) -> Any:
            return axis.distribution.at(shares[axis.path]) if axis.path in shares else start_value(axis, position, seed)

        return spaces.drawn(arm.space, draw)

    def misfit(self, arm: Arm) -> str | None:
        """It moves along ranges, and an arm of choices has none."""
        if _ranges(arm):
            return None
        return "cma_es searches ranges, and every axis here is a choice. Take sampler: tpe"


class _Evolution:
    """The distribution after what happened in an arm."""

    def __init__(self, searcher: CMAES, arm: Arm) -> None:
        self.axes = _ranges(arm)
        self._searcher, self._objective = searcher, arm.objective
        self._generation = 0
        self._of: dict[int, int] = {}  # running trial -> the generation that it was drawn from
        self._ended: list[TrialRecord] = []  # of this generation
        if self.axes:
            self._start()

    def enter(self, change: Change) -> None:
        """Take in what happened. A trial is issued as soon as it is drawn, so the generation is that of its draw."""
        record = change.record
        if change.kind == "issued" and record.position >= self._searcher.n_startup_trials and self.axes:
            self._of[record.number] = self._generation
        elif change.kind == "ended" and self._of.pop(record.number, None) == self._generation:
            if record.outcome is not Outcome.FAILED:
                self._ended.append(record)
            if len(self._ended) == self._optimizer.population_size:
                self._next()

    def ask(self, seed: int) -> dict[str, float]:
        """A draw: the share of each range."""
        self._optimizer.reseed_rng(seed)
        drawn = self._optimizer.ask()
        return {axis.path: min(float(x), math.nextafter(1, 0)) for axis, x in zip(self.axes, drawn, strict=True)}

    def _start(self) -> None:
        n = len(self.axes)
        bounds, size = np.tile([0.0, 1.0], (n, 1)), self._searcher.population_size
        self._optimizer = CMA(np.full(n, 0.5), self._searcher.sigma0, bounds, 10 * n, 0, size)

    def _next(self) -> None:
        ranked = sorted(self._ended, key=lambda record: _rank(record, self._objective))
        with np.errstate(over="ignore"):  # a distribution that bursts begins anew
            self._optimizer.tell([(self._at(record.parameters), float(rank)) for rank, record in enumerate(ranked)])
        self._generation += 1
        self._ended = []
        if self._optimizer.should_stop():
            self._start()

    def _at(self, parameters: Mapping[str, Any]) -> np.ndarray:
        """Where a trial stands; on an axis that it does not have, in the middle of the distribution."""
        middle = self._optimizer.mean
        return np.array(
            [
                a.distribution.share(parameters[a.path]) if a.path in parameters else m
                for a, m in zip(self.axes, middle, strict=True)
            ]
        )


def _ranges(arm: Arm) -> list[Axis]:
    """The axes that are numbers with more than one value."""
    return [a for a in arm.axes if not isinstance(a.distribution, Choice) and a.distribution.n_values != 1]


def _rank(record: TrialRecord, objective: Objective) -> tuple[int, int, float]:
    """Sorts trials from the best to the worst."""
    match record.outcome:
        case Outcome.COMPLETED:
            return 0, 0, objective.loss(objective.of(record.best))
        case Outcome.PRUNED:
            last = record.reports[-1] if record.reports else None
            return 1, -(last.epoch if last else 0), objective.loss(objective.of(last.scores)) if last else math.inf
    return 2, 0, math.inf
