"""The folder of a Ray that is started here: its sockets, logs and token, for this user alone, gone when Ray has ended.

Ray's own choice is `ray` in TMPDIR or /tmp, open to all users: it may be another user's, not writable, or too long.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import stat
import tempfile
import time
from pathlib import Path

from gensweep.errors import CannotRun

_SOCKET = "/gs-12345678/r/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"
_LONGEST = 103 - len(_SOCKET)  # bytes: macOS takes paths of UNIX sockets up to 103, Linux up to 107
_SHARED_MEMORY = Path("/dev/shm")
_TRIES, _PAUSE = 20, 0.1  # seconds
_PREFIX = "gs-"
_LOCK = "lock"  # held as long as the process lives whose folder it is
_YOUNG = 60.0  # seconds in which a folder may not have its lock yet


class PrivateFolder:
    """A fresh folder below the first of RAY_TMPDIR, TMPDIR, /tmp, /dev/shm and `last` that is writable and short enough.

    What a killed process left there is removed first.

    Raises:
        CannotRun: none is.
    """

    def __init__(self, last: Path | None = None) -> None:
        self.path = _made(last)
        self._lock = (self.path / _LOCK).open("x")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.ray = self.path / "r"  # Ray opens its folder to all users; the one above stays closed
        self.token = self.path / "token"
        with os.fdopen(os.open(self.token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))

    @property
    def logs(self) -> Path:
        """Where Ray's processes write what they say."""
        return self.ray / "session_latest" / "logs"

    def remove(self) -> None:
        """Remove it with all that is in it. Processes of Ray that are still dying may write until they are dead."""
        for _ in range(_TRIES):
            shutil.rmtree(self.path, ignore_errors=True)
            if not self.path.exists():
                self._lock.close()
                return
            time.sleep(_PAUSE)


def remove_left_behind(base: Path) -> None:
    """Remove this user's folders in `base` whose process was killed before it could: nobody holds their lock."""
    for folder in base.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            found = folder.lstat()
            if found.st_uid != os.getuid() or time.time() - found.st_ctime < _YOUNG:
                continue
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def has_shared_memory() -> bool:
    """Whether Ray can keep its objects where it wants to."""
    return _SHARED_MEMORY.is_dir() and os.access(_SHARED_MEMORY, os.R_OK | os.W_OK | os.X_OK)


def _unfit(base: Path) -> str | None:
    """Why Ray's folder cannot be in this one, whether or not it can be written; None where it can."""
    if not str(base).isascii():
        return "not in ASCII"  # at other letters Ray fails in the C locale
    if len(os.fsencode(base.absolute())) > _LONGEST:
        return "too long"
    if base.stat().st_mode & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH:
        return "all may rename what is in it: no sticky bit"
    return None


def _made(last: Path | None) -> Path:
    named = [os.environ[name] for name in ("RAY_TMPDIR", "TMPDIR") if os.environ.get(name)]
    bases = [*map(Path, named), Path("/tmp"), _SHARED_MEMORY, *([last] if last else [])]
    problems = {}
    for base in bases:
        try:
            if problem := _unfit(base):
                problems[base] = problem
                continue
            remove_left_behind(base)
            return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base.absolute()))
        except OSError as error:
            problems[base] = error.strerror or str(error)
    tried = ", ".join(f"{base} ({problem})" for base, problem in problems.items())
    raise CannotRun(
        f"Ray does not start on this machine: it needs a folder for its sockets that can be written and whose path has at "
        f"most {_LONGEST} ASCII letters, and none of these is one: {tried}. Name one with RAY_TMPDIR=/folder; "
        f"--in-process runs one trial after another without Ray."
    )
