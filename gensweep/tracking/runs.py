"""The runs of one sweep in one store: each is created once, found again after a crash, and described."""

from __future__ import annotations

import getpass
import time
from collections.abc import Collection, Iterable, Mapping

from gensweep.ledger.history import TrialRecord
from gensweep.ledger.identity import Place
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.tracking import describe
from gensweep.tracking.cursor import SWEEP, Cursor, RunCursor
from gensweep.tracking.remembered import places_of
from gensweep.tracking.run_store import Refused, RunStore, Status

_SAVE_EVERY = 1.0
DRIVER = "gensweep.driver"
_IDENTITY = ("gensweep.sweep_id", "gensweep.kind", "gensweep.number", "gensweep.trial_key")


class Runs:
    """Explicit run ids for a sweep and its trials.

    An intent is on disk before a run is created, because a store's lost answer, or a crash before the id is on disk,
    would otherwise leave a run that nobody knows, and the next start would create another. MLflow has no unique names.
    """

    def __init__(self, folder: SweepFolder, cursor: Cursor, store: RunStore) -> None:
        self.folder, self.cursor, self.store = folder, cursor, store
        self.drivers: list[str] = []  # the names of all that drove this sweep, the newest last
        self._is_sent = False  # by somebody whose cursor was lost
        self._environment = folder.environment
        self._untried: set[str] = set()  # intents for which this process has not asked the store yet
        self._unsaved: set[str] = set()
        self._saved = 0.0

    @property
    def sweep(self) -> RunCursor:
        """The sweep's own run."""
        return self.cursor.runs[SWEEP]

    def of(self, record: TrialRecord) -> RunCursor:
        """The run of a trial that was declared."""
        return self.cursor.runs[record.folder_name]

    def take_up_sweep(self) -> None:
        """Find or create the sweep's run; if the store lost it, everything is sent again."""
        self.cursor.compact()
        if not self._are_own():
            self.cursor.renew()
        elif self.cursor.is_new:
            self._is_sent = bool(self.store.find({"gensweep.sweep_id": self.cursor.sweep_id}))
        known = self.cursor.runs.get(SWEEP)
        if known is not None and known.run_id and not self.store.exists(known.run_id):
            self.cursor.compact(forget=True)
        self.declare([SWEEP])
        if self.sweep.run_id is None:
            self._adopt_or_create(SWEEP, self.folder.name, self.sweep_tags(), self.sweep.declared)
            self.changed(SWEEP)
        if not self.sweep.described:
            self._describe_sweep(str(self.sweep.run_id))
            self.sweep.described = True
            self.changed(SWEEP)
        self.set_status(SWEEP, "RUNNING")
        self.save()

    def _describe_sweep(self, run_id: str) -> None:
        """Say what the sweep is. What an earlier start said stays, though more samples may have been asked for since."""
        tags = self.sweep_tags()
        try:
            self.store.log(run_id, (), describe.parameters(self.folder.definition), tags)
        except Refused:  # that start died before it was noted that all is said
            self.store.log(run_id, (), {}, tags)

    def _are_own(self) -> bool:
        """Whether the id is this folder's, and not that of a sweep of which it is a copy, or says that it is one.

        Whoever has a folder has its id, with which runs are found, written and deleted. This user's memory knows which
        folder it belongs to, which may have been moved since; where it knows nothing, the store does.
        """
        here, sweep_id, identity = self.folder.path.resolve(), self.cursor.sweep_id, self.folder.identity()
        if identity is not None and identity.sweep_id == sweep_id != identity.at(Place.of(here)).sweep_id:
            return False
        if self._names_others():
            return False
        if places := places_of(sweep_id):
            return here in places or not any((place / "sweep.yaml").exists() for place in places)
        if self.store.find({"gensweep.sweep_id": sweep_id, "gensweep.folder": str(here)}):
            return True
        return not any(run.run_id for run in self.cursor.runs.values()) and not self.store.find(
            {"gensweep.sweep_id": sweep_id}
        )

    def _names_others(self) -> bool:
        """Whether the file names a run as this sweep's that another one made: it is not believed in anything then."""
        named = {run.run_id for run in self.cursor.runs.values() if run.run_id}
        if not named:
            return False
        own = self.store.find({"gensweep.sweep_id": self.cursor.sweep_id})  # as each was made
        return any(self.store.exists(run_id) for run_id in sorted(named.difference(own)))

    def declare(self, keys: Iterable[str]) -> None:
        """Write down which runs are to be created, before any of them is."""
        new = [key for key in keys if key not in self.cursor.runs]
        if new:
            self.cursor.declare({key: RunCursor(declared=round(1000 * time.time())) for key in new})
            if not self._is_sent:
                self._untried.update(new)

    def id_of(self, record: TrialRecord, start: int) -> str:
        """The id of a trial's run, which is created if need be and then began at `start`, in Unix milliseconds."""
        run = self.of(record)
        if run.run_id is None:
            key = record.folder_name
            self._adopt_or_create(key, describe.run_name(record), self.trial_tags(record), start)
            self.changed(key)
        return str(run.run_id)

    def rename(self, record: TrialRecord) -> None:
        """Give a trial's run its name, if it has another one."""
        run, name = self.of(record), describe.run_name(record)
        if run.run_id is not None and run.name != name:
            self.store.rename(run.run_id, name)
            run.name = name
            self.changed(record.folder_name)

    def set_status(self, key: str, status: Status, end: int | None = None) -> None:
        """Change how a run stands, if it does not stand so already."""
        run = self.cursor.runs[key]
        if run.run_id is not None and run.status != status:
            self.store.set_status(run.run_id, status, end)
            run.status = status
            self.changed(key)

    def delete_strangers(self) -> None:
        """Delete the runs of this sweep that nobody here knows: a lost answer of the store made a second one."""
        known = {run.run_id for run in self.cursor.runs.values()}
        tags = {"gensweep.sweep_id": self.cursor.sweep_id}
        self._delete([run_id for run_id in self.store.find(tags) if run_id not in known], tags)

    def _delete(self, run_ids: Collection[str], tags: Mapping[str, str]) -> None:
        """Delete those of the runs with these `tags` that a driver of this ledger made.

        The driver of a copy of it that did not notice, on a disk that was copied as a whole, has the same id.
        """
        own = {
            run_id
            for driver in (self.drivers if run_ids else ())
            for run_id in self.store.find({**tags, DRIVER: driver})
        }
        for run_id in run_ids:
            if run_id in own:
                self.store.delete(run_id)

    def changed(self, key: str) -> None:
        """Note that a run's cursor is to be written; that happens every second, and at `save`."""
        self._unsaved.add(key)
        if time.monotonic() - self._saved > _SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Write what changed in the cursor."""
        if self._unsaved:
            self.cursor.save(sorted(self._unsaved))
            self._unsaved.clear()
            self._saved = time.monotonic()

    def sweep_tags(self) -> dict[str, str]:
        """What the sweep's run can be found by."""
        return {
            "gensweep.kind": "sweep",
            "gensweep.sweep": self.folder.name,
            "gensweep.sweep_id": self.cursor.sweep_id,
            "gensweep.folder": str(self.folder.path.resolve()),
            "mlflow.user": _user(),
            **self._driver_tag(),
            **describe.source_tags(self._environment),
        }

    def trial_tags(self, record: TrialRecord) -> dict[str, str]:
        """What a trial's run can be found by; it is nested under the sweep's."""
        return {
            "gensweep.kind": "trial",
            "gensweep.sweep": self.folder.name,
            "gensweep.sweep_id": self.cursor.sweep_id,
            "gensweep.trial_key": record.key,
            "gensweep.number": str(record.number),
            "mlflow.parentRunId": str(self.sweep.run_id),
            "mlflow.user": _user(),
            **self._driver_tag(),
            **describe.trial_tags(record, self._environment),
        }

    def _driver_tag(self) -> dict[str, str]:
        return {DRIVER: self.drivers[-1]} if self.drivers else {}

    def _adopt_or_create(self, key: str, name: str, tags: dict[str, str], start: int) -> None:
        """Find the run of an intent: the oldest that an earlier attempt left (its doubles are deleted), else a new one."""
        run = self.cursor.runs[key]
        if key not in self._untried:
            identity = {tag: tags[tag] for tag in _IDENTITY if tag in tags}
            found = self.store.find(identity)
            self._delete(found[1:], identity)
            if found:
                run.run_id = found[0]
                return
        self._untried.discard(key)
        run.run_id = self.store.create(name, tags, start)
        run.name = name


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run under a number without a name
        return "unknown"
