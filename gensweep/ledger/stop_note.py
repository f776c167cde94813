"""That a sweep's driver was told to stop, noted before it has: it may be killed seconds later (`ray job stop`: after 3)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gensweep.errors import DamagedSweep
from gensweep.ledger.durable import write_atomic
from gensweep.ledger.events import EventLog
from gensweep.ledger.foreign import document, json_of
from gensweep.ledger.lease import generation

ENDS = ("stopped", "finished", "closed")  # events with which a driver's time ends
_OF_NO_DRIVER = ("identified", "defined")  # which commands enter that only hold the folder
_LARGEST = 4096  # bytes


@dataclass(frozen=True)
class StopNote:
    """What the driver of one `generation` was told, and the exit code that goes with it."""

    generation: int
    reason: str
    code: int

    @property
    def cut(self) -> str:
        """The reason where the driver did not live to enter its end."""
        return f"{self.reason}, then killed"


def note_stopping(sweep: Path, reason: str, code: int) -> None:
    """Note, durably, what the driver that holds the sweep now was told. Needs no lease: its parent does so.

    Raises:
        DamagedSweep, OSError: as it came.
    """
    write_atomic(_file(sweep), json.dumps(asdict(StopNote(generation(sweep), reason, code))).encode())


def noted(sweep: Path, of: int) -> StopNote | None:
    """What the driver of generation `of` was told; None where nothing was noted, or it cannot be read."""
    try:
        found = json_of(document(_file(sweep), _LARGEST))
        note = StopNote(found["generation"], str(found["reason"]), int(found["code"]))
    except (OSError, DamagedSweep, ValueError, TypeError, KeyError):
        return None
    return note if note.generation == of else None


def missing_end(sweep: Path, log: EventLog) -> dict[str, Any] | None:
    """The event that the newest driver was told to end with and did not live to enter; None where it did, or lives."""
    last = log.last(besides=_OF_NO_DRIVER)
    if last is None or last["event"] in ENDS or not (starts := log.of_kind("started")):
        return None
    note = noted(sweep, starts[-1]["generation"])
    return None if note is None else {"event": "stopped", "reason": note.cut, "code": note.code}


def _file(sweep: Path) -> Path:
    return sweep / "ledger" / "stopping.json"
