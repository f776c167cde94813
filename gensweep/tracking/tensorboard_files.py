"""A sweep's trials as TensorBoard's event files: `tensorboard --logdir runs/NAME/tensorboard`.

One folder a trial, in it one file. What belongs in that file is a function of what is durable of the trial, so that no
cursor is needed: what is there and right stays, what is missing is added behind it, and what is not a beginning of what
belongs there (the torn end that a kill leaves, a trial that was taken up again) is cut off or written anew. Nothing can be
there twice.
"""

from __future__ import annotations

import bisect
import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gensweep.errors import DamagedSweep, Outcome
from gensweep.ledger.durable import append_at, make_directory, write_atomic
from gensweep.ledger.foreign import refuse_links
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.ledger.trial_folder import Row, TrialFolder
from gensweep.tracking import describe, event_records
from gensweep.tracking.attached import Attached
from gensweep.tracking.front import objective_of

_FILE = "events.out.tfevents.0000000000.gensweep"  # TensorBoard takes what has "tfevents" in its name
_EPOCH = re.compile(r"epoch-(\d+)\.png")
_GOOD = (Outcome.COMPLETED, Outcome.PRUNED)
_EVERY = 2.0  # seconds
Record = Callable[[], bytes]


@dataclass(frozen=True)
class _Written:
    """How many records of a trial are in its file, which has this size, and the ending that they tell of."""

    records: int
    size: int
    outcome: Outcome | None


class EventFiles:
    """Writes one sweep's event files into the folder `root`.

    `axes` are what is searched: by path, whether its values are numbers.
    """

    def __init__(self, folder: SweepFolder, axes: Mapping[str, bool], root: Path) -> None:
        self.folder, self._root = folder, root
        self._axes = dict(axes)
        self._following = folder.follow()
        self._attached = Attached(folder.path)
        self._written: dict[int, _Written] = {}
        self._lock = threading.Lock()

    def sync(self) -> int:
        """Bring the files level with the ledger; how many trials have one.

        Raises:
            DamagedSweep: the ledger, or a trial's rows, cannot be trusted, or a link stands in the files' place.
            OSError: as it came; the next call goes on.
        """
        with self._lock:
            news = self._following.advance()
            if news.is_whole:
                self._written.clear()
            if news.is_whole or not (self._root / _FILE).exists():
                self._write_columns()
            changed = {event["number"] for event in news.events if "number" in event}
            trials = self._following.state.trials
            for number in sorted(changed & trials.keys()):
                self._write(trials[number])
            return len(trials)

    def _write_columns(self) -> None:
        refuse_links(self.folder.path)
        make_directory(self._root)
        refuse_links(self._root)
        objective = objective_of(self.folder)
        named = [] if objective is None else [describe.clean(f"{kind}.{objective.metric}") for kind in ("best", "test")]
        data = event_records.head(0.0) + event_records.experiment(self._axes, named)
        if _content(self._root / _FILE) != data:
            write_atomic(self._root / _FILE, data, fsync=False)

    def _write(self, record: TrialRecord) -> None:
        path = self._root / f"{record.number:04d}-{record.arm}"
        make_directory(path)
        refuse_links(path)
        file, records = path / _FILE, list(self._records(record))
        known = self._written.get(record.number)
        if known and known.outcome in (None, record.outcome) and known.size == _size(file):
            size = append_at(file, known.size, b"".join(one() for one in records[known.records :]))
        else:
            size = _bring_level(file, b"".join(one() for one in records))
        self._written[record.number] = _Written(len(records), size, record.outcome)

    def _records(self, record: TrialRecord) -> Iterator[Record]:
        """What belongs in a trial's file, in its order: more of the trial gives more records behind these.

        Rows that the ledger does not tell of yet may be without their pictures, and wait.
        """
        trial = self.folder.path / "trials" / record.folder_name
        rows = [row for row in TrialFolder(trial).rows() if not record.is_live or row.epoch <= record.epoch]
        start = (rows[0].time / 1000 - rows[0].seconds) if rows else 0.0
        yield partial(event_records.head, start)
        yield partial(event_records.beginning, {"arm": record.arm, **_shown(record.proposed)}, start)
        pictures = self._pictures(trial)
        for row in rows:
            yield from _row(record, row, pictures.get(row.epoch, ()))
        if not record.is_live:
            time = rows[-1].time if rows else 0
            best = {point.name: point.value for point in describe.best_points(record, time)}
            yield partial(event_records.scalars, best, time / 1000, record.epoch)
            yield partial(event_records.end, time / 1000, is_good=record.outcome in _GOOD)

    def _pictures(self, trial: Path) -> dict[int, list[Path]]:
        """A trial's pictures by the epoch that they are of."""
        found: dict[int, list[Path]] = {}
        for picture in self._attached.of_a_trial(trial):
            if epoch := _EPOCH.fullmatch(picture.name):
                found.setdefault(int(epoch[1]), []).append(picture)
        return found


class Beside:
    """Event files that are written while a sweep runs, off the training path: `say` gets a sentence where they cannot be."""

    def __init__(self, files: EventFiles, say: Callable[[str], None]) -> None:
        self._files, self._say = files, say
        self._over = threading.Event()
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name="gensweep-tensorboard", daemon=True)

    def __enter__(self) -> Beside:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is left."""
        self._over.set()
        self._thread.join()
        self._sync()

    def _run(self) -> None:
        while not self._over.wait(_EVERY):
            self._sync()

    def _sync(self) -> None:
        """Nothing that goes wrong here may stop training, and the same trouble is told once."""
        trouble = ""
        try:
            self._files.sync()
        except (DamagedSweep, OSError) as error:
            trouble = str(error)
        if trouble and trouble != self._trouble:
            self._say(
                f"TensorBoard's files are not level with the sweep ({trouble}). Training goes on; "
                f"gensweep sync {self._files.folder.argument} --tensorboard writes what they lack."
            )
        self._trouble = trouble


def _row(record: TrialRecord, row: Row, pictures: list[Path] | tuple[()]) -> Iterator[Record]:
    values = {point.name: point.value for point in describe.row_points(row)}
    values |= {point.name: point.value for point in _knobs(record, row)}
    time = row.time / 1000
    yield partial(event_records.scalars, values, time, row.epoch)
    for path in pictures:
        yield partial(_picture, path, time, row.epoch)


def _knobs(record: TrialRecord, row: Row) -> list[Any]:
    """The values that copies before this row changed; a later copy changes nothing of it."""
    earlier = [copy for copy in record.copies if copy.epoch < row.epoch]
    changed = {name for copy in earlier for name in copy.changed}
    points = describe.knob_points(record, record.proposed, [row]) if earlier else ()
    return [point for point in points if point.name in {describe.clean(f"knob.{name}") for name in changed}]


def _picture(path: Path, time: float, step: int) -> bytes:
    return event_records.picture(path.parent.name, path.read_bytes(), time, step)


def _shown(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers and words as they are, all else as JSON."""
    return {
        path: value if isinstance(value, str | int | float) and not isinstance(value, bool) else json.dumps(value)
        for path, value in parameters.items()
    }


def _bring_level(file: Path, data: bytes) -> int:
    """Make `data` the content of a file: what it has of its beginning stays, as somebody may be reading it."""
    there = _content(file)
    n = bisect.bisect_left(range(1, min(len(there), len(data)) + 1), True, key=lambda i: there[:i] != data[:i])
    return append_at(file, n, data[n:])


def _content(file: Path) -> bytes:
    """What is in it; nothing where there is none."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    with open(descriptor, "rb") as opened:
        return opened.read()


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return -1
