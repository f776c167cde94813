"""Who stood where at each multiple of an interval: the ranks of population-based training, kept as reports come."""

from __future__ import annotations

import math
import random
from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection

from gensweep.axes.arms import identity
from gensweep.errors import Outcome
from gensweep.ledger.history import Change, TrialRecord
from gensweep.objective import Objective

_Place = tuple[str, int]
"""A population, named by what its trials have in common, and an epoch."""


class Population:
    """At each multiple of `interval` epochs, the losses of the trials that reached it, sorted.

    Trials that differ on an axis outside `knobs` have weights of other shapes, and are populations of their own. A trial's
    loss is that of its first report at or after the epoch. One that diverged counts as the worst at the first epoch that it
    did not reach; it gives its weights to nobody, and neither does one that failed.
    """

    def __init__(self, objective: Objective, interval: int, knobs: Collection[str]) -> None:
        self.objective, self.interval, self.knobs = objective, interval, frozenset(knobs)
        self._ranked: dict[_Place, list[float]] = {}
        self._givers: dict[_Place, list[tuple[float, int]]] = {}  # losses and positions
        self._entered: dict[int, list[tuple[_Place, float]]] = {}  # position -> where it may give
        self._at: dict[int, int] = {}  # position -> epoch of its newest report
        self._newest: dict[int, tuple[_Place, float] | None] = {}  # the last place of that report, and its loss

    def enter(self, change: Change) -> None:
        """Take in what happened."""
        record = change.record
        before = self._at.get(record.position, 0)
        following = (before // self.interval + 1) * self.interval
        if change.kind == "reported" and change.report is not None:
            loss, self._at[record.position] = self._loss(change), change.report.epoch
            places = [(self._shared(record), at) for at in range(following, change.report.epoch + 1, self.interval)]
            for place in places:
                self._rank(record.position, place, loss)
            self._newest[record.position] = (places[-1], loss) if places else None
        elif change.kind == "ended" and record.outcome in (Outcome.DIVERGED, Outcome.FAILED):
            self._withdraw(record.position)
            if record.outcome is Outcome.DIVERGED:
                insort(self._ranked.setdefault((self._shared(record), following), []), math.inf)

    def source(self, trial: TrialRecord, quantile: float, rng: random.Random) -> int | None:
        """The position of one of the best that the trial shall copy, at random; None where it goes on by itself.

        It copies if its newest report is the first at an epoch of the table, it is there in the worst `quantile`, and one of
        the best `quantile` is strictly better.
        """
        newest = self._newest.get(trial.position)
        if newest is None:
            return None
        place, loss = newest
        ranked, givers = self._ranked[place], self._givers[place]
        n = min(math.ceil(len(ranked) * quantile - 1e-9), len(ranked) // 2)  # 100 * 0.07 is a little above 7
        if len(ranked) - bisect_right(ranked, loss) >= n:
            return None
        n_better = min(n, bisect_left(givers, (loss, -1)))
        return givers[rng.randrange(n_better)][1] if n_better else None

    def _loss(self, change: Change) -> float:
        assert change.report is not None
        return self.objective.loss(self.objective.of(change.report.scores))

    def _shared(self, record: TrialRecord) -> str:
        return identity({path: value for path, value in record.parameters.items() if path not in self.knobs})

    def _rank(self, position: int, place: _Place, loss: float) -> None:
        insort(self._ranked.setdefault(place, []), loss)
        insort(self._givers.setdefault(place, []), (loss, position))
        self._entered.setdefault(position, []).append((place, loss))

    def _withdraw(self, position: int) -> None:
        for place, loss in self._entered.pop(position, []):
            givers = self._givers[place]
            del givers[bisect_left(givers, (loss, position))]
