"""The sweep's memory: an append-only file of events, one writer, in the order of a counter and never of a clock."""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from gensweep.collection import no_collection
from gensweep.errors import CannotRun, DamagedSweep
from gensweep.ledger.durable import append_at, fsync_file, json_text
from gensweep.ledger.foreign import json_of, lines
from gensweep.ledger.lease import Fenced, Lease, owner

SCHEMA = 2
_CRC = b',"crc":"00000000"}'  # every line ends like this; the checksum covers the line without it

_LONGEST_END = 65536  # bytes in which the last line of a sweep that has ended fits

_CURE = "Restore the file from a copy; or, to give up this event and all after it, copy the folder, then "

Event = dict[str, Any]


class News(NamedTuple):
    """What a follower found. `is_whole`: these are all events from the first, and what it gave before no longer counts."""

    events: list[Event]
    is_whole: bool


@dataclass
class _Scan:
    """What one reading of the file found, from the event after `seq` on. `size` is where the good lines end.

    `last` is the newest good line and `note` says what lies after it.
    """

    events: list[Event] = field(default_factory=list)
    seq: int = 0
    generation: int = 0
    size: int = 0
    last: bytes = b""
    note: str | None = None

    def enter(self, event: Event, line: bytes) -> None:
        self.events.append(event)
        self.seq, self.generation = event["seq"], event["generation"]
        self.size += len(line) + 1
        self.last = line + b"\n"


class _Reading(NamedTuple):
    """What was read, and which file it was then."""

    scan: _Scan
    file: tuple[int, int, int] | None


