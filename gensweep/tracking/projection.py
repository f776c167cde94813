"""MLflow as a projection of a sweep's folder: written by one writer, in batches, again and again until all is there.

    start() -> sync() ... sync() -> close()

Each pass compares the ledger with the cursor and sends the difference. The store may be away for a while or for good:
a pass then ends early, and a later one goes on.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from gensweep.errors import CannotRun
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.state import SweepState
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.ledger.trial_folder import TrialFolder
from gensweep.tracking import describe
from gensweep.tracking.cursor import Cursor, last_uri
from gensweep.tracking.mlflow_log import Away, MlflowLog, Refused
from gensweep.tracking.runs import Runs
from gensweep.tracking.store import check_reachable, redacted, resolve_uri, sqlite_path, unreachable

_PICTURES = ("samples/*.png", "reconstructions/*.png")
_OF_THE_SWEEP = ("sweep.yaml", "environment.json", "results.csv", "costs.csv")
_FIRST_WAIT, _LONGEST_WAIT = 2.0, 60.0


@dataclass(frozen=True)
class Progress:
    """How far the store is behind. `problem` says why the last pass ended early; `refused` names trials and why."""

    trials: int
    pending: int
    problem: str | None
    refused: dict[str, str]

    @property
    def is_done(self) -> bool:
        """Whether everything that can be sent was sent."""
        return self.problem is None and self.pending == 0


class Projection:
    """Sends one sweep to one MLflow store. Its methods may be called from several threads, one after another."""

    def __init__(self, folder: SweepFolder, tracking_uri: str | None = None) -> None:
        self.folder = folder
        self.uri = resolve_uri(tracking_uri or self._remembered())
        self._cursor = Cursor.load(folder.path / "tracking.json", redacted(self.uri))
        self._lock = threading.RLock()
        self._runs: Runs | None = None
        self._sizes: dict[str, int] = {}  # the size of a trial's results when they were last sent
        self._settled: tuple[int, int] | None = None  # the log of events when nothing was left to send
        self._progress = Progress(0, 0, None, {})
        self._refused: dict[str, str] = {}
        self._wait = self._not_before = 0.0

    @property
    def runs(self) -> Runs:
        """The sweep's runs, once `start` connected to the store."""
        assert self._runs is not None, "call start() first"
        return self._runs

    @property
    def progress(self) -> Progress:
        """What the last pass found."""
        return self._progress

    def start(self) -> None:
        """Connect, and create the sweep's run or take it up again.

        Raises:
            CannotRun: the store cannot be used; says which, why and the cure.
        """
        with self._lock:
            check_reachable(self.uri)
            try:
                log = MlflowLog(self.uri)
                log.connect()
                self._runs = Runs(self.folder, self._cursor, log)
                self._runs.take_up_sweep()
            except (Away, Refused) as error:
                raise unreachable(self.uri, _with_hint(str(error))) from error
            except OSError as error:
                raise CannotRun(
                    f"{self._cursor.path}: cannot be written ({error.strerror or error}). Free space."
                ) from error

    def sync(self, *, force: bool = False, deadline: float | None = None) -> Progress:
        """Send what is new, and say what is left. Never raises because of the store.

        After a failure it waits before it tries again, longer each time; `force` tries at once. `deadline` is a time of
        `time.monotonic` at which the pass ends early.
        """
        with self._lock:
            stamp = self._events_stamp()
            if not force and (stamp == self._settled or time.monotonic() < self._not_before):
                return self._progress
            self._pass(self.folder.state(), deadline)
            # whatever a trial leaves is there before its event, so that an unchanged log means an unchanged folder
            self._settled = stamp if self._progress.is_done else None
            return self._progress

    def close(self, *, final: bool, deadline: float | None = None) -> Progress:
        """Send what is left, mark the sweep as finished (`final`) or stopped, and add its report to its run."""
        with self._lock:
            self._settled = None
            state = self.folder.state()
            self._pass(state, deadline)
            if self._progress.is_done:
                self._guarded(lambda: self._close(state, final=final))
            return self._progress

    def _remembered(self) -> str | None:
        """The store of earlier, for where neither the caller nor the environment names one; if it is still there."""
        if os.environ.get("MLFLOW_TRACKING_URI") or not (uri := last_uri(self.folder.path / "tracking.json")):
            return None
        path = sqlite_path(uri)
        return uri if path is None or path.exists() else None

    def _pass(self, state: SweepState, deadline: float | None) -> None:
        records = [state.trials[number] for number in sorted(state.trials)]
        todo = {record.folder_name for record in records}
        self._refused = {}

        def send() -> None:
            self.runs.declare(record.folder_name for record in records)
            for step in (self._send_numbers, self._send_files):  # the numbers of all trials first: files may be slow
                for record in records:
                    if deadline is not None and time.monotonic() > deadline:
                        return
                    try:
                        step(record)
                    except Refused as error:
                        self._refused[record.folder_name] = str(error)
                    if step == self._send_files:
                        todo.discard(record.folder_name)

        self._guarded(send)
        self._progress = Progress(len(records), len(todo), self._progress.problem, dict(self._refused))

    def _guarded(self, action: Callable[[], None]) -> None:
        """Do it, and keep the cursor; a store that is away, or a full disk, is a problem to note and not an error."""
        problem = None
        try:
            try:
                action()
            finally:
                self.runs.save()
        except (Away, Refused, OSError) as error:
            problem = str(error)
            self._wait = min(_LONGEST_WAIT, self._wait * 2 or _FIRST_WAIT)
            self._not_before = time.monotonic() + self._wait
        else:
            self._wait = self._not_before = 0.0
        self._progress = replace(self._progress, problem=problem)

    def _send_numbers(self, record: TrialRecord) -> None:
        """The run of a trial: created, described, with every row that it lacks, and how it stands."""
        run, status = self.runs.of(record), describe.status(record.outcome)
        ending = f"{len(record.copies)} {record.outcome.name if record.outcome else 'RUNNING'}"
        is_current = run.ending == ending and run.status == status
        if is_current and run.complete:
            return
        size = _size(self._path(record) / "results.jsonl")
        if is_current and self._sizes.get(record.folder_name) == size:
            return
        rows = TrialFolder(self._path(record)).rows()
        start = rows[0].time - round(1000 * rows[0].seconds) if rows else run.declared
        end = rows[-1].time if rows else run.declared
        run_id = self.runs.id_of(record, start)
        points = [point for row in rows if row.epoch > run.epoch for point in describe.row_points(row)]
        tags = {} if run.described else self.runs.trial_tags(record)
        if not is_current:
            tags |= describe.ending_tags(record)
            points += [] if record.is_live else describe.best_points(record, end)
        self.runs.log.log(run_id, points, {} if run.described else describe.parameters(record.configuration), tags)
        self.runs.set_status(run, status, end)
        run.described, run.ending, run.complete = True, ending, False
        run.epoch = max(run.epoch, rows[-1].epoch if rows else -1)
        self._sizes[record.folder_name] = size
        self.runs.save(soon=True)

    def _send_files(self, record: TrialRecord) -> None:
        """The trial's configuration and pictures, each once."""
        run, path, log = self.runs.of(record), self._path(record), self.runs.log
        if run.complete or run.run_id is None:
            return
        if "configuration.yaml" not in run.files:
            log.add_yaml(run.run_id, record.configuration, "configuration.yaml")
            run.files.append("configuration.yaml")
        for picture in sorted(picture for pattern in _PICTURES for picture in path.glob(pattern)):
            name = str(picture.relative_to(path))
            if name not in run.files:
                log.add_file(run.run_id, picture, picture.parent.name)
                run.files.append(name)
        run.complete = not record.is_live
        self.runs.save(soon=True)

    def _close(self, state: SweepState, *, final: bool) -> None:
        sweep, log = self.runs.sweep, self.runs.log
        assert sweep.run_id is not None, "start() made it"
        for record in state.live():
            self.runs.set_status(self.runs.of(record), "KILLED")
        ended = [event["at"] for event in self.folder.events.read() if event["event"] == "ended"]
        time = round(1000 * datetime.fromisoformat(ended[-1]).timestamp()) if ended else sweep.declared
        objective = self.folder.definition.get("objective", {})
        log.log(sweep.run_id, list(describe.summary(state, objective, time)), {}, self.runs.sweep_tags())
        for path in self._report():
            log.add_file(sweep.run_id, path, "report" if path.parent.name == "report" else None)
        self.runs.set_status(sweep, "FINISHED" if final else "KILLED")
        self.runs.delete_strangers()

    def _report(self) -> list[Path]:
        own = [self.folder.path / name for name in _OF_THE_SWEEP]
        return [path for path in [*own, *sorted((self.folder.path / "report").glob("[!.]*"))] if path.is_file()]

    def _path(self, record: TrialRecord) -> Path:
        return self.folder.path / "trials" / record.folder_name

    def _events_stamp(self) -> tuple[int, int] | None:
        try:
            found = self.folder.events.path.stat()
        except OSError:
            return None
        return found.st_size, found.st_mtime_ns


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _with_hint(text: str) -> str:
    if "403" in text or "Invalid Host" in text:
        return f"{text}: the server may not know this host name; start it with --allowed-hosts"
    if "401" in text:
        return f"{text}: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
    return text
