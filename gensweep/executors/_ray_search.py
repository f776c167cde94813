"""Where Ray Tune meets the driver: a searcher that hands out its trials and a stopper that takes the reports."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ray.tune import Stopper
from ray.tune.search import Searcher

from gensweep.executors.base import Work


class _NotSaved:
    """Tune pickles what it is given, for a restore that never comes; the driver stays out of it."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class WorkSearcher(_NotSaved, Searcher):
    """Gives Tune the next job, and tells the driver which workers the machine took."""

    def __init__(self, work: Work) -> None:
        super().__init__(metric=None, mode=None)
        self.work = work
        self._numbers: dict[str, int] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The worker's configuration for a new Tune trial; FINISHED when nothing is left; None to ask again later."""
        job = self.work.next()
        if job is None:
            return Searcher.FINISHED if self.work.is_stopping or self.work.is_done else None
        self._numbers[trial_id] = job.number
        return {"job": asdict(job)}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Reports go through the stopper, which sees each exactly once."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """A Tune trial is over; with `error`, its process was lost."""
        if error:
            self.work.lost(self._numbers[trial_id], "the worker's process or node was lost")

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the ledger has it all."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore: a start builds a new searcher."""


class WorkStopper(_NotSaved, Stopper):
    """Hands each report to the driver, whose answer stops the trial; and stops everything when the driver says so."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether this trial stops now."""
        return self.work.take(result["said"])

    def stop_all(self) -> bool:
        """Whether every trial stops now."""
        return self.work.is_stopping
