"""The charts of what mattered in each arm, and why there is none of the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gensweep.ledger.history import TrialRecord
from gensweep.report.drawing import Chart
from gensweep.report.palette import Style
from gensweep.report.responses import importances as chart_of
from gensweep.searchers.studies.importance import LEAST, importances
from gensweep.spaces.sweep import Sweep


def importance_charts(
    records: Iterable[TrialRecord], sweep: Sweep | None, look: Mapping[str, Style]
) -> tuple[list[Chart], list[str]]:
    """One chart an arm of enough trials, and a sentence on the others together."""
    if sweep is None:
        return [], ["Which axes mattered is not said: the sweep's definition is of another version."]
    records = list(records)
    charts, without = [], []
    for label, arm in sweep.arms.items():
        if label not in look:
            continue
        shares, n_trials = importances(arm, records)
        if shares:
            charts.append(chart_of(label, shares, look[label], n_trials))
        elif arm.axes:
            without.append(label)
    few = f"Which axes mattered is said from {LEAST} trials on that trained to their end"
    return charts, [f"{few}, with scores that differ; not of {', '.join(without)}."] if without else []
