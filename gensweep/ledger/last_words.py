"""What is entered for a driver that died before it could say how it ended."""

from __future__ import annotations

from pathlib import Path

from gensweep.ledger.stop_note import ENDS
from gensweep.ledger.sweep_folder import SweepFolder


def note_end(sweep: Path, reason: str, code: int) -> None:
    """Enter that the sweep was stopped, unless its log ends with how it ended.

    Raises:
        GensweepError, OSError: the sweep cannot be held or written; another driver may have it by now.
    """
    folder = SweepFolder(sweep)
    with folder.hold():
        last = folder.events.last()
        if last is None or last["event"] not in ENDS:
            folder.events.append({"event": "stopped", "reason": reason, "code": code})


def way_on(sweep: Path) -> str:
    """How `gensweep resume` is told of it."""
    return SweepFolder(sweep).argument
