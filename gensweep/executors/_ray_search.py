"""Where Ray Tune meets the driver: a searcher hands out its trials, a stopper takes the reports, a callback the losses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ray.tune import Callback, Stopper
from ray.tune.experiment import Trial
from ray.tune.search import Searcher

from gensweep.executors import worker_loss
from gensweep.executors._mailbox import Mailbox
from gensweep.executors._ray_changes import Changes
from gensweep.executors._ray_places import MOST_LOSSES, Losing, node_of
from gensweep.executors.base import Work, room
from gensweep.executors.kernel_kills import KernelKills
from gensweep.faults import Fault
from gensweep.stopping import handlers, put_back
from gensweep.trial import Job, Report

T = TypeVar("T")


class _NotSaved:
    """Tune pickles what it is given, for a restore that never comes; the driver stays out of it."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class Guarded(_NotSaved):
    """Work whose errors end the run: inside Tune they would be logged, or come out as text in a TuneError."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.error: BaseException | None = None

    @property
    def is_stopping(self) -> bool:
        """Whether every trial stops now."""
        return self.error is not None or self.work.is_stopping

    def ask(self, question: Callable[[Work], T], otherwise: T) -> T:
        """What the work answers; `otherwise` once it has raised an error."""
        if self.error is None:
            try:
                return question(self.work)
            except BaseException as error:
                self.error = error
        return otherwise


@dataclass
class Given:
    """A pack as the driver knows it: the job that it began with, and the numbers of the trials that it has."""

    like: Job
    numbers: set[int]


class WorkSearcher(_NotSaved, Searcher):
    """Gives Tune the next job, and knows which Tune trial is a pack of which."""

    def __init__(self, guarded: Guarded, changes: Changes, mailbox: Mailbox | None = None) -> None:
        super().__init__(metric=None, mode=None)
        self.guarded, self.changes = guarded, changes
        self.packs: dict[str, Given] = {}
        changes.limit.n_packs = self.packs.__len__
        self.mailbox = mailbox
        self._handlers = handlers()

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The worker's configuration for a new Tune trial; FINISHED when nothing is left; None to ask again later."""
        put_back(self._handlers)  # Tune has its own, whose end nobody could tell from success
        self.guarded.ask(self.changes.tell, None)
        if self.guarded.is_stopping:
            return str(Searcher.FINISHED)
        is_full = self.changes.limit.is_reached
        if is_full and self.packs:
            return None
        job = None if is_full else self.guarded.ask(lambda work: work.next(), None)
        if job is None:
            is_over = self.guarded.ask(lambda work: work.is_stopping or work.is_done, True)
            return str(Searcher.FINISHED) if is_over else None
        self.packs[trial_id] = Given(job, {job.number})
        return {"job": asdict(job), "mailbox": self.mailbox.name if self.mailbox else None, "pack": trial_id}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Reports go through the stopper, which sees each exactly once."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """A Tune trial is over; with `error`, its process was lost, and WorkLosses hears of it next."""
        if not error:
            del self.packs[trial_id]
        if self.mailbox is not None:
            self.mailbox.forget(trial_id)

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the ledger has it all."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore: a start builds a new searcher."""


class WorkStopper(_NotSaved, Stopper):
    """Hands each report to the driver, and its answer to the pack; and stops everything when the driver says so."""

    def __init__(self, searcher: WorkSearcher, losing: Losing) -> None:
        self.searcher, self.guarded, self.losing = searcher, searcher.guarded, losing

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether this pack is over."""
        if any(isinstance(said, Report) for said in result["said"]):
            self.losing.reported(result["node"])
            self.searcher.changes.reported(result["node"])
        return self.guarded.ask(lambda work: self._answered(work, trial_id, result), True)

    def _answered(self, work: Work, trial_id: str, result: dict[str, Any]) -> bool:
        pack, mailbox = self.searcher.packs[trial_id], self.searcher.mailbox
        stop = [said.number for said in result["said"] if work.take(said)]
        pack.numbers -= set(stop)
        if work.is_stopping:
            return True
        start = list(self._more(work, pack, result["rows"])) if result["turn"] and mailbox else []
        if pack.numbers and result["turn"] and mailbox:
            mailbox.post(trial_id, result["turn"], {"stop": stop, "start": [asdict(job) for job in start]})
        return not pack.numbers

    def _more(self, work: Work, pack: Given, rows: int) -> Iterator[Job]:
        limit = self.searcher.changes.limit
        while not limit.is_exceeded and room(work, rows, len(pack.numbers), max(1, limit.places)) > 0:
            if (job := work.next(like=pack.like)) is None:
                return
            pack.numbers.add(job.number)
            yield job

    def stop_all(self) -> bool:
        """Whether every trial stops now; Tune asks ten times a second, while it has trials."""
        self.guarded.ask(self.searcher.changes.tell, None)
        return self.guarded.is_stopping


class WorkLosses(_NotSaved, Callback):
    """Tells the driver which workers the machine took, and what they died of. `logs`: of Ray's processes, if they are here."""

    def __init__(self, searcher: WorkSearcher, logs: Path | None, losing: Losing) -> None:
        self.searcher, self.logs, self.losing = searcher, logs, losing
        self._kills = KernelKills()

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Tune has written the error down before it says that there is one."""
        pack = self.searcher.packs.pop(trial.trial_id)
        file = Path(trial.error_file) if trial.error_file else None
        told = file.read_text(errors="replace") if file is not None and file.exists() else ""
        by_kernel = self._kills.explains() and self.logs is not None  # of another machine's nothing is known
        reason = worker_loss.reason(told, self.logs, by_kernel=by_kernel)
        fault = worker_loss.fault(told, self.logs, by_kernel=by_kernel)
        for number in sorted(pack.numbers):
            self.searcher.guarded.ask(partial(_lose, number=number, reason=reason, fault=fault), None)
        node = node_of(told)
        if fault is Fault.LOST:
            self.searcher.changes.lost(node)
        if (name := self.losing.lost(node, pack.numbers, fault)) is not None:
            self.searcher.guarded.ask(partial(_leave_out, name=name, reason=reason.partition("\n")[0]), None)


def _leave_out(work: Work, name: str, reason: str) -> None:
    work.left_out(name, f"it lost {MOST_LOSSES} trials in a row, the last because {reason}")


def _lose(work: Work, number: int, reason: str, fault: Fault) -> None:
    work.lost(number, reason, fault)
