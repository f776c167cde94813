"""The searcher: Optuna asks and is told, one study a family, so that no family's results steer another's search.

The ledger is the truth and the study follows it: at each start the study is brought level with the ledger, and a trial
that Optuna knows but the ledger does not (the driver died between the two) is closed as failed and asked for again.
"""

from __future__ import annotations

import itertools
import json
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import Trial, TrialState

from gensweep.axes.distributions import Choice, Distribution, Int, LogInt, LogUniform, QUniform, Uniform
from gensweep.axes.space import OneOf, grid, resolve
from gensweep.errors import Outcome
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.state import SweepState
from gensweep.seeding import derive
from gensweep.spaces.sweep import Sweep

_NUMBER = "gensweep.number"
_STARTUP = 10  # trials of a family before TPE models anything: Optuna's own default


@dataclass(frozen=True)
class Suggestion:
    """What a searcher gives: the family's label, the value of each active axis, and the configuration they make."""

    family: str
    parameters: dict[str, Any]
    configuration: dict[str, Any]


class Search:
    """The searcher of one sweep. Trial numbers go round the families, so that all have the same budget at any time."""

    def __init__(self, sweep: Sweep, storage: Path, state: SweepState) -> None:
        warnings.filterwarnings(
            "ignore", category=optuna.exceptions.ExperimentalWarning
        )  # `group`, experimental since 2.8
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.sweep, self.families = sweep, sweep.families()
        counts = sweep.counts()
        self._turns = [
            (which, position)
            for position in range(max(counts.values()))
            for which, (label, _) in enumerate(self.families)
            if position < counts[label]
        ]
        self._grids = (
            [list(itertools.islice(grid(space, sweep.search.points), counts[label])) for label, space in self.families]
            if sweep.search.sampler == "grid"
            else []
        )
        url = f"sqlite:///{storage}"
        self._studies = [
            optuna.create_study(
                study_name=f"{sweep.name}/{label}",
                storage=url,
                load_if_exists=True,
                direction="minimize" if sweep.objective.mode == "min" else "maximize",
            )
            for label, _ in self.families
        ]
        self._live: dict[int, tuple[int, Trial]] = {}
        self._level_with(state)

    @property
    def total(self) -> int:
        """How many trials the sweep has."""
        return len(self._turns)

    def suggest(self, number: int) -> Suggestion:
        """Values for trial `number`: a function of the sweep's seed, the number, and what has been told so far."""
        which, position = self._turns[number]
        study = self._studies[which]
        if self._grids:
            study.enqueue_trial({name: _stored(value) for name, value in self._grids[which][position].items()})
        elif self.sweep.search.sampler == "random" or position < _STARTUP:
            study.enqueue_trial(self._turn(which, position))
        study.sampler = self._sampler(number)
        trial = study.ask()
        trial.set_user_attr(_NUMBER, number)
        self._live[number] = (which, trial)
        parameters: dict[str, Any] = {}

        def ask(name: str, distribution: Distribution) -> Any:
            parameters[name] = _suggest(trial, name, distribution)
            return parameters[name]

        label, space = self.families[which]
        return Suggestion(label.replace("#", "-"), parameters, resolve(space, ask))

    def observe(self, record: TrialRecord, epoch: int, value: float) -> None:
        """An intermediate value of a running trial."""
        if record.number in self._live and math.isfinite(value):
            self._live[record.number][1].report(value, epoch)

    def tell(self, record: TrialRecord) -> None:
        """How a trial ended: its best objective, culled with what it reached, or failed."""
        if record.number not in self._live:
            return
        which, trial = self._live.pop(record.number)
        _tell(self._studies[which], trial.number, record, self.sweep.objective.metric)

    def _turn(self, which: int, position: int) -> dict[str, str]:
        """A label for each unconditional one_of, in turns, so that no branch is left out of a small sweep by chance."""
        labels: dict[str, str] = {}
        for name, options in _choices(self.families[which][1]):
            position, index = divmod(position, len(options))
            labels[name] = options[index]
        return labels

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        """A sampler of this trial's own seed: one seed for all would replay its first suggestions after each restart."""
        seed = derive(self.sweep.search.seed, "search", number) % 2**32
        if self.sweep.search.sampler == "tpe":
            # group: each branch of a conditional space is modelled by its own density
            return optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True, n_startup_trials=_STARTUP)
        return optuna.samplers.RandomSampler(seed=seed)

    def _level_with(self, state: SweepState) -> None:
        """Bring the studies level with the ledger: live trials are taken up, ended ones told, unknown ones closed."""
        for which, study in enumerate(self._studies):
            known = {}
            for frozen in study.get_trials(deepcopy=False):
                number = frozen.user_attrs.get(_NUMBER)
                if number in state.trials:
                    known[number] = frozen  # the newest of a number
                elif not frozen.state.is_finished():
                    study.tell(frozen.number, state=TrialState.FAIL)
            for number, record in sorted(state.trials.items()):
                if self._turns[number][0] == which:
                    self._level_trial(which, study, record, known.get(number))

    def _level_trial(
        self, which: int, study: optuna.Study, record: TrialRecord, frozen: optuna.trial.FrozenTrial | None
    ) -> None:
        if frozen is None or set(frozen.params) != set(record.parameters):
            if frozen is not None and not frozen.state.is_finished():
                study.tell(frozen.number, state=TrialState.FAIL)
            study.enqueue_trial({name: _stored(value) for name, value in record.parameters.items()})
            trial = study.ask()
            trial.set_user_attr(_NUMBER, record.number)
            resolve(self.families[which][1], lambda name, distribution: _suggest(trial, name, distribution))
        elif frozen.state.is_finished():
            return
        else:
            trial = Trial(study, frozen._trial_id)
        self._live[record.number] = (which, trial)
        if record.outcome is not None:
            self.tell(record)


def _tell(study: optuna.Study, number: int, record: TrialRecord, metric: str) -> None:
    value = record.best.get(metric, math.nan)
    if record.outcome is Outcome.COMPLETED and math.isfinite(value):
        study.tell(number, value)
    elif record.outcome is Outcome.PRUNED:
        study.tell(number, state=TrialState.PRUNED)
    else:
        study.tell(number, state=TrialState.FAIL)


def _choices(space: Any, name: str = "") -> Iterator[tuple[str, list[str]]]:
    """The axis name and the labels of each one_of that every trial meets."""
    if isinstance(space, OneOf):
        yield name, list(space.branches)
    elif isinstance(space, dict):
        for key, value in space.items():
            yield from _choices(value, f"{name}.{key}" if name else key)


def _suggest(trial: Trial, name: str, distribution: Distribution) -> Any:
    """The value of an axis from Optuna, as the configuration holds it."""
    match distribution:
        case Choice():
            stored = trial.suggest_categorical(name, [_stored(option) for option in distribution.options])
            return next(o for o in distribution.options if _same(_stored(o), stored))
        case LogUniform():
            return trial.suggest_float(name, distribution.low, distribution.high, log=True)
        case QUniform():
            return trial.suggest_float(name, distribution.low, distribution.high, step=distribution.q)
        case Uniform():
            return trial.suggest_float(name, distribution.low, distribution.high)
        case LogInt():
            return trial.suggest_int(name, distribution.low, distribution.high, log=True)
        case Int():
            return trial.suggest_int(name, distribution.low, distribution.high)
    raise AssertionError(f"no Optuna distribution for {distribution!r}")


def _stored(value: Any) -> Any:
    """A value as Optuna keeps it: lists as JSON text."""
    return json.dumps(value) if isinstance(value, list | tuple | dict) else value


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)
