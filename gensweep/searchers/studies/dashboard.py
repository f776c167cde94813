"""A sweep's trials as a file for optuna-dashboard. It is written, and never read back."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import FrozenTrial

from gensweep.axes.arms import Arm
from gensweep.axes.distributions import QUniform
from gensweep.ledger.durable import refuse_folder
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.state import SweepState
from gensweep.searchers.studies.trials import direction, parameters_of, trial

NUMBER = "gensweep.number"


Times = Mapping[int, tuple[int, int | None]]


def write_studies(arms: Mapping[str, Arm], state: SweepState, path: Path, times: Times | None = None) -> None:
    """Write `path`, an SQLite file with a study for each arm: `optuna-dashboard sqlite:///runs/wae/study.db`.

    Every trial is there with its state, its value and those of each epoch, and its number in the sweep as the user
    attribute `gensweep.number`. `times` say when a trial was issued and when it ended, in Unix milliseconds: without them
    the timeline shows when the file was written. An older file is replaced at once, when the new one is complete.

    Raises:
        DamagedSweep: a folder stands in its place.
    """
    refuse_folder(path)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    new = path.with_name(f".{path.name}.new")
    _discard(new)
    try:
        _write(arms, state, new, times or {})
        os.replace(new, path)
    finally:
        _discard(new)


def _discard(new: Path) -> None:
    """What a killed process left, its journal too: SQLite would play that back into the new file."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        left = Path(f"{new}{suffix}")
        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)


def _write(arms: Mapping[str, Arm], state: SweepState, path: Path, times: Times) -> None:
    storage = optuna.storages.RDBStorage(f"sqlite:///{quote(str(path))}")
    try:
        for label, arm in arms.items():
            study = optuna.create_study(storage=storage, study_name=label, direction=direction(arm.objective))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # names of metrics are experimental in Optuna
                study.set_metric_names([arm.objective.metric])
            records = sorted(state.arms.get(label, ()), key=lambda record: record.number)
            trials = [trial(r, arm.objective, _shown(arm, r), _attributes(r)) for r in records]
            study.add_trials([_timed(*each, times) for each in zip(trials, records, strict=True)])
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _timed(shown: FrozenTrial, record: TrialRecord, times: Times) -> FrozenTrial:
    """The trial with the times of its own, in Optuna's form: local, without a zone."""
    if record.number in times:
        began, ended = times[record.number]
        shown.datetime_start = datetime.fromtimestamp(began / 1000)
        if ended is not None and record.outcome:
            shown.datetime_complete = datetime.fromtimestamp(max(began, ended) / 1000)
    return shown


def _attributes(record: TrialRecord) -> dict[str, Any]:
    outcome = {"outcome": record.outcome.name.lower()} if record.outcome else {}
    reason = {"reason": record.reason} if record.outcome and record.reason else {}
    return {NUMBER: record.number, **outcome, **reason, "seconds": record.seconds}


def _shown(arm: Arm, record: TrialRecord) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    """The parameters as a person knows them: the values of quniform, not the numbers of their steps."""
    values, distributions = parameters_of(arm, record.parameters)
    for axis in arm.axes:
        if isinstance(axis.distribution, QUniform) and axis.path in values:
            low, high = axis.distribution.ends()[0], axis.distribution.ends()[-1]
            values[str(axis.path)] = axis.distribution.after(values[axis.path])
            distributions[str(axis.path)] = FloatDistribution(low, high)
    return values, distributions
