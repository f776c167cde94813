"""Who stood where at which rung: the tables of successive halving, kept as reports come."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Iterator

from gensweep.errors import Outcome
from gensweep.ledger.history import Change, TrialRecord
from gensweep.objective import Objective


class Rungs:
    """For each rung (grace_period * reduction_factor^k epochs) the losses of the trials that reached it, sorted.

    A trial's loss at a rung is that of its first report at or after it. A trial that diverged counts as the worst at the
    first rung that it did not reach.
    """

    def __init__(self, objective: Objective, grace_period: int, reduction_factor: int) -> None:
        self.objective, self.grace_period, self.reduction_factor = objective, grace_period, reduction_factor
        self._losses: dict[int, list[float]] = {}
        self._at: dict[int, int] = {}  # trial -> epoch of its newest report
        self._newest: dict[int, tuple[int, float] | None] = {}  # trial -> the highest rung of that report, and its loss

    def enter(self, change: Change) -> None:
        """Take in what happened."""
        number = change.record.number
        before = self._at.get(number, 0)
        if change.kind == "reported" and change.report is not None:
            loss = self.objective.loss(self.objective.of(change.report.scores))
            crossed = list(self._crossed(before, change.report.epoch))
            for rung in crossed:
                insort(self._losses.setdefault(rung, []), loss)
            self._at[number] = change.report.epoch
            self._newest[number] = (crossed[-1], loss) if crossed else None
        elif change.kind == "ended" and change.record.outcome is Outcome.DIVERGED:
            insort(self._losses.setdefault(self._next(before), []), math.inf)

    def is_among_best(self, trial: TrialRecord) -> bool:
        """Whether the trial's newest report reached no new rung, or is in the best 1 / reduction_factor there."""
        newest = self._newest.get(trial.number)
        if newest is None:
            return True
        rung, loss = newest
        there = self._losses[rung]
        places = math.ceil(len(there) / self.reduction_factor)
        return bisect_left(there, loss) < places

    def _crossed(self, before: int, now: int) -> Iterator[int]:
        rung = self._next(before)
        while rung <= now:
            yield rung
            rung *= self.reduction_factor

    def _next(self, epoch: int) -> int:
        rung = self.grace_period
        while rung <= epoch:
            rung *= self.reduction_factor
        return rung
