"""What who opens a store's pages sees first of a sweep: the table of its trials, and the text at the top of its own run."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from gensweep.ledger.state import SweepState
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.objective import Objective
from gensweep.tracking import view
from gensweep.tracking.cursor import SWEEP
from gensweep.tracking.describe import clean
from gensweep.tracking.note import Standing, note
from gensweep.tracking.run_store import Refused
from gensweep.tracking.runs import Runs
from gensweep.tracking.view import View

NOTE = "mlflow.note.content"
_FIRST_AXES = ("lambda", "latent_size")  # what people ask for first
_MOST_AXES = 4
_DIGITS = 16


class Front:
    """Sends both where they changed since they were last sent."""

    def __init__(self, folder: SweepFolder) -> None:
        self._folder = folder

    def tell(self, runs: Runs, state: SweepState, standing: Standing) -> None:
        """Bring them level with a sweep whose own run exists."""
        objective = objective_of(self._folder)
        text = note(self._folder.argument, state, objective, standing, self._folder.path / "report")
        table = self._view(runs, state, objective)
        said = hashlib.sha256(repr((text, table)).encode()).hexdigest()[:_DIGITS]
        if runs.sweep.said == said:
            return
        with suppress(Refused):  # by a store of other limits: no number depends on it, and the next one may fit
            runs.store.show(table)
            runs.store.log(table.parent, (), {}, {NOTE: text})
            runs.sweep.said = said
            runs.changed(SWEEP)

    def _view(self, runs: Runs, state: SweepState, objective: Objective | None) -> View:
        best = view.metric(clean(f"best.{objective.metric}")) if objective else view.CREATED
        return View(
            key=view.key_of(runs.cursor.sweep_id),
            title=self._folder.name,
            parent=str(runs.sweep.run_id),
            created=runs.sweep.declared,
            order=best,
            ascending=objective is not None and objective.mode == "min",
            columns=tuple(_columns(state, objective)),
        )


def objective_of(folder: SweepFolder) -> Objective | None:
    """What a sweep looks for."""
    found = folder.definition.get("objective")
    return Objective.model_validate(found) if found else None


def _columns(state: SweepState, objective: Objective | None) -> Iterator[str]:
    yield view.tag("gensweep.arm")
    if objective:
        yield view.metric(clean(f"best.{objective.metric}"))
        if state.confirmations:
            yield view.metric(clean(f"test.{objective.metric}"))
    first, others = _axes(state)
    yield from (view.parameter(clean(axis)) for axis in first)
    yield view.tag("gensweep.outcome")
    yield view.DURATION
    yield from (view.parameter(clean(axis)) for axis in others)
    yield view.DATASET


def _axes(state: SweepState) -> tuple[list[str], list[str]]:
    """What the search varies: what people ask for first, and of the others those that most trials have."""
    counts = Counter(axis for record in state.trials.values() for axis in record.parameters)
    by_number = sorted(counts, key=lambda axis: (-counts[axis], axis))
    first = [axis for name in _FIRST_AXES for axis in by_number if axis.rpartition(".")[2] == name]
    return first[:_MOST_AXES], [axis for axis in by_number if axis not in first][:_MOST_AXES]
