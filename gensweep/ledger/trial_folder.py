"""The folder of one trial: what it is, one row an epoch, verified checkpoints, how it ended."""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gensweep.errors import DamagedSweep, Outcome
from gensweep.ledger.checkpoints import Checkpoint, Checkpoints
from gensweep.ledger.durable import append_at, json_text, make_directory, write_atomic
from gensweep.ledger.fields import is_count, is_number, mistake
from gensweep.ledger.foreign import document, json_of, lines, refuse_links
from gensweep.ledger.lease import Fence

__all__ = ["Checkpoint", "Row", "TrialFolder"]

_END = 65536  # bytes in which some rows fit
_FIELDS = {"epoch", "step", "time", "seconds", "values"}
_CRC = re.compile(rb', "crc": "([0-9a-f]{8})"}$')  # the checksum covers the line without it
_LONGEST_EPOCH = 2**32  # seconds, which are 136 years


@dataclass(frozen=True)
class Row:
    """The values of one epoch. `time` is in Unix milliseconds, from its first writing; `seconds` is the epoch's."""

    epoch: int
    step: int
    time: int
    seconds: float
    values: dict[str, float]


class TrialFolder:
    """What one trial leaves on disk. With a fence, every write raises `Fenced` once another driver took the sweep.

    The order after an epoch is `append`, then `save`: a crash in between repeats the epoch, and its row is not written
    twice. The other way round the row of that epoch would be lost.

    Raises DamagedSweep where a link lies in it: what is written must stay inside.
    """

    def __init__(self, path: Path, fence: Fence | None = None) -> None:
        refuse_links(path)
        refuse_links(path / "checkpoints")
        self.path = path
        self._fence = fence
        self._checkpoints = Checkpoints(path / "checkpoints", fence)
        self._results = path / "results.jsonl"

    def write_configuration(self, configuration: Mapping[str, Any]) -> None:
        """Write configuration.json."""
        self._write_json("configuration.json", configuration)

    def configuration(self) -> dict[str, Any] | None:
        """What configuration.json holds; None if there is none yet."""
        return self._read_json("configuration.json")

    def write_outcome(self, outcome: Mapping[str, Any]) -> None:
        """Write outcome.json: how the trial ended, with a checksum: its scores enter the ledger."""
        self._write_json("outcome.json", {**outcome, "crc": _checksum(outcome)})

    def outcome(self) -> dict[str, Any] | None:
        """How the trial ended; None as long as it has not."""
        ended = self._read_json("outcome.json")
        if ended is None:
            return None
        crc = ended.pop("crc", None)  # an earlier gensweep wrote none
        wrong = "its checksum does not match" if crc not in (None, _checksum(ended)) else _no_outcome(ended)
        if wrong:
            raise DamagedSweep(f"{self.path / 'outcome.json'}: {wrong}. Delete the file: the trial writes it again.")
        return ended

    def write_file(self, relative: str, data: bytes) -> None:
        """Write a file for people, such as samples/epoch-0005.png: whole, but not safe from a power cut."""
        path = self.path / relative
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise ValueError(f"{relative!r} lies outside the trial's folder")
        if path.parent.is_symlink():
            raise DamagedSweep(f"{path.parent}: is a link, and links in a sweep's folder are not followed.")
        self._check_fence()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, data, fsync=False)

    def rows(self) -> list[Row]:
        """The rows by rising epoch, without a torn last line.

        Raises:
            DamagedSweep: a line before the last one is damaged.
        """
        return self._read_rows()[0]

    def last_epoch(self) -> int:
        """The epoch of the last row that is whole, from the end of the file; -1 where there is none."""
        try:
            size = os.stat(self._results).st_size
            whole = lines(self._results, max(0, size - _END)).split(b"\n")[:-1]
        except FileNotFoundError:
            return -1
        return next((row.epoch for line in reversed(whole) if (row := _decode(line)) is not None), -1)

    def append(self, rows: Sequence[Row]) -> list[Row]:
        """Add the rows of new epochs, durably, and return them. Epochs up to the last known one keep their first row.

        Raises:
            Fenced: another driver took the sweep.
            OSError: as it came; the rows before stay readable.
        """
        self._check_fence()
        known, size = self._read_rows()
        fresh = _rising(rows, after=known[-1].epoch if known else -1)
        data = b"".join(_encode(row) for row in fresh)
        make_directory(self.path)
        if data or self._results.exists():  # without data too: who was killed may not have made its rows durable
            append_at(self._results, size, data)
        return fresh

    def save(self, step: int, files: Mapping[str, bytes], *, best: bool) -> None:
        """Write a checkpoint durably; the newest two and the best stay. It is safe when this returns.

        Raises:
            Fenced: another driver took the sweep.
            OSError: as it came; every earlier checkpoint stays readable.
        """
        self._checkpoints.save(step, files, best=best)

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint that verifies, or None; torn ones are moved aside."""
        return self._checkpoints.newest()

    def best(self) -> Checkpoint | None:
        """The checkpoint of the best epoch, or None."""
        return self._checkpoints.best()

    def copy_from(self, source: TrialFolder, n: int) -> int:
        """Keep the newest checkpoint of another trial as this trial's n-th copy, durably; its step.

        Raises:
            FileNotFoundError: it has none that verifies.
        """
        found = source.newest() or source.best()
        if found is None:
            raise FileNotFoundError(f"{source.path}: there is no checkpoint to copy")
        self._checkpoints.adopt(_copy(n), found)
        return found.step

    def take(self, rows: Sequence[Row], files: Mapping[str, bytes]) -> None:
        """Enter what a process wrote that does not see this folder: rows durably, and documents; pictures as `write_file`."""
        if rows:
            self.append(rows)
        for name, data in files.items():
            if "/" in name:
                self.write_file(name, data)
            else:
                self._check_fence()
                make_directory(self.path)
                write_atomic(self.path / Path(name).name, data)

    def take_best(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint as the best one, durably; it was written elsewhere."""
        self._checkpoints.adopt("best", checkpoint)

    def copied(self, n: int) -> Checkpoint:
        """The n-th copy.

        Raises:
            DamagedSweep: it is gone or does not verify.
        """
        found = self._checkpoints.named(_copy(n))
        if found is None:
            raise DamagedSweep(
                f"{self.path}: the ledger says that this trial took the weights of another one, and its copy {n} of them "
                "is damaged. Restore the folder from a copy."
            )
        return found

    def finish(self) -> None:
        """The trial has ended: its best checkpoint alone stays."""
        self._checkpoints.keep_best()

    def torn(self) -> list[str]:
        """The names of the checkpoints that were moved aside because they did not verify."""
        return self._checkpoints.torn()

    def _read_rows(self) -> tuple[list[Row], int]:
        """The rows, and the size of the file up to the end of the last good line."""
        try:
            *whole, _torn = lines(self._results).split(b"\n")
        except FileNotFoundError:
            return [], 0
        rows, size = [], 0
        for number, line in enumerate(whole, start=1):
            row = _decode(line)
            if row is None and number == len(whole) and not _torn:
                break
            if row is None:
                raise DamagedSweep(
                    f"{self._results}:{number}: not a row of results. Restore the file from a copy; or move the "
                    "trial's folder away, and the trial starts again from its beginning."
                )
            rows.append(row)
            size += len(line) + 1
        return _rising(rows, after=-1), size

    def _write_json(self, name: str, value: Mapping[str, Any]) -> None:
        self._check_fence()
        make_directory(self.path)
        write_atomic(self.path / name, json_text(value, indent=1))

    def _read_json(self, name: str) -> dict[str, Any] | None:
        path = self.path / name
        try:
            value = json_of(document(path))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise DamagedSweep(f"{path}: not JSON ({error}). Delete the file: the trial writes it again.") from error
        if not isinstance(value, dict):
            raise DamagedSweep(
                f"{path}: holds {value!r:.80}, not an object. Delete the file: the trial writes it again."
            )
        return value

    def _check_fence(self) -> None:
        if self._fence is not None:
            self._fence.check()


