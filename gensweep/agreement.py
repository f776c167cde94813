"""Two trainings of one trial, score by score: the same bit for bit, to rounding, or not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gensweep.errors import Outcome
from gensweep.ledger.history import TrialRecord
from gensweep.trial import Report

Agreement = Literal["bit for bit", "to rounding", "no"]
_WORSE: dict[Agreement, int] = {"bit for bit": 0, "to rounding": 1, "no": 2}
# of float32, in which sums are taken in another order on another machine or by other threads
_RELATIVE, _ABSOLUTE = 1e-4, 1e-6


@dataclass(frozen=True)
class Compared:
    """One score in all reports: both values at `epoch`, where they differ most, or the last one where they do nowhere."""

    score: str
    epoch: int
    recorded: float
    here: float
    agrees: Agreement

    @property
    def difference(self) -> float:
        """Of the two values; infinite where one of them is no number."""
        if self.agrees == "bit for bit":
            return 0.0
        found = abs(self.recorded - self.here)
        return math.inf if math.isnan(found) else found

    def row(self) -> dict[str, Any]:
        """As a table shows it."""
        return {**vars(self), "difference": self.difference}


def compared(record: TrialRecord, reports: Sequence[Report]) -> tuple[list[Compared], list[str]]:
    """Each score that both have, and sentences on what only one has."""
    before = {report.epoch: report.scores for report in record.reports}
    after = {report.epoch: report.scores for report in reports if report.scores}
    missing = list(_one_sided(record, reports, before, after))
    pairs: dict[str, list[tuple[int, float, float]]] = {}
    for epoch, scores in before.items():
        for name in scores.keys() & after.get(epoch, {}).keys():
            pairs.setdefault(name, []).append((epoch, scores[name], after[epoch][name]))
    found = [_worst(name, pairs[name]) for name in sorted(pairs)]
    test = reports[-1].test if reports else {}
    for name, value in record.test.items():
        if name in test:
            found.append(_worst(f"test.{name}", [(record.best_epoch or record.epoch, value, test[name])]))
        else:
            missing.append(f"test.{name} is missing here")
    return found, missing


def _one_sided(
    record: TrialRecord, reports: Sequence[Report], before: Mapping[int, object], after: Mapping[int, object]
) -> Iterator[str]:
    """What of the two runs is not in both: epochs that were evaluated, and how they ended."""
    if unlike := sorted(set(before) ^ set(after)):
        yield f"only one of the two was evaluated at epoch {', '.join(map(str, unlike))}"
    ended = reports[-1].outcome if reports else None
    if record.outcome in (Outcome.COMPLETED, Outcome.DIVERGED) and ended is not record.outcome:
        yield f"it {_told(record.outcome)} in the sweep and {_told(ended)} here"
    elif ended is Outcome.DIVERGED and record.outcome is not Outcome.DIVERGED:
        yield f"it diverged here ({reports[-1].reason})"
    elif ended is Outcome.DIVERGED and reports[-1].step != record.step:
        yield f"it diverged at step {record.step} in the sweep and at {reports[-1].step} here"


def _told(outcome: Outcome | None) -> str:
    return "did not end" if outcome is None else "diverged" if outcome is Outcome.DIVERGED else "completed"


def _worst(name: str, pairs: Sequence[tuple[int, float, float]]) -> Compared:
    """The score where the two differ most; the last report where they do nowhere."""
    judged = [Compared(name, epoch, old, new, _agreement(old, new)) for epoch, old, new in pairs]
    return max(judged, key=lambda one: (_WORSE[one.agrees], one.difference, one.epoch))


def _agreement(old: float, new: float) -> Agreement:
    if old == new or (math.isnan(old) and math.isnan(new)):
        return "bit for bit"
    return "to rounding" if math.isclose(old, new, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE) else "no"
