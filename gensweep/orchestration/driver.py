"""The driver: hands out jobs, takes what is said of them, and enters every event in the ledger before anything follows.

    said -> mind.decide(state, said) -> events -> state.apply, the log -> the answer

It knows no Ray: an executor asks `next` for work and tells `take` and `lost` what came of it. Everything here is rebuilt
from the sweep's folder at each start, so a driver that was killed is continued by any other.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from gensweep.artifacts.homecoming import Homecoming
from gensweep.datasets import base as datasets
from gensweep.errors import ConfigError, DamagedSweep, Outcome
from gensweep.faults import Fault
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.state import SweepState
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.modes import shape_of
from gensweep.orchestration.decide import Entered, Event, Lost, Mind, Said, Wanted
from gensweep.registry.folder import digest_of
from gensweep.spaces.drawn import configuration_of
from gensweep.spaces.sweep import Sweep
from gensweep.terminal import say
from gensweep.text import counted, listed
from gensweep.trial import Failure, Job, Report, trial_key

KEPT = 16  # trials of an arm that may wait for a pack of their shape
_NAMED = 8  # nodes in a line
RESTS = (0.0, 5.0, 30.0)  # seconds before a trial is tried again, after its first, its second and any further fault


class Driver:
    """One sweep while it runs, its folder held by this process. `on_change(record)` follows every change of a trial.

    `known` is a state that was read before, which is the driver's from now on. `home` has what its trials leave at a store.
    Raises DamagedSweep where the ledger has trials of arms or with parameters that the definition does not know.
    """

    def __init__(
        self,
        sweep: Sweep,
        folder: SweepFolder,
        on_change: Callable[[TrialRecord], None],
        known: SweepState | None = None,
        home: Homecoming | None = None,
    ) -> None:
        self.sweep, self.folder, self._on_change, self._home = sweep, folder, on_change, home
        self.state: SweepState = folder.state(known)
        self.mind = Mind(sweep, issue)
        self._refuse_strange_trials()
        self._half_entered = _half_entered(folder)
        self.stop_reason, self.stop_code = "", 0
        self._rests: dict[int, float] = {}  # until when a trial is not tried again
        self._kept = deque[Job]()  # handed out to no pack yet
        self._most_kept = KEPT * max(2, len(sweep.arms))
        self._began = time.monotonic()
        self._generation = folder.generation()

    def _refuse_strange_trials(self) -> None:
        for record in self.state.trials.values():
            if strange := self._strange(record):
                raise DamagedSweep(
                    f"{self.folder.path}: trial {record.number} of the ledger has {strange}. Nothing was changed. Restore "
                    "both from one copy."
                )

    def _strange(self, record: TrialRecord) -> str | None:
        """What sweep.yaml would not have made of this trial. What has ended is not trained again, so is not made again."""
        arm = self.sweep.arms.get(record.arm)
        if strange := f"arm {record.arm!r:.60}" if arm is None else arm.unknown(record.parameters):
            return f"the {strange}, which sweep.yaml does not know"
        if arm is None or record.outcome is not None:
            return None
        seed = record.configuration.get("seed", -1)
        try:
            made = configuration_of({**arm.configuration(record.parameters, seed), "seed": seed})
            said = configuration_of(record.configuration)
        except ConfigError as error:
            return f"no configuration: {error}"
        if made == said:
            return None
        other = next(name for name, value in made if value != getattr(said, name))
        return f"another {other!r} than sweep.yaml gives it"

    @property
    def total(self) -> int:
        """How many trials the sweep has when it is done, at most."""
        return self.sweep.n_trials

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
        return self.mind.is_done(self.state)

    def start(self, **facts: Any) -> None:
        """Note that this driver begins: what an earlier one left running waits to be continued."""
        self._enter([{"event": "started", **facts}])
        record = None if self._half_entered is None else self.state.trials[self._half_entered]
        if record is not None and record.is_live and not _is_trained(record):
            self._log(self._applied(Entered(record.number)))

    def retry(self, numbers: Iterable[int]) -> None:
        """Take up trials that failed, from their checkpoints: what they failed of was mended."""
        self._enter([{"event": "retried", "number": number} for number in numbers])

    def finish(self) -> None:
        """Note how the training ended: finished, or stopped with its reason."""
        if self.is_done:
            self._enter([{"event": "finished"}])
        elif self.stop_reason:
            self._stopped()

    def close(self) -> None:
        """Note that nothing is left to do for a sweep that has finished; or that a stop came before all was written."""
        if self.is_done and self.stop_reason:
            self._stopped()
        elif self.is_done:
            self._enter([{"event": "closed"}])

    def _stopped(self) -> None:
        self._enter([{"event": "stopped", "reason": self.stop_reason, "code": self.stop_code}])

    def request_stop(self, reason: str, code: int) -> None:
        """Stop at the next report; the first reason stays. Any thread may ask."""
        if not self.stop_reason:
            self.stop_code = code
            self.stop_reason = reason

    @property
    def left(self) -> int:
        """How many trials have not ended, of all that the sweep may have."""
        return self.total - self.state.n_ended

    def next(self, like: Job | None = None) -> Job | None:
        """The next trial to run: one that was left unfinished, else a new one; None when there is none now.

        `like`: only one that can join the pack of this job. What comes before it in the order of trials is issued, and kept
        for the packs to come.
        """
        if self.is_stopping:
            return None
        if like is None:
            return self._kept.popleft() if self._kept else self._handed_out()
        if like.rows == 1:
            return None
        if (job := next((job for job in self._kept if _can_join(job, like)), None)) is not None:
            self._kept.remove(job)
            return job
        while len(self._kept) < self._most_kept and (job := self._handed_out(is_ahead=True)) is not None:
            if _can_join(job, like):
                return job
            self._kept.append(job)
        return None

    def _handed_out(self, *, is_ahead: bool = False) -> Job | None:
        now = time.monotonic()
        self._rests = {number: until for number, until in self._rests.items() if until > now}
        events = self._hear(Wanted(frozenset(self._rests), is_ahead))
        return self._job(self.state.trials[events[0]["number"]]) if events else None

    def take(self, said: Report | Failure) -> bool:
        """Note what a worker said; whether its trial must stop now."""
        if isinstance(said, Failure):
            self._write_down(said.number, said.details)
        elif said.rows or said.files:  # before the ledger tells of it, as where the worker writes here itself
            self.folder.trial_of(self.state.trials[said.number]).take(said.rows, said.files)
        self._hear(said)
        if isinstance(said, Failure) and said.fault is not None:
            self._after_a_fault(said.number, said.fault, said.reason)
        if (error := self.mind.same_error(self.state)) is not None:
            self.request_stop(f"the same error in {len(self.state.errors)} trials in a row ({error})", 1)
        return said.number not in self.state.running or self.is_stopping

    def lost(self, number: int, reason: str, fault: Fault = Fault.LOST) -> None:
        """The machine took the worker of trial `number`: it goes on from its checkpoint, unless that was too often."""
        if self.is_stopping:
            return
        line, _, details = reason.partition("\n")
        self._hear(Lost(number, line, fault))
        self._after_a_fault(number, fault, line)
        if details:
            self._write_down(number, reason)

    def left_out(self, machine: str, reason: str) -> None:
        """A machine gets no more trials: it is said, and noted."""
        say(f"no more trials on node {machine}: {reason}")
        self._enter([{"event": "left_out", "host": machine, "reason": reason}])

    def resized(self, n_at_once: int, machines: int, joined: Sequence[str], gone: Sequence[str], why: str = "") -> None:
        """Machines joined, or went: it is said, and noted with how many trials run side by side from now on."""
        now = f"{counted(n_at_once, 'trial')} side by side on {counted(machines, 'node')}"
        moved = "; ".join(filter(None, (_moved(joined, "joined"), _moved(gone, "gone"), why)))
        say(f"{moved}: {now}" if moved else now)
        changed = {"joined": [*joined], "gone": [*gone], **({"why": why} if why else {})}
        self._enter([{"event": "resized", "places": n_at_once, "nodes": machines, **changed}])

    def _write_down(self, number: int, details: str) -> None:
        """For people; what cannot be written on a full disk is lost, and the reason that the ledger has is not."""
        with suppress(OSError):
            self.folder.trial_of(self.state.trials[number]).write_file("error.txt", details.encode())

    def _after_a_fault(self, number: int, fault: Fault, reason: str) -> None:
        """One that a person must mend stops the sweep: its trials stay as they are, and no other one runs into it.

        After any other the trial rests before it is tried again, the longer the more of them there were without a report.
        """
        if fault.stops is not None:
            self.request_stop(f"{fault.value}: {reason}", fault.stops)
        n = self.state.trials[number].losses
        self._rests[number] = time.monotonic() + RESTS[max(1, min(n, len(RESTS))) - 1]

    def _hear(self, said: Said) -> list[Event]:
        """What follows from `said`, entered: all of it is durable, or the driver ends with the error."""
        events = self._applied(said)
        if events and events[-1]["event"] == "reported":
            events += self._applied(Entered(events[-1]["number"]))
        self._log(events)
        return events

    def _applied(self, said: Said) -> list[Event]:
        events = [ready for event in self.mind.decide(self.state, said) if (ready := self._prepared(event)) is not None]
        for event in events:
            self.state.apply(event)
        return events

    def _prepared(self, event: Event) -> Event | None:
        """A copy of weights is on disk before the ledger says so; None where the source has none to give any more."""
        if event["event"] != "copied":
            return event
        record, source = self.state.trials[event["number"]], self.state.trials[event["source"]]
        try:
            step = self._copied(record, source, len(record.copies) + 1)
        except FileNotFoundError:
            return None
        return {**event, "source_step": step}

    def _copied(self, record: TrialRecord, source: TrialRecord, n: int) -> int:
        if self._home is not None:
            return self._home.copy(record, source, n)
        giver = self.folder.trial_of(source)
        if source.outcome is not None:
            giver.finish()  # its end is in the log; a driver that was killed after that may have left more than the best
        return self.folder.trial_of(record).copy_from(giver, n)

    def _enter(self, events: list[Event]) -> None:
        for event in events:
            self.state.apply(event)
        self._log(events)

    def _log(self, events: list[Event]) -> None:
        """Make the events durable; then, and not before, what follows from them outside."""
        if not events:
            return
        self.folder.events.append_many(events)
        for number in dict.fromkeys(event["number"] for event in events if "number" in event):
            record = self.state.trials[number]
            if record.outcome not in (None, Outcome.FAILED):  # what failed may be taken up again
                self.folder.trial_of(record).finish()
                if self._home is not None:
                    self._home.add(record)
            self._on_change(record)

    def _job(self, record: TrialRecord) -> Job:
        resources, objective = self.sweep.resources, self.sweep.objective
        at_once = side_by_side(self.sweep, record.arm)
        is_plain = resources.rows == 1 and resources.compile != "on"
        widest = self.sweep.arms[record.arm].largest("latent_size")
        shape, latent_size = (
            ("", 0)
            if is_plain or _is_suspect(record)
            else shape_of(configuration_of(record.configuration), resources.device, widest)
        )
        return Job(
            number=record.number,
            key=record.key,
            configuration=record.configuration,
            folder=str(self.folder.trial_of(record).path.resolve()),
            sweep=str(self.folder.path.resolve()),
            generation=self._generation,
            metric=objective.metric,
            mode=objective.mode,
            copies=len(record.copies),
            is_confirmation=record.parent is not None,
            threads=resources.threads,
            share=2 if Fault.MEMORY.name in record.faults else 1,
            stall_timeout=resources.stall_timeout,
            device=resources.device,
            shape=shape,
            rows=(resources.rows and min(resources.rows, at_once)) if shape else 1,
            compile=resources.compile,
            alike=self.sweep.counts[record.arm] + self.sweep.confirmations[record.arm],
            at_once=at_once,
            gpu=resources.gpu_share,
            plugins=digest_of(self.sweep.plugins) if self.sweep.plugins else "",
            latent_size=latent_size,
            url=self._home.stored.trial(record.folder_name) if self._home else "",
            sweep_url=self._home.stored.place if self._home else "",
            reported=record.reports[-1].epoch if record.reports else -1,
        )


def _moved(names: Sequence[str], how: str) -> str:
    """`node a joined`, `nodes a and b are gone`; nothing of no names, and no more of them than a line holds."""
    if not names:
        return ""
    shown = [*names[:_NAMED], *([f"{len(names) - _NAMED} more"] if len(names) > _NAMED else [])]
    verb = {"gone": "is gone" if len(names) == 1 else "are gone"}.get(how, how)
    return f"{'node' if len(names) == 1 else 'nodes'} {listed(shown)} {verb}"


def side_by_side(sweep: Sweep, arm: str) -> int:
    """How many trials of an arm may train at once: rows beyond would take their time and train none."""
    most, searched = sweep.searcher.most_pending, sweep.counts[arm]
    return max(1, searched if most is None else min(searched, most), sweep.confirmations[arm])


def _can_join(job: Job, like: Job) -> bool:
    return job.shape == like.shape and job.rows == like.rows and job.share == like.share


def _is_suspect(record: TrialRecord) -> bool:
    """Whether its process died of something that may be its own doing, or more than once: it trains alone, and tells so."""
    return sum(record.faults.values()) > record.faults.get(Fault.LOST.name, 0) or record.losses > 1


def _is_trained(record: TrialRecord) -> bool:
    """Whether its last report was the last of all, with which its end was lost: it says both again."""
    return record.epoch >= int(record.configuration["training"]["epochs"])


def _half_entered(folder: SweepFolder) -> int | None:
    """The trial whose report is the last that the log says: what was decided of it, in the same write, may have been lost.

    Nothing happened since but that a driver began or its end was noted, so that it is decided again just as it was.
    """
    last = folder.events.last(besides=("started", "stopped"))
    return last["number"] if last is not None and last["event"] == "reported" else None


def issue(configuration: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The key of a drawn configuration, and the whole of it as plain data.

    Raises:
        ConfigError: it is none.
    """
    whole = configuration_of(configuration)
    plain = whole.dump()
    return trial_key(plain, datasets.load(whole.dataset).digest, whole.plugins()), plain
