"""How much of the spread of an arm's scores each axis explains, by Optuna's fANOVA: to explore with, not to judge by."""

from __future__ import annotations

import math
from collections.abc import Iterable

import optuna
from optuna.importance import FanovaImportanceEvaluator

from gensweep.axes.arms import Arm
from gensweep.errors import Outcome
from gensweep.ledger.history import TrialRecord
from gensweep.searchers.studies.trials import direction, parameters_of, trial

LEAST = 10  # trials; of fewer a forest of trees says nothing


def importances(arm: Arm, records: Iterable[TrialRecord]) -> tuple[dict[str, float], int]:
    """The share of each axis by its place, summing to 1, and of how many trials; no shares where they are too few or equal.

    Of trials of the search that trained to their end. An axis that only some of them have is taken at its middle elsewhere.

    Source: Hutter, Hoos, Leyton-Brown, "An efficient approach for assessing hyperparameter importance", ICML 2014.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    own = [record for record in records if _counts(record, arm)]
    study = optuna.create_study(direction=direction(arm.objective))
    study.add_trials(
        [trial(record, arm.objective, parameters_of(arm, record.parameters, imputed=True)) for record in own]
    )
    values = {arm.objective.of(record.best) for record in own}
    if len(own) < LEAST or len(values) < 2 or not arm.axes:
        return {}, len(own)
    found = optuna.importance.get_param_importances(study, evaluator=FanovaImportanceEvaluator(n_trees=32, seed=0))
    shares: dict[str, float] = {}
    for axis in arm.axes:
        share = float(found.get(str(axis.path), 0.0))
        shares[axis.path.place] = shares.get(axis.path.place, 0.0) + (share if math.isfinite(share) else 0.0)
    return shares, len(own)


def _counts(record: TrialRecord, arm: Arm) -> bool:
    """Whether it is a trial of the arm's search, trained to its end, with a finite score and parameters of the arm."""
    return (
        record.arm == arm.label
        and record.parent is None
        and record.outcome is Outcome.COMPLETED
        and math.isfinite(arm.objective.of(record.best))
        and arm.unknown(record.parameters) is None
    )
