"""Where Ray Tune meets the driver: a searcher that hands out its trials and a stopper that takes the reports."""

from __future__ import annotations

from typing import Any

from ray.tune import Stopper
from ray.tune.search import Searcher

from gensweep.ledger.lease import Fence
from gensweep.orchestration.driver import Driver
from gensweep.orchestration.resources import threads


class _NotSaved:
    """Tune pickles what it is given, for a restore that never comes; the driver stays out of it."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class DriverSearcher(_NotSaved, Searcher):
    """Gives Tune the driver's next trial, and tells the driver which workers the machine took."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(metric=None, mode=None)
        self.driver = driver
        self._numbers: dict[str, int] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The worker's configuration for a new Tune trial; FINISHED when nothing is left; None to ask again later."""
        assignment = self.driver.next()
        if assignment is None:
            done = self.driver.is_stopping or self.driver.is_done
            return Searcher.FINISHED if done else None
        self._numbers[trial_id] = assignment.number
        return {
            "assignment": {
                "number": assignment.number,
                "key": assignment.key,
                "configuration": dict(assignment.configuration),
                "objective": assignment.objective,
                "mode": assignment.mode,
            },
            "folder": str(assignment.folder.path.resolve()),
            "fence": Fence(self.driver.folder.path.resolve(), self.driver.folder.generation()),
            "threads": threads(self.driver.sweep.resources),
            "device": "cuda" if self.driver.sweep.resources.gpu else "cpu",
        }

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Reports go through the stopper, which sees each exactly once."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """A Tune trial is over; with `error`, its process was lost."""
        if error:
            self.driver.lost(self._numbers[trial_id], "the worker's process or node was lost")

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the ledger has it all."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore: a start builds a new searcher."""


class DriverStopper(_NotSaved, Stopper):
    """Hands each report to the driver, whose answer stops the trial; and stops everything when the driver says so."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether this trial stops now."""
        return self.driver.take(result["said"])

    def stop_all(self) -> bool:
        """Whether every trial stops now."""
        return self.driver.is_stopping
