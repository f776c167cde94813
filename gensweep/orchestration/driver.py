"""The driver's mind: hands out trials, takes reports, decides, and writes every change to the ledger before acting on it.

It knows no Ray: an executor asks `next` for work and tells `take` and `lost` what came of it. Everything here is rebuilt
from the sweep's folder at each start, so a driver that was killed is continued by any other.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from gensweep.datasets import base as datasets
from gensweep.errors import Outcome
from gensweep.ledger.state import Reported, SweepState, TrialRecord
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.orchestration.early_stopping import should_stop
from gensweep.orchestration.optuna_search import Search, Suggestion
from gensweep.spaces.configuration import TrialConfiguration
from gensweep.spaces.sweep import Sweep
from gensweep.trial import Assignment, Failure, Report, trial_key

MACHINE_RETRIES = 3
SAME_ERRORS = 3  # the same error in the code, this often in a row and nothing else, ends the sweep early


class Driver:
    """One sweep while it runs, its folder held by this process. `on_change(record)` follows every change of a trial."""

    def __init__(self, sweep: Sweep, folder: SweepFolder, on_change: Callable[[TrialRecord], None]) -> None:
        self.sweep, self.folder, self._append, self._on_change = sweep, folder, folder.events.append, on_change
        self.state: SweepState = folder.state()
        self.search = Search(sweep, folder.path / "study.db", self.state)
        self._waiting = sorted(self.state.live(), key=lambda record: record.number)
        self._began = time.monotonic()
        self.stop_reason, self.stop_code = "", 0
        self._errors_in_a_row: list[str] = []

    @property
    def total(self) -> int:
        """How many trials the sweep has when it is done."""
        return self.search.total

    @property
    def is_stopping(self) -> bool:
        """Whether no more work shall begin and running trials shall be left where they stand."""
        budget = self.sweep.resources.time_budget
        if not self.stop_reason and budget is not None and time.monotonic() - self._began > budget:
            self.request_stop(f"time budget of {budget:g} s", 75)
        return bool(self.stop_reason)

    @property
    def is_done(self) -> bool:
        """Whether every trial has ended."""
        return len(self.state.trials) >= self.total and not self.state.live()

    def request_stop(self, reason: str, code: int) -> None:
        """Stop at the next report; the first reason stays."""
        if not self.stop_reason:
            self.stop_reason, self.stop_code = reason, code

    def next(self) -> Assignment | None:
        """The next trial to run: one that was left unfinished, else a new one; None when there is none left."""
        if self.is_stopping:
            return None
        if self._waiting:
            return self._assign(self._waiting.pop(0))
        number = max(self.state.trials, default=-1) + 1
        if number >= self.total:
            return None
        return self._assign(self._issue(number, self.search.suggest(number)))

    def take(self, said: Report | Failure) -> bool:
        """Note what a worker said; whether its trial must stop now."""
        record = self.state.trials[said.number]
        if record.outcome is not None:
            return True
        if isinstance(said, Failure):
            self._fail(record, said.reason, said.details)
            return True
        is_news = bool(said.scores) and self._note(record, said)
        if said.outcome is not None:
            self._end(record, said.outcome, said.reason)
            return True
        if not is_news:
            return self.is_stopping
        others = [self._history(r) for r in self.state.trials.values() if r.family == record.family and r is not record]
        if should_stop(self._history(record), others, self.sweep.schedule, self.sweep.objective):
            self._end(record, Outcome.PRUNED, f"at epoch {said.epoch}, ranked within {record.family}")
            return True
        return self.is_stopping

    def lost(self, number: int, reason: str) -> None:
        """The machine took the worker of trial `number`: run it again from its checkpoint, a few times."""
        record = self.state.trials[number]
        if record.outcome is not None:
            return
        if record.attempt > MACHINE_RETRIES:
            self._fail(record, f"its worker was lost {record.attempt} times, last: {reason}", reason)
        elif not self.is_stopping:
            record.attempt += 1
            self._log_issue(record)
            self._waiting.append(record)

    def _issue(self, number: int, suggestion: Suggestion) -> TrialRecord:
        configuration = TrialConfiguration.model_validate(suggestion.configuration)
        data = datasets.load(configuration.dataset)
        plain = configuration.dump()
        record = TrialRecord(
            number=number,
            key=trial_key(plain, data.digest),
            family=suggestion.family,
            parameters=suggestion.parameters,
            configuration=plain,
            attempt=1,
        )
        self.state.trials[number] = record
        self._log_issue(record)
        return record

    def _log_issue(self, record: TrialRecord) -> None:
        names = ("number", "key", "family", "parameters", "configuration", "attempt")
        self._append({"event": "issued", **{name: getattr(record, name) for name in names}})
        self._on_change(record)

    def _assign(self, record: TrialRecord) -> Assignment:
        return Assignment(
            record.number,
            record.key,
            record.configuration,
            self.folder.trial_of(record),
            self.sweep.objective.metric,
            self.sweep.objective.mode,
        )

    def _note(self, record: TrialRecord, report: Report) -> bool:
        """Enter a report; whether it was new, and not said again after a resume."""
        record.epoch, record.step, record.seconds = report.epoch, report.step, report.seconds
        record.best, record.best_epoch, record.protocol = report.best, report.best_epoch, report.protocol
        if record.reports and report.epoch <= record.reports[-1].epoch:
            return False
        self._append(
            {
                "event": "reported",
                "number": record.number,
                "epoch": report.epoch,
                "step": report.step,
                "scores": report.scores,
            }
        )
        record.reports.append(Reported(report.epoch, report.step, report.scores))
        self.search.observe(record, report.epoch, report.scores[self.sweep.objective.metric])
        self._on_change(record)
        return True

    def _end(self, record: TrialRecord, outcome: Outcome, reason: str) -> None:
        record.outcome, record.reason = outcome, reason
        names = ("number", "reason", "epoch", "step", "best", "best_epoch", "seconds", "protocol")
        self._append({"event": "ended", "outcome": outcome.name, **{name: getattr(record, name) for name in names}})
        self.search.tell(record)
        if outcome is not Outcome.FAILED:
            self._errors_in_a_row.clear()
        self._on_change(record)

    def _fail(self, record: TrialRecord, reason: str, details: str) -> None:
        self.folder.trial_of(record).write_file("error.txt", details.encode())
        self._end(record, Outcome.FAILED, reason)
        self._errors_in_a_row.append(f"{reason} at step {record.step}")
        last = self._errors_in_a_row[-SAME_ERRORS:]
        if len(last) == SAME_ERRORS and len(set(last)) == 1:
            self.request_stop(f"the same error in {SAME_ERRORS} trials in a row ({reason})", 1)

    def _history(self, record: TrialRecord) -> list[tuple[int, float]]:
        metric = self.sweep.objective.metric
        history = [(reported.epoch, reported.scores[metric]) for reported in record.reports]
        if record.outcome is Outcome.DIVERGED:
            history.append((record.epoch + 1, math.nan))
        return history