class EventLog:
    """Events as JSON lines. Each line adds `seq` (1, 2, 3, …), the driver's `generation`, `schema` and a checksum.

    A last line that was torn by a crash was never acknowledged: readers leave it out, and the next driver cuts it off
    (`note` then says so). Damage anywhere else raises DamagedSweep. `at` is for people: nothing orders by it.
    """

    def __init__(self, sweep: Path) -> None:
        self.path = sweep / "ledger" / "events.jsonl"
        self.note: str | None = None
        self._sweep = sweep
        self._lease: Lease | None = None
        self._seq = self._size = 0
        self._certain = False  # whether _seq and _size are what the file holds
        self._known: _Reading | None = None  # what was read last, until the first append
        self._mark: _Scan | None = None  # up to where that was, without the events
        self._mutex = threading.Lock()

    def read(self) -> list[Event]:
        """All events in order, without a torn last line. Needs no lease.

        Raises:
            DamagedSweep: naming the file, the line and the cure.
        """
        return self._scan().events

    def read_after(self, seq: int) -> list[Event]:
        """The events after that one: from where the log was read up to, if it was up to there.

        Raises:
            DamagedSweep: as `read` does.
        """
        grown = _grown_since(self.path, self._mark) if self._mark is not None and self._mark.seq == seq else None
        return grown.events if grown is not None else self.read()[seq:]  # an event is a line

    def torn(self) -> str | None:
        """What lies after the last good line, which the next driver cuts off; None where nothing does.

        Raises:
            DamagedSweep: as `read` does.
        """
        note = self._scan().note
        return None if note is None else note.partition(": ")[2].partition(";")[0]

    def follow(self) -> Follower:
        """A reader that gives, at each call, what was added since its last one. Needs no lease."""
        return Follower(self)

    def take(self, lease: Lease) -> None:
        """Check the whole log, cut off a torn last line, and make `lease` the newest of the sweep, and this log's."""
        with self._mutex:
            scan = self._repair()
            if scan.events:  # a driver that was killed may not have made them durable, and the lease counts them
                fsync_file(self.path)
            before = owner(self._sweep)
            newest = max(scan.generation, before.generation if before else 0)
            lease.publish(newest + 1, scan.seq)
            self._lease = lease
            self._known = _Reading(scan, _identity(self.path))

    def last(self, besides: Collection[str] = ()) -> Event | None:
        """The last event alone that is of no kind of `besides`, from the end of the file; None where there is none.

        Where a line on the way to it is torn or damaged, there is none either.
        """
        length = _LONGEST_END
        while True:
            try:
                start = max(0, os.stat(self.path).st_size - length)
                found = lines(self.path, start).split(b"\n")
            except FileNotFoundError:
                return None
            if found.pop():  # what has no end is torn
                return None
            for line in reversed(found[start > 0 :]):  # the first of them may be cut
                event, _ = _decode(line)
                if event is None or event.get("event") not in besides:
                    return event
            if not start:
                return None
            length *= 8

    def of_kind(self, kind: str) -> list[Event]:
        """The events of one kind that are whole, in order, without reading the others: for a kind of which there are few."""
        try:
            data = lines(self.path)
        except FileNotFoundError:
            return []
        mark, found, end = b'"event":"%s"' % kind.encode(), [], 0
        while (at := data.find(mark, end)) >= 0 and (end := data.find(b"\n", at)) >= 0:
            found.append(_decode(data[data.rfind(b"\n", 0, at) + 1 : end])[0])
        return [event for event in found if event is not None and event.get("event") == kind]

    def append(self, event: Mapping[str, Any]) -> int:
        """Add one event and return its seq. It is durable when this returns."""
        return self.append_many([event])[-1]

    def append_many(self, events: Iterable[Mapping[str, Any]]) -> list[int]:
        """Add events with one fsync; a crash in the middle keeps a prefix of them. Returns their seqs.

        Raises:
            CannotRun: this process does not hold the sweep (`with folder.hold():`).
            Fenced: another driver took the sweep.
            OSError: as it came, a full disk for example; the log then ends as before the call.
        """
        with self._mutex:
            lease = self._current_lease()
            if not self._certain:
                self._repair()
            self._nobody_else_wrote()
            self._known = None
            numbered = list(enumerate(events, start=self._seq + 1))
            encoded = [_encode(event, seq, lease.generation) for seq, event in numbered]
            self._certain = False  # stays so if the write fails half-way: the next append looks at the file again
            self._size = append_at(self.path, self._size, b"".join(encoded))
            self._seq += len(encoded)
            self._certain = True
            return [seq for seq, _ in numbered]

    def _current_lease(self) -> Lease:
        if self._lease is None or self._lease.released:
            raise CannotRun(f"{self.path}: only the sweep's driver appends. Append inside `with folder.hold():`.")
        if not self._lease.holds():
            raise Fenced(f"{self._sweep} was taken by another driver, {owner(self._sweep)}. This one must stop.")
        return self._lease

    def _nobody_else_wrote(self) -> None:
        size = self.path.stat().st_size if self.path.exists() else 0
        if size != self._size:
            raise DamagedSweep(
                f"{self.path}: has {size} bytes, and this driver left {self._size}: something else changed it. "
                "Nothing was written. Stop what writes there, restore the file if it was replaced, and start again."
            )

    def _repair(self) -> _Scan:
        scan = self._scan()
        if scan.note:
            self.note = scan.note
            append_at(self.path, scan.size, b"")
        self._seq, self._size, self._certain = scan.seq, scan.size, True
        return scan

    def _as_known(self) -> _Reading | None:
        """What was read last, while the file is still that: a start reads a long log once."""
        if (known := self._known) is None or _identity(self.path) != known.file:
            return None
        return _Reading(replace(known.scan, events=list(known.scan.events)), known.file)

    def _scan(self) -> _Scan:
        # The lease is read before the log: a driver that starts in between can only make the log longer.
        newest = owner(self._sweep)
        if (known := self._as_known()) is None:
            known = self._read()
            self._known = known._replace(scan=replace(known.scan, events=list(known.scan.events)))
            self._mark = replace(known.scan, events=[])
        scan, expected = known.scan, newest.seq if newest else 0
        if scan.seq < expected:
            raise self._lost(
                f"ends at event {scan.seq}, and driver {newest.generation if newest else 0} found {expected} events"
            )
        if not scan.events and any((self._sweep / "trials").glob("*")):
            raise self._lost("has no events, and there are trials")
        return scan

    def _read(self) -> _Reading:
        file = _identity(self.path)  # before: what is added meanwhile makes it another one
        try:
            data = lines(self.path)
        except FileNotFoundError:
            data = b""
        return _Reading(_parse(self.path, data, _Scan()), file)

    def _lost(self, what: str) -> DamagedSweep:
        missing = "" if self.path.exists() else "is missing: the log "
        return DamagedSweep(
            f"{self.path}: {missing}{what}. Events were lost, and nothing was changed. Restore the file from a copy; "
            "without one, start the sweep anew under another name: the old trials stay where they are."
        )


