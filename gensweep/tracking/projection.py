"""A run store as a projection of a sweep's folder: written by one writer, in batches, until all is there.

    start() -> sync() ... sync() -> close()

Each pass follows the ledger from where the last one stopped, and sends of the trials that changed what the cursor says is
missing. The store may be away for a while or for good: a pass then ends early, and a later one goes on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gensweep.credentials import redacted
from gensweep.errors import CannotRun, DamagedSweep
from gensweep.ledger.durable import fsync_directory, fsync_file
from gensweep.ledger.fields import milliseconds
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.state import SweepState
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.ledger.trial_folder import Row, TrialFolder
from gensweep.tracking import describe
from gensweep.tracking.attached import Attached
from gensweep.tracking.cursor import FORM, SWEEP, Cursor, RunCursor
from gensweep.tracking.data import data_of
from gensweep.tracking.front import Front, objective_of
from gensweep.tracking.offered import Offer, send_models
from gensweep.tracking.remembered import remember
from gensweep.tracking.run_store import Away, OpenStore, Point, Refused, open_store
from gensweep.tracking.runs import Runs
from gensweep.tracking.sent import CURSOR, store_of
from gensweep.tracking.store import unreachable

_FIRST_WAIT, _LONGEST_WAIT = 2.0, 60.0


@dataclass(frozen=True)
class Progress:
    """How far the store is behind. `problem` says why the last pass ended early; `refused` names trials and why.

    `left_out` is a sentence on files that are not sent.
    """

    trials: int
    pending: int
    problem: str | None
    refused: dict[str, str]
    left_out: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether everything that can be sent was sent."""
        return self.problem is None and self.pending == 0