def _checksum(value: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(json_text(value, sort_keys=True, separators=(',', ':'))):08x}"


def lines_of(rows: Sequence[Row]) -> bytes:
    """The rows as results.jsonl holds them."""
    return b"".join(map(_encode, rows))


def read_rows(file: Path) -> tuple[list[Row], str]:
    """Every row of a results.jsonl that is whole, by rising epoch, whatever lies between them; and what does."""
    try:
        *found, rest = lines(file).split(b"\n")
    except FileNotFoundError:
        return [], ""
    except DamagedSweep:
        return [], "no lines"
    decoded = [_decode(line) for line in found]
    bad = [f"line {number}, which is no row" for number, row in enumerate(decoded, start=1) if row is None]
    return _rising([row for row in decoded if row is not None], after=-1), next(
        iter(bad), "a torn last line" if rest else ""
    )


def _no_outcome(ended: Mapping[str, Any]) -> str | None:
    """Why this does not say how a trial ended."""
    if ended.get("outcome") not in Outcome.__members__:
        return f"says outcome: {ended.get('outcome')!r:.60}, which is none"
    return mistake(ended)


def _copy(n: int) -> str:
    return f"copy-{n}"


def _rising(rows: Sequence[Row], after: int) -> list[Row]:
    """The first row of every epoch above all epochs before it."""
    kept = []
    for row in rows:
        if row.epoch > after:
            kept.append(row)
            after = row.epoch
    return kept


def _encode(row: Row) -> bytes:
    values = {name: float(value) for name, value in row.values.items()}  # NumPy's numbers and 0-d tensors too
    fields = {"epoch": row.epoch, "step": row.step, "time": row.time, "seconds": float(row.seconds), "values": values}
    text = json.dumps(fields).encode()
    return text[:-1] + b', "crc": "%08x"}\n' % zlib.crc32(text)


def _decode(line: bytes) -> Row | None:
    if (crc := _CRC.search(line)) is not None:
        line = line[: crc.start()] + b"}"
        if b"%08x" % zlib.crc32(line) != crc[1]:
            return None
    try:
        found = json_of(line)
        if set(found) != _FIELDS:
            return None
        epoch, step, time = counts = [found[name] for name in ("epoch", "step", "time")]
        seconds, values = found["seconds"], found["values"]
        if not all(map(is_count, counts)) or not all(map(is_number, [seconds, *values.values()])):
            return None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    if not 0 <= seconds <= _LONGEST_EPOCH:
        return None
    return Row(epoch, step, time, float(seconds), {name: float(value) for name, value in values.items()})
