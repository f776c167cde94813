"""tracking.jsonl: what of the sweep is in which store. Losing it costs a replay, never a double.

A line is one run as it stands, with a checksum; of several lines on one run the last counts. An intent is durable before
its run is created. Progress is not: a crash may take it, and then some of it is sent again, which changes nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from gensweep.errors import DamagedSweep
from gensweep.ledger.durable import json_text, write_atomic
from gensweep.ledger.fields import is_count
from gensweep.ledger.foreign import document, json_of
from gensweep.ledger.foreign import lines as read_lines

VERSION = 3
FORM = 2  # how a run's series are named
SWEEP = "sweep"  # the key of the sweep's own run; a trial's key is the name of its folder
_CRC = b',"crc":"00000000"}'
Stores = dict[str, dict[str, dict[str, Any]]]  # store -> key of a run -> how far that run is sent


@dataclass
class RunCursor:
    """How far one run is sent. Without `run_id` it is an intent: the run may or may not exist in the store.

    `declared` is when the intent was written, in Unix milliseconds; `epoch` the last one sent; `ending` the attempt and
    outcome that the run shows; `complete` says that the trial ended and its files are there too. `form` is how its series are
    named, which cannot change; `name` the run's own ("": an earlier gensweep described it), `data` the digest of the data it
    names, `said` that of the text and the table that the sweep's run shows, `model` the key of the model that came of it.
    """

    declared: int
    run_id: str | None = None
    described: bool = False
    epoch: int = -1
    status: str = "RUNNING"
    ending: str = ""
    files: list[str] = field(default_factory=list)
    complete: bool = False
    form: int = FORM
    name: str = ""
    data: str = ""
    said: str = ""
    model: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError where a field, which a file said, is of another type."""
        own = (self.status, self.ending, self.run_id or "", self.name, self.data, self.said, self.model)
        texts = (*own, *(self.files if isinstance(self.files, list) else [None]))
        counts = all(map(is_count, (self.declared, self.form))) and (self.epoch == -1 or is_count(self.epoch))
        if not counts or not all(isinstance(t, str) for t in texts):
            raise ValueError("a run's fields are of other types, or beyond any count")


@dataclass
class Cursor:
    """The runs of one sweep in one store. `sweep_id` marks them there: names may come again, it does not.

    `of` is the id that the sweep's ledger has, "" where an earlier gensweep wrote it: a file that was written for another id
    came with a copy of the folder, and counts as none. `is_new` says that there was none.
    """

    path: Path
    uri: str
    sweep_id: str
    runs: dict[str, RunCursor]
    of: str = ""
    is_new: bool = False

    @classmethod
    def load(cls, path: Path, uri: str, of: str = "") -> Cursor:
        """The cursor for the store `uri`, redacted; an empty one if nothing was sent there yet.

        Raises:
            DamagedSweep: the file cannot be read; says which line and the cure.
        """
        sweep_id, stores = _read_of(path, of)
        return cls(path, uri, sweep_id or of or uuid.uuid4().hex, _runs(path, stores.get(uri, {})), of, not sweep_id)

    def compact(self, *, forget: bool = False) -> None:
        """Write the file anew with one line a run, those of this store last, or none of them with `forget`.

        A file of release 0.1 becomes one of this kind.
        """
        with _exclusive(self.path):  # another process may send this sweep too: its lines stay
            sweep_id, stores = _read_of(self.path, self.of)
            self.sweep_id = sweep_id or self.sweep_id
            mine = stores.pop(self.uri, {})
            self.runs = {} if forget else _runs(self.path, mine)
            # the store that was used last stands last: a later start without a URI goes there
            stores[self.uri] = {key: asdict(run) for key, run in self.runs.items()}
            lines = [_line({"store": uri}) + _lines(uri, runs) for uri, runs in stores.items()]
            write_atomic(self.path, self._head() + b"".join(lines))
        _old(self.path).unlink(missing_ok=True)

    def renew(self) -> None:
        """Begin under an id of its own: what the file says is of another folder's sweep."""
        with _exclusive(self.path):
            self.sweep_id, self.runs = uuid.uuid4().hex, {}
            write_atomic(self.path, self._head() + _line({"store": self.uri}))

    def declare(self, runs: Mapping[str, RunCursor]) -> None:
        """Add intents, durably. Raises OSError as it came; then there are none."""
        self._append(runs, durable=True)
        self.runs |= runs

    def save(self, keys: Iterable[str]) -> None:
        """Write how these runs stand. It need not survive a power cut: what is lost is sent again."""
        self._append({key: self.runs[key] for key in keys}, durable=False)

    def _append(self, runs: Mapping[str, RunCursor], *, durable: bool) -> None:
        with _exclusive(self.path) as descriptor:
            size = _end(descriptor)
            if not size:  # somebody deleted it
                runs = {**self.runs, **runs}
            data = _lines(self.uri, {key: asdict(run) for key, run in runs.items()})
            try:
                _write_all(descriptor, data if size else self._head() + data)
                if durable:
                    os.fsync(descriptor)
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(descriptor, size)
                raise

    def _head(self) -> bytes:
        return _line({"version": VERSION, "sweep_id": self.sweep_id, "of": self.of})


