"""What is in a sweep's folder whose definition is gone: nothing of it is ever written over."""

from __future__ import annotations

import os
from pathlib import Path

from gensweep.errors import DamagedSweep
from gensweep.ledger.events import EventLog
from gensweep.text import counted

_WRITTEN = ("results.csv", "costs.csv", "report", "study.db", "tensorboard", "tracking.jsonl", "tracking.json")
_OF_ITS_MAKING = {"identified", "defined", "stored"}  # events that are there before the first driver


def entered_definitions(sweep: Path) -> list[str]:
    """The texts of sweep.yaml that the ledger has entered, the newest last; none by an earlier gensweep."""
    texts = [event.get("definition") for event in EventLog(sweep).of_kind("defined")]
    return [text for text in texts if isinstance(text, str)]


def how_to_restore(sweep: Path) -> str:
    """The sentence that says how sweep.yaml comes back."""
    try:
        is_entered = bool(entered_definitions(sweep))
    except (DamagedSweep, OSError):
        is_entered = False
    if is_entered:
        return f"gensweep doctor {sweep.resolve().name} --repair writes it as the ledger has it."
    return "Restore it from a copy; MLflow keeps one with the files of the sweep's run."


def holds_sweep(path: Path) -> bool:
    """Whether a folder holds a sweep, be it one without its definition."""
    return os.path.lexists(path / "sweep.yaml") or ((path / "ledger").is_dir() and bool(_remains(path)))


def refuse_remains(path: Path) -> None:
    """Raise DamagedSweep where a sweep has left something in a folder that has no definition."""
    if not (remains := _remains(path)):
        return
    raise DamagedSweep(
        f"{path}: sweep.yaml is missing, and of its sweep there is: {', '.join(remains)}. Nothing was changed. "
        f"{how_to_restore(path)} Or move {path} away, or begin a sweep of another name (name=...)."
    )


def _remains(path: Path) -> list[str]:
    events = path / "ledger" / "events.jsonl"
    found = []
    if os.path.lexists(events) and not _is_fresh(path):
        found.append(f"ledger/events.jsonl ({os.lstat(events).st_size:,} bytes)")
    if os.path.lexists(path / "ledger" / "lease.json"):
        found.append("ledger/lease.json")
    if n := sum(1 for _ in (path / "trials").glob("*")):
        found.append(f"trials ({counted(n, 'folder')})")
    return [*found, *(name for name in _WRITTEN if os.path.lexists(path / name))]


def _is_fresh(path: Path) -> bool:
    """Whether its log holds nothing that a driver entered."""
    try:
        return all(event["event"] in _OF_ITS_MAKING for event in EventLog(path).read())
    except (DamagedSweep, OSError, KeyError):
        return False
