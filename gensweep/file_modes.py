"""Who may open the files that are made: the user, and at most readers of the user's group, or writers where it is shared.

It is the process's umask, because what makes files here is also MLflow, SQLite, Ray and children of all kinds.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

SHARED = "GENSWEEP_SHARED"
_TOLD = "GENSWEEP_UMASK"  # what a driver tells its workers, which a cluster may have started with another one
_PRIVATE, _GROUP = 0o027, 0o007  # what nobody is ever given
_before: list[int] = []  # umasks that are put back, the latest last
_now: list[int] = []  # those that took their place


@contextmanager
def private(*, shared: bool = False) -> Iterator[None]:
    """Meanwhile folders are made with 0750 and files with 0640 at most, and less where the umask says so.

    `shared`: 0770 and 0660. It holds for all threads of this process and what they start.
    """
    _before.append(os.umask(0o077))
    _now.append(_before[-1] | (_GROUP if shared else _PRIVATE))
    os.umask(_now[-1])
    try:
        yield
    finally:
        _now.pop()
        os.umask(_before.pop())


def umask_before() -> int:
    """The umask of whoever started this process, for one that it starts, which keeps to what holds for itself; -1: as it is."""
    return _before[-1] if _before else -1


def share() -> str | None:
    """From here to the end of `private` the group may write too; why it may not, where the user's own umask forbids it."""
    if not _before:
        return None
    _now[-1] = _before[-1] | _GROUP
    os.umask(_now[-1])
    if not _before[-1] & 0o020:
        return None
    return f"your umask is {_before[-1]:03o}, so that the group cannot write what is made; before it say umask 007"


def for_workers() -> dict[str, str]:
    """The environment in which `as_told` makes another process keep to what holds here."""
    return {_TOLD: f"{_now[-1]:03o}"} if _now else {}


def as_told() -> None:
    """Make files as the driver of this worker does."""
    if told := os.environ.get(_TOLD):
        os.umask(int(told, 8))


def unfinished(file: Path) -> IO[bytes]:
    """A new file beside `file`, to be written and then to replace it, with the mode of any new file.

    One of `tempfile` would be for this user alone, also in a folder that a group shares.
    """
    return file.with_name(f".{file.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp").open("xb")
