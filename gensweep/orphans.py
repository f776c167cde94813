"""Processes that outlive the one that started them: on Linux this process can take them over, and end them."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_LOOKS = 0.05  # seconds from one look at them to the next
_AFTER_A_KILL = 5.0  # seconds until one that does not even end of SIGKILL is left


def adopt() -> None:
    """From now on whatever descendant loses its parent becomes a child of this process, where the system can do that."""
    with suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_them(patience: float) -> None:
    """Wait until no descendant is left; those that live on after `patience` seconds are killed."""
    began = time.monotonic()
    while left := _descendants():
        _reap()
        waited = time.monotonic() - began
        if waited > patience + _AFTER_A_KILL:
            return
        if waited > patience:
            for pid in left:
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(_LOOKS)
    _reap()


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _descendants() -> set[int]:
    """The processes below this one that have not ended; none where the system does not show them."""
    parents = dict(filter(None, map(_parent, Path("/proc").glob("[0-9]*/stat"))))
    found, grown = {os.getpid()}, True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found, grown = found | more, bool(more)
    return found - {os.getpid()}


def _parent(stat: Path) -> tuple[int, int] | None:
    """A process and its parent; None of one that has ended."""
    try:
        state, parent = stat.read_text(errors="replace").rpartition(")")[2].split()[:2]
    except (OSError, ValueError):
        return None
    return None if state == "Z" else (int(stat.parent.name), int(parent))