class Follower:
    """Reads a log from where it stopped: each call costs what was added, and one `stat` where nothing was.

    A torn last line is left for a later call. A log that is no longer the one that was read (cut, because a driver took
    back what it could not make durable; or replaced) is read anew from its first line.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._known: _Scan | None = None
        self._seen: tuple[int, int, int] | None = None  # the file, as it was at the last call
        self._ahead = log._as_known()  # read already, and not yet given

    def read(self) -> News:
        """The events since the last call.

        Raises:
            DamagedSweep: naming the file, the line and the cure; the next call looks again.
        """
        ahead: list[Event] = []
        if is_first := self._ahead is not None:
            (self._known, self._seen), self._ahead = self._ahead, None
            ahead, self._known.events = self._known.events, []
        seen = _identity(self._log.path)
        if self._known is not None and seen == self._seen:
            return News(ahead, is_first)
        before, self._seen = self._seen, None
        known = self._known if before and seen and seen[0] == before[0] else None
        grown = _grown_since(self._log.path, known) if known is not None else None
        self._known = scan = grown or self._log._scan()
        # taken before the reading: what comes in between is found by the next call
        self._seen = seen
        events, scan.events = scan.events, []
        return News([*ahead, *events], is_first) if grown else News(events, True)

    def restart(self) -> None:
        """Read from the first line at the next call."""
        self._known = self._seen = self._ahead = None


def _grown_since(path: Path, known: _Scan) -> _Scan | None:
    """What stands after the last line that was read; None where that line is gone."""
    try:
        data = lines(path, known.size - len(known.last))
    except FileNotFoundError:
        return None
    if not data.startswith(known.last):
        return None
    return _parse(path, data[len(known.last) :], _Scan([], known.seq, known.generation, known.size, known.last))


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _parse(path: Path, data: bytes, scan: _Scan) -> _Scan:
    """Enter the lines of `data`, which stand behind those of `scan`."""
    with no_collection():
        return _parsed(path, data, scan)


def _parsed(path: Path, data: bytes, scan: _Scan) -> _Scan:
    *whole, tail = data.split(b"\n")
    first = scan.seq + 1  # an event is a line
    for number, line in enumerate(whole, start=first):
        event, trouble = _decode(line)
        if event is None and number == first + len(whole) - 1 and not tail:
            scan.note = f"{path}:{number}: the last line was torn ({trouble}); it is left out."
            break
        trouble = trouble or _out_of_order(event or {}, scan)
        if event is None or trouble:
            raise DamagedSweep(_damaged(path, number, trouble))
        scan.enter(event, line)
    if tail:
        scan.note = f"{path}:{first + len(whole)}: the last line was torn (it has no end); it is left out."
    return scan


def first_lines(events: Iterable[Mapping[str, Any]]) -> bytes:
    """What a log holds before its first driver."""
    return b"".join(_encode(event, seq, 0) for seq, event in enumerate(events, start=1))


def _encode(event: Mapping[str, Any], seq: int, generation: int) -> bytes:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    rest = {"at": at, **event, "seq": seq, "generation": generation, "schema": SCHEMA}
    rest.pop("crc", None)
    text = json_text(rest, sort_keys=True, separators=(",", ":"))
    return text[:-1] + b',"crc":"%08x"}\n' % zlib.crc32(text)


def _decode(line: bytes) -> tuple[Event | None, str]:
    """The event, or None if these are not the bytes that were written; and what is wrong, if anything is."""
    text, crc = line[: -len(_CRC)] + b"}", line[-len(_CRC) :]
    whole = crc == b',"crc":"%08x"}' % zlib.crc32(text)
    try:
        event = json_of(text if whole else line)
    except ValueError:
        event = None
    schema = event.get("schema") if isinstance(event, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        return event, f"its schema is {schema}, and this gensweep knows up to {SCHEMA}; use a newer one"
    if not whole:
        return None, "its checksum does not match"
    if not isinstance(event, dict) or not all(type(event.get(name)) is int for name in ("seq", "generation")):
        return None, "it is no event"
    event.pop("schema", None)
    return event, ""


def _out_of_order(event: Event, scan: _Scan) -> str:
    if event["seq"] != scan.seq + 1:
        return f"it is event {event['seq']} where event {scan.seq + 1} belongs"
    if event["generation"] < scan.generation:
        return f"it was written by driver {event['generation']} after driver {scan.generation} took the sweep"
    return ""


def _damaged(path: Path, number: int, trouble: str) -> str:
    return (
        f"{path}:{number}: this line cannot be trusted: {trouble}. Nothing was changed. {_CURE}"
        f"keep the first {number - 1} lines of this file and delete ledger/lease.json."
    )
