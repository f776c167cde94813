"""Which processes a test has started, and those that they started."""

from __future__ import annotations

import os
from pathlib import Path

from gensweep.ledger.sweep_folder import SweepFolder


def descendants(of: int | None = None, beginning: str | tuple[str, ...] = "") -> dict[int, str]:
    """The living processes below a process (by default this one) whose command begins so, by process id."""
    root = os.getpid() if of is None else of
    parents, commands = {}, {}
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (after := (entry / "stat").read_text().rpartition(")")[2].split())[0] != "Z":
                parents[int(entry.name)] = int(after[1])
                commands[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue  # it ended meanwhile
    found, grown = {root}, True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found, grown = found | more, bool(more)
    return {pid: commands[pid] for pid in found - {root} if commands[pid].startswith(beginning)}


WORKERS = ("ray::Worker", "ray::ResourceTrainable")  # as Ray calls a worker between its turns, and in one


def driver_of(sweep: Path) -> int:
    """The process that holds a sweep, whose parent is the command."""
    found = SweepFolder.open(sweep).holder()
    assert found is not None, "nobody holds it"
    return found.pid
