"""A folder of this process for what it works on: on the node's own disk, for this user alone, and gone with the process.

A process that is killed leaves its folder, whose lock the kernel then drops: the next process here deletes it.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

_PREFIX = "gensweep-trials-"
_LOCK = "lock"
_making = threading.Lock()
_made: dict[int, tuple[Path, int]] = {}  # by process: a fork has its own


def private_folder() -> Path:
    """The folder of this process, made when it is first asked for."""
    with _making:
        if os.getpid() not in _made:
            _delete_left()
            _made[os.getpid()] = _locked()
            atexit.register(_delete, os.getpid())
        return _made[os.getpid()][0]


def _locked() -> tuple[Path, int]:
    """A new folder, and the open file with its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with suppress(OSError):  # another process may have taken it for one that was left, until it was locked
            if os.path.samestat(os.fstat(descriptor), os.stat(folder / _LOCK)):
                return folder, descriptor
        os.close(descriptor)


def _delete(pid: int) -> None:
    if pid == os.getpid() and pid in _made:
        shutil.rmtree(_made.pop(pid)[0], ignore_errors=True)


def _delete_left() -> None:
    """Delete the folders of processes of this user that are no more. One that is being made has no lock yet, and stays."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)
