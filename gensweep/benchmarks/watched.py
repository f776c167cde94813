"""A sweep that is watched from outside while it runs: its ledger tells how far it is, the system what its driver takes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gensweep.benchmarks._telling import memory
from gensweep.errors import Outcome
from gensweep.ledger.events import Event, EventLog
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.tracking.sent import CURSOR

_LOOKS = 0.1  # seconds from one look to the next
_TOLD = 2000  # characters of what a command said that failed


@dataclass(frozen=True)
class Moment:
    """How far a sweep is, and what its driver has taken: `at` and `cpu` in seconds, `main` of its main thread alone.

    The main thread has Ray Tune and the ledger; the others send to MLflow and talk to Ray.
    """

    at: float
    trials: int
    reports: int
    cpu: float
    main: float


@dataclass(frozen=True)
class Watched:
    """A sweep that has ended. `seconds` are the command's, `after` of them from the last trial's end on.

    `steady` are two moments between which all that costs something went on: from when the store was open to the last trial's
    end; None where the sweep was over before. `busy` are the seconds that the trials which ended in between trained and
    evaluated. `peak` is the driver's memory in KiB, `log` and `store` are bytes.
    """

    trials: int
    reports: int
    seconds: float
    after: float
    steady: tuple[Moment, Moment] | None
    busy: float
    peak: int
    log: int
    store: int


class Watch:
    """Looks at a sweep below `runs`, which need not be there yet."""

    def __init__(self, runs: Path) -> None:
        self.sweep: Path | None = None
        self.opened: Moment | None = None
        self.ended: Moment | None = None
        self.peak = 0
        self._runs = runs
        self._pid = self._trials = self._reports = 0

    def look(self) -> None:
        """Note what is new."""
        if self.sweep is None:
            self.sweep = next((path.parents[1] for path in self._runs.glob("*/ledger/events.jsonl")), None)
            if self.sweep is None:
                return
            self._following = EventLog(self.sweep).follow()
        is_over = any([self._enter(event) for event in self._following.read().events])
        with suppress(OSError, StopIteration, IndexError):  # the driver has gone
            if self._pid:
                self.peak = max(self.peak, memory("VmHWM", self._pid))
                self._note(is_over=is_over)

    def _note(self, *, is_over: bool) -> None:
        cpu, main = _seconds(Path(f"/proc/{self._pid}")), _seconds(Path(f"/proc/{self._pid}/task/{self._pid}"))
        now = Moment(time.monotonic(), self._trials, self._reports, cpu, main)
        if self.ended is None and is_over:
            self.ended = now
        if self.ended is None and self.opened is None and self._reports and self._has_store():
            self.opened = now

    def _has_store(self) -> bool:
        assert self.sweep is not None
        return (self.sweep / CURSOR).exists()

    def _enter(self, event: Event) -> bool:
        """Count it; whether it says that all trials have ended."""
        if event["event"] == "started":
            self._pid = event["pid"]
        self._trials += event["event"] == "ended"
        self._reports += event["event"] == "reported"
        return bool(event["event"] == "finished")


def watched(command: Sequence[str], runs: Path, store: Path, environment: Mapping[str, str]) -> Watched:
    """Run a command that runs one sweep into an empty folder `runs`, and see what it takes.

    Raises:
        RuntimeError: it ends with an error, or a trial was not completed.
    """
    said, watch, began = runs / "said", Watch(runs), time.monotonic()
    with said.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, env={**environment}) as process:
        try:
            while process.poll() is None:
                watch.look()
                time.sleep(_LOOKS)
        except BaseException:
            process.terminate()
            raise
    over = time.monotonic()
    if process.returncode or watch.sweep is None or watch.ended is None:
        told = said.read_text(errors="replace")[-_TOLD:]
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{told}")
    folder = SweepFolder.open(watch.sweep)
    steady = (watch.opened, watch.ended) if watch.opened is not None else None
    trials = folder.state().trials
    if odd := [record.number for record in trials.values() if record.outcome is not Outcome.COMPLETED]:
        raise RuntimeError(f"trials {odd} were not completed")
    ended = [event["number"] for event in folder.events.of_kind("ended")]
    last = ended[steady[0].trials : steady[1].trials] if steady else []
    return Watched(
        trials=len(trials),
        reports=sum(len(record.reports) for record in trials.values()),
        seconds=over - began,
        after=over - watch.ended.at,
        steady=steady,
        busy=sum(trials[number].seconds + trials[number].evaluation_seconds for number in last),
        peak=watch.peak,
        log=folder.events.path.stat().st_size,
        store=store.stat().st_size,
    )


def _seconds(process: Path) -> float:
    """What a process or thread has taken of a core, by its folder in /proc."""
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
