"""What every trial had on average up to an epoch: the table of the median rule, kept as reports come."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field

from gensweep.errors import Outcome
from gensweep.ledger.history import Change, TrialRecord
from gensweep.objective import Objective


@dataclass
class _Course:
    """One trial: its running mean of losses after each report, the best loss, and how it counts once it has ended."""

    epochs: list[int] = field(default_factory=list)
    means: list[float] = field(default_factory=list)
    best: float = math.inf
    final: float | None = None

    def report(self, epoch: int, loss: float) -> None:
        n, before = len(self.means) + 1, self.means[-1] if self.means else 0.0
        self.epochs.append(epoch)
        self.means.append(before * ((n - 1) / n) + loss / n)  # so that two large losses do not overflow
        self.best = min(self.best, loss)

    def up_to(self, epoch: int) -> float | None:
        """Its mean up to an epoch, or of its first report where that came later; None where it does not count there."""
        if self.epochs and self.epochs[-1] >= epoch:
            return self.means[max(bisect_right(self.epochs, epoch) - 1, 0)]
        return self.final


class Averages:
    """For each epoch at which anyone reported, the means up to it of the trials that reached it or ended before, sorted.

    A trial that diverged counts as the worst where it did not come to; one that failed does not count there.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self._means: dict[int, list[float]] = {}
        self._courses: dict[int, _Course] = {}

    def enter(self, change: Change) -> None:
        """Take in what happened."""
        course = self._courses.setdefault(change.record.number, _Course())
        if change.kind == "reported" and change.report is not None:
            before = course.epochs[-1] if course.epochs else 0
            course.report(change.report.epoch, self.objective.loss(self.objective.of(change.report.scores)))
            self._count(course, before, change.report.epoch)
        elif change.kind == "ended":
            course.final = _final(course, change.record.outcome)
            if course.final is not None:
                before = course.epochs[-1] if course.epochs else 0
                self._count(course, before, max(self._means, default=0))

    def _count(self, course: _Course, after: int, until: int) -> None:
        """Enter a trial at the known epochs above `after`, and everyone at `until` if that is a new one."""
        for epoch, means in self._means.items():
            if after < epoch <= until:
                insort(means, _known(course.up_to(epoch)))
        if until > 0 and until not in self._means:
            values = (other.up_to(until) for other in self._courses.values())
            self._means[until] = sorted(value for value in values if value is not None)

    def best(self, trial: TrialRecord) -> float:
        """The trial's lowest loss so far."""
        return self._courses[trial.number].best

    def n_others(self, trial: TrialRecord) -> int:
        """How many other trials it is compared with at the epoch of its newest report."""
        return len(self._means[self._courses[trial.number].epochs[-1]]) - 1

    def median_of_others(self, trial: TrialRecord) -> float:
        """The median of their means there; of an even number, the middle between the two in the middle."""
        course = self._courses[trial.number]
        means, n = self._means[course.epochs[-1]], self.n_others(trial)
        own = bisect_left(means, course.means[-1])
        low, high = (means[k if k < own else k + 1] for k in ((n - 1) // 2, n // 2))
        return low / 2 + high / 2


def _final(course: _Course, outcome: Outcome | None) -> float | None:
    if outcome is Outcome.DIVERGED:
        return math.inf
    return course.means[-1] if course.means and outcome is not Outcome.FAILED else None


def _known(value: float | None) -> float:
    assert value is not None, "a trial is counted only where it has come to"
    return value
