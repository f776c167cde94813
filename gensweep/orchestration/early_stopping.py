"""Early stopping as a pure function of the reports so far: nothing to save, nothing to restore.

Successive halving in its stopping form: at each rung (grace_period x reduction_factor^k epochs) a trial goes on only if
it is in the best 1/reduction_factor of its own family's trials that have reached the rung. Families are never ranked
against each other here, because they converge at different speeds.

Source: Li et al., A System for Massively Parallel Hyperparameter Tuning, 2020, arXiv:1810.05934, Algorithm 2.
Differs: trials are stopped at a rung instead of being paused until they are promoted, and a rung is met by the first
evaluation at or after it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from gensweep.spaces.configuration import Objective, Schedule

History = Sequence[tuple[int, float]]
"""The reports of one trial in order: (epoch, objective); a value that is not finite ranks last."""


def should_stop(own: History, others: Iterable[History], schedule: Schedule, objective: Objective) -> bool:
    """Whether the trial with history `own`, whose last report has just come, stops here.

    Args:
        own: this trial's reports, the newest last; at least one.
        others: the reports of every other trial of its family, so far.
    """
    if schedule.name == "none":
        return False
    rung = _newest_rung(own, schedule)
    if rung is None:
        return False
    mine = _value_at(own, rung, objective)
    there = [value for history in others if (value := _value_at(history, rung, objective)) is not None]
    assert mine is not None
    places = math.ceil((len(there) + 1) / schedule.reduction_factor)
    return sum(value < mine for value in there) >= places


def _newest_rung(own: History, schedule: Schedule) -> int | None:
    """The highest rung that the last report reached and the one before had not; None if it reached no new one."""
    now, before = own[-1][0], own[-2][0] if len(own) > 1 else 0
    rung, newest = schedule.grace_period, None
    while rung <= now:
        if before < rung:
            newest = rung
        rung *= schedule.reduction_factor
    return newest


def _value_at(history: History, rung: int, objective: Objective) -> float | None:
    """The objective at the first report at or after `rung`, so that lower is better; None before it."""
    for epoch, value in history:
        if epoch >= rung:
            signed = value if objective.mode == "min" else -value
            return signed if math.isfinite(value) else math.inf
    return None