class Projection:
    """Sends one sweep to one store, by default MLflow's. Its methods may be called from several threads, one by one."""

    def __init__(
        self,
        folder: SweepFolder,
        tracking_uri: str | None = None,
        *,
        open_store: OpenStore = open_store,
        offers: Callable[[SweepState], Iterable[Offer]] = lambda _: (),
    ) -> None:
        self.folder = folder
        self.uri = store_of(folder.path, tracking_uri)
        self._open_store, self._offers = open_store, offers
        self._lock = threading.RLock()
        self._runs: Runs | None = None
        self._following = folder.follow()
        self._has_news = False  # since the last pass
        self._due: set[int] = set()  # trials that changed since they were sent
        self._issued: dict[int, dict[str, Any]] = {}  # a trial's event of its issue: copies change what the state says
        self._last_end: int | None = None  # in Unix milliseconds
        self._sizes: dict[str, int] = {}  # the size of a trial's results when they were last sent
        self._progress = Progress(0, 0, None, {})
        self._refused: dict[int, str] = {}
        self._attached = Attached(folder.path)
        self._front = Front(folder)
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
            DamagedSweep: what the folder says of it cannot be read, or the ledger cannot.
        """
        with self._lock:
            known, uri = self.folder.identity(), redacted(self.uri)
            cursor = Cursor.load(self.folder.path / CURSOR, uri, known.sweep_id if known else "")
            try:
                self._runs = Runs(self.folder, cursor, self._open_store(self.uri))
                self._advance()
                self._runs.take_up_sweep()
                remember(self.folder.path, uri, cursor.sweep_id)
            except (Away, Refused) as error:
                raise unreachable(self.uri, _with_hint(str(error))) from error
            except OSError as error:
                raise CannotRun(f"{cursor.path}: cannot be written ({error.strerror or error}). Free space.") from error

    def sync(self, *, force: bool = False, deadline: float | None = None) -> Progress:
        """Send what is new, and say what is left. Never raises because of the store.

        After a failure it waits before it tries again, longer each time; `force` tries at once, and tries again what was
        refused. `deadline` is a time of `time.monotonic` at which the pass ends early.
        """
        with self._lock:
            if not force and time.monotonic() < self._not_before:
                return self._progress
            # whatever a trial leaves is there before its event, so that an unchanged log means an unchanged folder
            self._advance()
            if self._has_news or self._due or self._progress.problem or force:
                self._has_news = False
                self._due |= self._refused.keys() if force else set()
                self._pass(deadline)
            return self._progress

    def close(self, *, final: bool, deadline: float | None = None) -> Progress:
        """Send what is left, mark the sweep as finished (`final`) or stopped, and add its report to its run."""
        with self._lock:
            self._advance()
            self._due |= {record.number for record in self._state.live()} | self._refused.keys()
            self._pass(deadline, is_last=True)
            if self._progress.is_done:
                self._guarded(lambda: self._close(final=final), deadline)
            return self._progress

    def send_models(self, is_over: Callable[[], bool] = lambda: False) -> list[str]:
        """Send the models that are offered, until it `is_over`: a sentence on each that the store did not get. After `close`."""
        with self._lock:
            left: list[str] = []

            def send() -> None:
                offers = self._offers(self._state) if self.runs.store.keeps_models else ()
                left.extend(send_models(self.runs, offers, is_over))

            self._guarded(send)
            if self._progress.problem:
                left.append(f"models: {self._progress.problem}; gensweep sync {self.folder.argument} sends them")
            return left

    @property
    def _state(self) -> SweepState:
        return self._following.state

    def _advance(self) -> None:
        """Follow the ledger, and note which trials changed."""
        news = self._following.advance()
        if news.is_whole:
            self._due, self._refused = set(), {}
            self._issued, self._last_end = {}, None
            self.runs.drivers.clear()
        for event in news.events:
            if event["event"] == "issued":
                self._issued[event["number"]] = event
            elif event["event"] == "started":
                self.runs.drivers.append(f"{event['generation']} {event.get('at', '')}")
            elif event["event"] == "ended":
                self._last_end = self._time_of(event)
            if event.get("number") in self._state.trials:
                self._due.add(event["number"])
        self._has_news |= bool(news.events)

    def _pass(self, deadline: float | None, *, is_last: bool = False) -> None:
        state = self._state
        records = [state.trials[number] for number in sorted(self._due | state.running)]

        def send() -> None:
            self.runs.declare(record.folder_name for record in records)
            for step in (self._send_numbers, self._send_files):  # the numbers of all trials first: files may be slow
                for record in records:
                    if deadline is not None and time.monotonic() > deadline:
                        return
                    self._unless_refused(step, record)
            if not is_last:
                self._front.tell(self.runs, state, "running")

        self._guarded(send, deadline)
        refused = {state.trials[number].folder_name: why for number, why in self._refused.items()}
        self._progress = replace(self._progress, trials=len(state.trials), pending=len(self._due), refused=refused)

    def _unless_refused(self, step: Callable[[TrialRecord], None], record: TrialRecord) -> None:
        """Do one of the two steps of a trial; after the second it is no longer due."""
        number, is_last = record.number, step == self._send_files
        if not is_last:
            self._refused.pop(number, None)
        try:
            if number not in self._refused:
                step(record)
        except Refused as error:
            self._refused[number] = str(error)
        if is_last:
            self._due.discard(number)

    def _guarded(self, action: Callable[[], None], deadline: float | None = None) -> None:
        """Do it, and keep the cursor; a store that is away, or a full disk, is a problem to note and not an error."""
        problem = None
        try:
            try:
                action()
                self.runs.store.settle(deadline)
            finally:
                self.runs.save()
        except (Away, Refused, OSError) as error:
            problem = str(error)
            self._wait = min(_LONGEST_WAIT, self._wait * 2 or _FIRST_WAIT)
            self._not_before = time.monotonic() + self._wait
        else:
            self._wait = self._not_before = 0.0
        self._progress = replace(self._progress, problem=problem, left_out=self._attached.sentence())

    def _send_numbers(self, record: TrialRecord) -> None:
        """The run of a trial: created, described, with every row that it lacks, and how it stands."""
        key, run, status = record.folder_name, self.runs.of(record), describe.status(record.outcome)
        ending = f"{len(record.copies)} {record.outcome.name if record.outcome else 'RUNNING'}"
        is_described = run.described and bool(run.name)
        is_current = is_described and run.ending == ending and run.status == status
        if is_current and run.complete:
            return
        size = _size(self._path(record) / "results.jsonl")
        if is_current and self._sizes.get(key) == size:
            return
        rows = self._rows(record)
        start = rows[0].time - round(1000 * rows[0].seconds) if rows else run.declared
        end = rows[-1].time if rows else run.declared
        run_id = self.runs.id_of(record, start)
        points = self._points(record, rows, run, ending)
        parameters, tags = ({}, {}) if is_described else self._description(record)
        if not is_current:
            tags |= describe.ending_tags(record)
            points += [] if record.is_live else describe.best_points(record, end)
        self.runs.store.log(run_id, points, parameters, tags)
        self.runs.rename(record)
        self.runs.set_status(key, status, end)
        run.described, run.ending, run.complete = True, ending, False
        run.epoch = max(run.epoch, rows[-1].epoch if rows else -1)
        self._sizes[key] = size
        self.runs.changed(key)

    def _rows(self, record: TrialRecord) -> list[Row]:
        """The rows, which stay: one that a power cut takes would come again, at another time, as another point."""
        folder = self._path(record)
        if rows := TrialFolder(folder).rows():
            fsync_file(folder / "results.jsonl")
            fsync_directory(folder)
        return rows

    def _points(self, record: TrialRecord, rows: list[Row], run: RunCursor, ending: str) -> list[Point]:
        """The rows that the run lacks; after a copy the knobs of all rows, because now it is known which they are."""
        new = [row for row in rows if row.epoch > run.epoch]
        first = self._issued[record.number].get("parameters", {})
        knobs = describe.knob_points(record, first, new if run.ending == ending else rows)
        return [*(point for row in new for point in describe.row_points(row, grouped=run.form == FORM)), *knobs]

    def _description(self, record: TrialRecord) -> tuple[dict[str, str], dict[str, str]]:
        """The trial's parameters, which a copy does not change, and its tags."""
        configuration = self._issued[record.number].get("configuration", {})
        return describe.trial_parameters(configuration), self.runs.trial_tags(record)

    def _send_files(self, record: TrialRecord) -> None:
        """The trial's data, configuration and pictures, each once."""
        run, path, store = self.runs.of(record), self._path(record), self.runs.store
        if run.complete or run.run_id is None:
            return
        key, configuration = record.folder_name, self._issued[record.number].get("configuration", {})
        if not run.data and (data := data_of(path, configuration)) is not None:
            store.add_data(run.run_id, data)
            run.data = data.digest
            self.runs.changed(key)
        if "configuration.yaml" not in run.files:
            store.add_text(run.run_id, describe.as_yaml(configuration), "configuration.yaml")
            run.files.append("configuration.yaml")
            self.runs.changed(key)
        for picture in self._attached.of_a_trial(path):
            name = str(picture.relative_to(path))
            if name not in run.files:
                store.add_file(run.run_id, picture, picture.parent.name)
                run.files.append(name)
                self.runs.changed(key)
        if not record.is_live:
            run.complete = True
            self.runs.changed(key)

    def _close(self, *, final: bool) -> None:
        sweep, store = self.runs.sweep, self.runs.store
        assert sweep.run_id is not None, "start() made it"
        for record in self._state.live():
            self.runs.set_status(record.folder_name, "KILLED")
        time = sweep.declared if self._last_end is None else self._last_end
        objective = objective_of(self.folder)
        store.log(sweep.run_id, list(describe.summary(self._state, objective, time)), {}, self.runs.sweep_tags())
        for path in self._attached.of_the_sweep():
            store.add_file(sweep.run_id, path, "report" if path.parent.name == "report" else None)
        for path, folder in self._attached.gallery(describe.best_of_arms(self._state, objective)):
            store.add_file(sweep.run_id, path, folder)
        self._front.tell(self.runs, self._state, "done" if final else "stopped")
        self.runs.set_status(SWEEP, "FINISHED" if final else "KILLED", max(time, sweep.declared))
        self.runs.delete_strangers()

    def _time_of(self, event: Mapping[str, Any]) -> int:
        """When it was written; what the log says instead is damage, and was refused before where it is no time."""
        if "at" not in event:
            raise DamagedSweep(
                f"{self.folder.events.path}: event {event['seq']} does not say its 'at'. Restore the file from a copy."
            )
        return milliseconds(event["at"])

    def _path(self, record: TrialRecord) -> Path:
        return self.folder.path / "trials" / record.folder_name


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
