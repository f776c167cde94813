"""Sweeps to break, and children that die in the middle of things."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gensweep.ledger.sweep_folder import SweepFolder


@pytest.fixture
def sweep(tmp_path: Path) -> SweepFolder:
    """A sweep as an earlier gensweep made it: nothing is in its log before its first driver."""
    made = SweepFolder.create(tmp_path / "runs" / "study", {"name": "study", "search": {"samples": 2}})
    made.events.path.write_bytes(b"")
    return made


@pytest.fixture
def in_child() -> Callable[[Callable[[], object]], int]:
    """Run something in a forked process; its exit code, or minus the signal that ended it."""

    def run(work: Callable[[], object]) -> int:
        child = os.fork()
        if child == 0:
            code = 70
            try:
                work()
                code = 0
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    return run


@pytest.fixture
def durable(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is made durable, in order: files and folders that are synced, by their names, and `-> name` where one is replaced."""
    found: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        found.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        fsync(descriptor)

    def replaced(source: Path, target: Path) -> None:
        found.append(f"-> {Path(target).name}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    return found
