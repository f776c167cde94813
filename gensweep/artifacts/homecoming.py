"""Bringing home what a sweep's folder has for people: each trial's best checkpoint, once the trial has ended.

Rows, documents and pictures came with the reports. Afterwards the store keeps of the trial what its folder has.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from gensweep.artifacts.kept import CHECKPOINTS, Kept
from gensweep.artifacts.store import Store
from gensweep.artifacts.workplace import copy_name
from gensweep.errors import DamagedSweep, GensweepError, Outcome
from gensweep.ledger import checkpoints
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.stored import Stored
from gensweep.ledger.sweep_folder import PLUGINS, SweepFolder
from gensweep.ledger.trial_folder import TrialFolder

_THREADS = 4
_BEST = f"{CHECKPOINTS}/best"


class Over(GensweepError):
    """Nobody waits for it any more; the next start does it."""


class Homecoming:
    """What one driver of a sweep does with the sweep's store. `generation` is the driver's."""

    def __init__(self, folder: SweepFolder, stored: Stored, generation: int) -> None:
        self.folder, self.stored, self._generation = folder, stored, generation
        self._pool = ThreadPoolExecutor(_THREADS, "gensweep-home")
        self._under_way: dict[int, Future[str]] = {}
        self._is_over = threading.Event()

    def prepare(self, live: Iterable[TrialRecord]) -> None:
        """Give the store what trials need before the first of them runs: plug-ins, and of a copied sweep what was kept of it."""
        if (plugins := self.folder.path / PLUGINS).is_dir():
            self._kept(f"{self.stored.place}/{PLUGINS}", generation=0).keep(plugins)
        earlier = [place for place in self.folder.places() if place.sweep_id != self.stored.sweep_id]
        for record in live if earlier else ():
            self._take_over(record, earlier[-1])

    def add(self, record: TrialRecord) -> None:
        """Bring the best checkpoint of a trial home that has ended, soon; unless it is here."""
        if record.outcome in (None, Outcome.FAILED) or not record.best or record.number in self._under_way:
            return
        if not (self.folder.path / "trials" / record.folder_name / _BEST).exists():
            self._under_way[record.number] = self._pool.submit(self._bring, record)

    def finish(self, is_over: Callable[[], bool] = lambda: False) -> list[str]:
        """Wait until all is here; a sentence for each trial of which the checkpoint could not be had."""
        for future in self._under_way.values():
            while not future.done() and not self._is_over.is_set():
                if is_over():
                    self.leave()
                else:
                    self._wait(future)
        return [what for future in self._under_way.values() if future.done() and (what := future.result())]

    def leave(self) -> None:
        """Bring no more."""
        self._is_over.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def copy(self, record: TrialRecord, source: TrialRecord, n: int) -> int:
        """Keep the newest checkpoint of another trial as the n-th copy of a trial, here and at the store; its step.

        Raises:
            FileNotFoundError: it has none that verifies.
        """
        with tempfile.TemporaryDirectory(prefix="gensweep-") as name:
            try:
                self._of(source).bring(Path(name), lambda file: file.startswith(CHECKPOINTS))
            except DamagedSweep as error:
                raise FileNotFoundError(str(error)) from error
            taker = self.folder.trial_of(record)
            step = taker.copy_from(TrialFolder(Path(name)), n)
        self._kept(f"{self._url(record)}/{copy_name(n)}").keep(taker.path / CHECKPOINTS / copy_name(n))
        return step

    def _wait(self, future: Future[str]) -> None:
        try:
            future.exception(timeout=0.5)
        except TimeoutError:
            return

    def _bring(self, record: TrialRecord) -> str:
        """Fetch it, make the store keep what is for people alone, then publish it here: a kill in between repeats all that."""
        try:
            with tempfile.TemporaryDirectory(prefix="gensweep-") as name:
                kept = self._of(record)
                kept.bring(Path(name), lambda file: file.startswith(f"{_BEST}/"))
                found = checkpoints.at(Path(name) / _BEST)
                if found is None:
                    return f"trial {record.number}: no checkpoint of its best epoch is at {self._url(record)}"
                kept.trim(lambda file: not file.startswith(CHECKPOINTS) or file.startswith(f"{_BEST}/"))
                home = self.folder.trial_of(record)
                home.take_best(found)
                home.finish()
        except Over:
            return ""
        except (GensweepError, OSError) as error:
            cure = f"gensweep resume {self.folder.argument} tries again"
            return f"trial {record.number}: its best checkpoint is not here ({error}). {cure}"
        return ""

    def _take_over(self, record: TrialRecord, earlier: Stored) -> None:
        """Of a sweep that is a copy: what its live trials have gone on from, which the other sweep keeps as well."""
        mine = self._of(record)
        with tempfile.TemporaryDirectory(prefix="gensweep-") as name:
            folder = Path(name)
            if not mine.bring(folder, lambda _: False) and self._kept(earlier.trial(record.folder_name)).bring(folder):
                mine.keep(folder)
        name = copy_name(len(record.copies))
        if (copy := self.folder.trial_of(record).path / CHECKPOINTS / name).is_dir():
            self._kept(f"{self._url(record)}/{name}").keep(copy)

    def _url(self, record: TrialRecord) -> str:
        return self.stored.trial(record.folder_name)

    def _of(self, record: TrialRecord) -> Kept:
        return self._kept(self._url(record))

    def _kept(self, url: str, generation: int | None = None) -> Kept:
        return Kept(Store(url, self._go_on), self._generation if generation is None else generation)

    def _go_on(self) -> None:
        if self._is_over.is_set():
            raise Over("stopped")