def stores(path: Path) -> list[str]:
    """The stores that the sweep was sent to, without their passwords; the last one is that of the last time."""
    try:
        return list(_read(path).stores)
    except (OSError, DamagedSweep):
        return []


def last_uri(path: Path) -> str | None:
    """The store that the sweep was last sent to."""
    return next(reversed(stores(path)), None)


class _Known(NamedTuple):
    """What a file says: the id under which the sweep is sent ("" where it is not), that of its ledger, what of it is where."""

    sweep_id: str
    of: str
    stores: Stores


def _read_of(path: Path, of: str) -> tuple[str, Stores]:
    """The id and the stores of the sweep whose ledger has the id `of`; nothing where the file is of another one."""
    known = _read(path)
    return ("", {}) if of and known.of and known.of != of else (known.sweep_id, known.stores)


def _read(path: Path) -> _Known:
    """What the file says, the stores in the order of their last lines."""
    try:
        data = read_lines(path)
    except FileNotFoundError:
        data = b""
    if not data:
        return _read_old(_old(path))
    *whole, _torn = data.split(b"\n")
    found = [_decoded(line) for line in whole]
    while found and found[-1] is None:
        found.pop()  # what was not durable when the machine died
    if None in found or not found or "sweep_id" not in (found[0] or {}):
        number = found.index(None) + 1 if None in found else 1
        raise DamagedSweep(f"{path}:{number}: this line cannot be trusted. {_cure(path)}")
    head, *lines = [line for line in found if line is not None]
    if type(head.get("version")) is not int or not all(map(_is_run, lines)):
        raise DamagedSweep(f"{path}: says what no gensweep wrote. {_cure(path)}")
    if head["version"] > VERSION:
        raise DamagedSweep(f"{path}: was written by a newer gensweep (version {head['version']}); use that one.")
    stores: Stores = {}
    for line in lines:
        runs = stores.pop(line["store"], {})
        stores[line["store"]] = runs
        if "key" in line:
            runs[line["key"]] = line["run"]
    return _Known(str(head["sweep_id"]), str(head.get("of", "")), stores)


def _read_old(path: Path) -> _Known:
    """The same of tracking.json, as release 0.1 wrote it: one document."""
    try:
        found = json_of(document(path))
        stores = {uri: dict(runs) for uri, runs in found["stores"].items() if _is_run({"store": uri})}
        return _Known(str(found["sweep_id"]), "", stores)
    except FileNotFoundError:
        return _Known("", "", {})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedSweep(f"{path}: cannot be read ({error}). {_cure(path)}") from error


def _old(path: Path) -> Path:
    return path.with_name("tracking.json")


def _runs(path: Path, runs: Mapping[str, Mapping[str, Any]]) -> dict[str, RunCursor]:
    try:
        return {key: RunCursor(**{"form": _form(run), **run}) for key, run in runs.items()}
    except (TypeError, ValueError) as error:
        raise DamagedSweep(f"{path}: cannot be read ({error}). {_cure(path)}") from error


def _form(run: Mapping[str, Any]) -> int:
    """Of a run that an earlier gensweep sent, the first form; what it did not send yet is sent in this one."""
    return FORM if run.get("run_id") is None else 1


def _cure(path: Path) -> str:
    return (
        f"Restore it, or move it away with `gensweep doctor {path.resolve().parent.name} --repair`: then everything is sent "
        "once more, to the runs that carry the sweep's id."
    )


def _is_run(line: Mapping[str, Any]) -> bool:
    """Whether a line that is whole names a store, or a run in one."""
    named = "key" not in line or (isinstance(line["key"], str) and isinstance(line.get("run"), dict))
    store = line.get("store")
    return named and isinstance(store, str) and store.isprintable()


def _lines(uri: str, runs: Mapping[str, Mapping[str, Any]]) -> bytes:
    return b"".join(_line({"store": uri, "key": key, "run": run}) for key, run in runs.items())


def _line(content: Mapping[str, Any]) -> bytes:
    text = json_text(content, separators=(",", ":"))
    return text[:-1] + b',"crc":"%08x"}\n' % zlib.crc32(text)


def _decoded(line: bytes) -> dict[str, Any] | None:
    text, crc = line[: -len(_CRC)] + b"}", line[-len(_CRC) :]
    if crc != b',"crc":"%08x"}' % zlib.crc32(text):
        return None
    try:
        found = json_of(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[int]:
    """The open file, which no other process changes or replaces meanwhile."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_at(descriptor, path):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _end(descriptor: int) -> int:
    """The size of the file, after a torn last line was cut off."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        size = os.pread(descriptor, size, 0).rfind(b"\n") + 1
        os.ftruncate(descriptor, size)
    return size


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:  # a nearly full disk takes a part and says so only at the next write
        rest = rest[os.write(descriptor, rest) :]
