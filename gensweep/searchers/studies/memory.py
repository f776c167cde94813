"""An arm's study in memory: a fold of its history, that a sampler is asked with."""

from __future__ import annotations

import warnings
from typing import Any

import optuna
from optuna.trial import TrialState

from gensweep.axes import space as spaces
from gensweep.axes.arms import Arm
from gensweep.axes.axis import Axis
from gensweep.errors import Outcome
from gensweep.ledger.history import Change
from gensweep.searchers.studies.trials import direction, held, modelled, parameters_of, running, trial


class ArmStudy:
    """What a sampler knows of an arm, its trials in the order in which they ended.

    A running trial is there from its issue on, so that samplers keep away from it. It is closed as failed, which samplers
    leave out, when the whole of it is added. A trial that failed by our fault is thus left out by itself. With `imputed`
    every trial has every axis, for a sampler that models only those that all trials have.

    `n_completed` and `n_pruned` count the results that a sampler can learn from.
    """

    def __init__(self, arm: Arm, *, imputed: bool) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.arm, self._imputed = arm, imputed
        self.n_completed = self.n_pruned = 0
        self._study = optuna.create_study(direction=direction(arm.objective))
        self._size = 0
        self._running: dict[int, int] = {}  # a trial's number -> that of its placeholder

    def enter(self, change: Change) -> None:
        """Take in what happened."""
        record = change.record
        if change.kind == "issued":
            self._running[record.number] = self._size
            self._add(running(parameters_of(self.arm, record.proposed, imputed=self._imputed)))
        elif change.kind == "ended":
            self._study.tell(self._running.pop(record.number), state=TrialState.FAIL)
            if record.outcome is not Outcome.FAILED:
                axes = parameters_of(self.arm, record.parameters, imputed=self._imputed)
                self._add(trial(record, self.arm.objective, axes))
                self.n_pruned += record.outcome is Outcome.PRUNED
                self.n_completed += record.outcome is not Outcome.PRUNED

    def ask(self, sampler: optuna.samplers.BaseSampler) -> dict[str, Any]:
        """What the sampler proposes. The study is as it was, but for one more failed trial."""
        self._study.sampler = sampler
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # infinities, which are meant
            asked = self._study.ask()
            self._size += 1
            try:
                return spaces.drawn(self.arm.space, lambda axis: _suggested(asked, axis))
            finally:
                self._study.tell(asked.number, state=TrialState.FAIL)

    def _add(self, frozen: optuna.trial.FrozenTrial) -> None:
        self._study.add_trial(frozen)
        self._size += 1


def _suggested(asked: optuna.Trial, axis: Axis) -> Any:
    name, ours = str(axis.path), axis.distribution
    theirs = modelled(ours)
    if isinstance(theirs, optuna.distributions.CategoricalDistribution):
        return held(ours, asked.suggest_categorical(name, theirs.choices))
    if isinstance(theirs, optuna.distributions.IntDistribution):
        return held(ours, asked.suggest_int(name, theirs.low, theirs.high, log=theirs.log))
    return held(ours, asked.suggest_float(name, theirs.low, theirs.high, log=theirs.log))
