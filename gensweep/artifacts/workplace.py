"""Where a process writes what a trial leaves: in the sweep's folder; or in a private one, which a store follows."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gensweep.artifacts.kept import CHECKPOINTS, Kept
from gensweep.artifacts.private import private_folder
from gensweep.artifacts.store import PATIENCE, Store
from gensweep.ledger.sweep_folder import PLUGINS
from gensweep.ledger.trial_folder import Row, TrialFolder

_ROWS = "results.jsonl"
_PICTURES = ("samples/", "reconstructions/")
_TICK = 2.0  # seconds
_bringing = threading.Lock()
_plugins: dict[str, Path] = {}  # by the sweep's URL: the folder that has them


@dataclass(frozen=True)
class News:
    """What the driver's side does not have yet of a trial: rows, and files by their names in its folder."""

    rows: list[Row] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict, repr=False)


class Workplace:
    """The folder that a trial is trained in: that in its sweep's."""

    def __init__(self, folder: TrialFolder) -> None:
        self.folder = folder

    def told(self) -> News | None:
        """Make durable what the folder holds, and say what of it is news; None where the driver sees the folder itself."""
        return None

    def close(self) -> None:
        """The trial leaves this process."""


class Following(Workplace):
    """A private folder. It begins with what the store keeps of the trial, and ends with the trial's stay in this process.

    `reported` is the last epoch of which the driver has everything, `copies` the number of the copy of weights that the trial
    has to take. `alive` is called while it waits for a store that is away.

    Raises:
        DamagedSweep: what is kept of it is damaged.
        StoreAway: the store does not answer.
    """

    def __init__(self, url: str, generation: int, reported: int, copies: int, alive: Callable[[], None]) -> None:
        self._path = Path(tempfile.mkdtemp(prefix="trial-", dir=private_folder()))
        self._alive = alive
        try:
            with _ticking(alive):
                self._kept = Kept(Store(url), generation)
                self._kept.bring(self._path, lambda name: not name.startswith(_PICTURES) or _epoch(name) > reported)
                if copies:
                    name = copy_name(copies)
                    Kept(Store(f"{url}/{name}"), generation).bring(self._path / CHECKPOINTS / name)
            super().__init__(TrialFolder(self._path))
        except BaseException:
            self.close()
            raise
        self._reported = reported
        self._told: dict[str, str] = {}

    def told(self) -> News:
        """See above."""
        with _ticking(self._alive):
            self._kept.keep(self._path)
        news = News([row for row in self.folder.rows() if row.epoch > self._reported])
        for name, entry in self._kept.entries.items():
            path = self._path / name
            if (
                name.startswith(CHECKPOINTS)
                or name == _ROWS
                or self._told.get(name) == entry.sha256
                or not path.exists()
            ):
                continue
            news.files[name] = path.read_bytes()
            self._told[name] = entry.sha256
        self._reported = max([self._reported, *(row.epoch for row in news.rows)])
        return news

    def close(self) -> None:
        """See above."""
        shutil.rmtree(self._path, ignore_errors=True)


@contextmanager
def _ticking(alive: Callable[[], None]) -> Iterator[None]:
    """Meanwhile say every few seconds that this process lives: one call of a library may wait for minutes. Not for ever."""
    over, until = threading.Event(), time.monotonic() + 2 * PATIENCE

    def tick() -> None:
        while not over.wait(_TICK) and time.monotonic() < until:
            alive()

    thread = threading.Thread(target=tick, name="gensweep-alive", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def copy_name(n: int) -> str:
    """The name of the n-th copy of another trial's weights, in the trial's checkpoints and at its URL."""
    return f"copy-{n}"


def plugins_of(sweep_url: str, alive: Callable[[], None] = lambda: None) -> Path:
    """A folder of this process that holds a sweep's plug-ins as the sweep's folder does."""
    with _bringing:
        if sweep_url not in _plugins:
            folder = Path(tempfile.mkdtemp(prefix="sweep-", dir=private_folder()))
            Kept(Store(f"{sweep_url}/{PLUGINS}", alive), 0).bring(folder / PLUGINS)
            _plugins[sweep_url] = folder
        return _plugins[sweep_url]


def _epoch(picture: str) -> int:
    """Of `samples/epoch-00005.png`."""
    digits = Path(picture).stem.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0
