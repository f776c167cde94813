"""What was told of runs, kept here: for a place that takes it later, cannot be asked what it has, or drops what it is told twice.

A file a run, a line a call, durable before the call returns. What is told again is not written again.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gensweep.ledger.durable import fsync_directory, json_text, make_directory
from gensweep.tracking.run_store import Data, Point, Refused, Status

_ID = re.compile(r"[0-9a-f]{8,64}")
_PICTURE = re.compile(r"(?P<folder>.+)/[^/]*?(?P<step>\d{1,9})\.png")
_Key = tuple[str, str, int, int]


@dataclass(frozen=True)
class File:
    """A file of a run: its content as text, or where it lies and the digest of what was there."""

    path: Path | None = None
    text: str = ""
    digest: str = ""


@dataclass
class RunRecord:
    """A run as it was told. `history` holds its points in rows, each of one call, step and time, in the order of the telling.

    A picture in a folder, whose name ends in a number, is a row of that step, by the folder, and no file.

    `changes` counts what was told, and `sent` how many of these the place had taken by a run that was finished there.
    """

    run_id: str
    name: str = ""
    start: int = 0
    end: int | None = None
    status: Status = "RUNNING"
    tags: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    history: list[tuple[int, int, dict[str, float | Path]]] = field(default_factory=list)
    files: dict[str, File] = field(default_factory=dict)
    data: list[Data] = field(default_factory=list)
    is_deleted: bool = False
    changes: int = 0
    sent: dict[str, int] = field(default_factory=dict)
    _points: set[_Key] = field(default_factory=set, repr=False)

    def unknown(self, points: Sequence[Point]) -> list[Point]:
        """Those of the points that were not told yet, each once."""
        new = {_key(point): point for point in points}
        return [point for key, point in new.items() if key not in self._points]

    def apply(self, told: Mapping[str, Any]) -> None:
        """Take in a line."""
        match told["call"]:
            case "create":
                self.name, self.start, self.tags = told["name"], told["start"], dict(told["tags"])
            case "log":
                self.parameters |= told["parameters"]
                self.tags |= told["tags"]
                self._enter([Point(*one) for one in told["points"]])
            case "file":
                self._add(told["name"], File(Path(told["path"]), digest=told["digest"]))
            case "text":
                self._add(told["name"], File(text=told["text"]))
            case "data":
                self.data.append(Data(**told["data"]))
            case "sent":
                self.sent[told["mode"]] = told["changes"]
            case call:
                self._stand(call, told)
        self.changes += told["call"] != "sent"

    def _stand(self, call: str, told: Mapping[str, Any]) -> None:
        match call:
            case "status":
                self.status, self.end = told["status"], told["end"]
            case "rename":
                self.name = told["name"]
            case "delete":
                self.is_deleted = True

    def _add(self, name: str, file: File) -> None:
        if name not in self.files and (shown := picture_of(name)) and file.path is not None:
            self.history.append((shown[1], 0, {shown[0]: file.path}))
        self.files[name] = file

    def _enter(self, points: Sequence[Point]) -> None:
        """As new rows: a row that was there before may be on its way, and stays as it is."""
        rows: dict[tuple[int, int], dict[str, float | Path]] = {}
        for point in points:
            self._points.add(_key(point))
            rows.setdefault((point.step, point.time), {})[point.name] = point.value
        self.history += [(*when, values) for when, values in rows.items()]


class Records:
    """The records of one place, in a folder of their own. Several processes may write them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, tuple[int, RunRecord]] = {}  # with how many bytes of the file are read

    def all(self) -> list[RunRecord]:
        """Every run that is not deleted, the oldest first."""
        ids = sorted(path.stem for path in self.folder.glob("*.jsonl") if _ID.fullmatch(path.stem))
        found = [record for record in map(self.of, ids) if record is not None and not record.is_deleted]
        return sorted(found, key=lambda record: (record.start, record.run_id))

    def of(self, run_id: str) -> RunRecord | None:
        """A run, deleted or not; None where there is none."""
        if not _ID.fullmatch(run_id):
            return None
        with contextlib.suppress(FileNotFoundError), self._locked(run_id, os.O_RDWR) as descriptor:
            record = self._read(run_id, descriptor)
            return record if record.changes else None
        return None

    def tell(self, run_id: str, said: Callable[[RunRecord], Mapping[str, Any] | None]) -> RunRecord:
        """Add to a run what `said` makes of it as it stands, if that is anything.

        Raises:
            Refused: by `said`; nothing was added.
            OSError: as it came.
        """
        make_directory(self.folder)
        with self._locked(run_id, os.O_RDWR | os.O_CREAT) as descriptor:
            record = self._read(run_id, descriptor)
            told = said(record)
            if told is not None:
                line = json_text(told) + b"\n"
                size = os.lseek(descriptor, 0, os.SEEK_END)
                try:
                    rest = memoryview(line)
                    while rest:
                        rest = rest[os.write(descriptor, rest) :]
                    os.fsync(descriptor)
                except OSError:
                    os.ftruncate(descriptor, size)
                    raise
                record.apply(json.loads(line))
                self._known[run_id] = (size + len(line), record)
                if size == 0:
                    fsync_directory(self.folder)
            return record

    @contextlib.contextmanager
    def _locked(self, run_id: str, flags: int) -> Iterator[int]:
        path = self.folder / f"{run_id}.jsonl"
        descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            with contextlib.suppress(OSError):  # a network disk may have none
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _read(self, run_id: str, descriptor: int) -> RunRecord:
        """Follow the file from where it was left; a torn last line is cut off."""
        at, record = self._known.get(run_id, (0, RunRecord(run_id)))
        size = os.fstat(descriptor).st_size
        if size < at:  # not the file that was read
            at, record = 0, RunRecord(run_id)
        data = os.pread(descriptor, size - at, at)
        whole = data[: data.rfind(b"\n") + 1]
        try:
            for line in whole.splitlines():
                record.apply(json.loads(line))
        except (ValueError, TypeError, KeyError) as error:
            self._known.pop(run_id, None)
            raise Refused(f"{self.folder / run_id}.jsonl is damaged. Move it away: it is made again") from error
        if len(whole) < len(data):
            os.ftruncate(descriptor, at + len(whole))
        self._known[run_id] = (at + len(whole), record)
        return record


def picture_of(name: str) -> tuple[str, int] | None:
    """Folder and step of a file that is a picture of a step: `samples/epoch-0005.png`; None for any other.

    >>> picture_of("samples/epoch-0005.png"), picture_of("report/report.html")
    (('samples', 5), None)
    """
    found = _PICTURE.fullmatch(name)
    return (found["folder"], int(found["step"])) if found else None


def logged(
    record: RunRecord, points: Sequence[Point], parameters: Mapping[str, str], tags: Mapping[str, str]
) -> dict[str, Any] | None:
    """What is new of this, as a line.

    Raises:
        Refused: a parameter would change.
    """
    for name, value in parameters.items():
        if record.parameters.get(name, value) != value:
            raise Refused(f"parameter {name} of {record.name} is {record.parameters[name]}, and cannot become {value}")
    new = {
        "points": [[point.name, point.value, point.time, point.step] for point in record.unknown(points)],
        "parameters": {name: value for name, value in parameters.items() if name not in record.parameters},
        "tags": {name: value for name, value in tags.items() if record.tags.get(name) != value},
    }
    return {"call": "log", **new} if any(new.values()) else None


def _key(point: Point) -> _Key:
    return point.name, repr(float(point.value)), point.time, point.step
