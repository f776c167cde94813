"""gensweep.log in a sweep's folder: what each start said, with times, also where the terminal was kept quiet.

It is for people (`gensweep logs`), and nothing is decided by it. It holds no passwords, is at most two files of a MiB, and where
it cannot be written the sweep goes on without it. driver.log beside it is what a driver without a terminal prints: the answer,
and what dying libraries say.
"""

from __future__ import annotations

import logging
import os
import platform
import secrets
import shlex
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from gensweep import __version__
from gensweep.credentials import redacted
from gensweep.progress import LISTENERS
from gensweep.text import printable

NAME, OUTPUT = "gensweep.log", "driver.log"
LARGEST = 2**20  # bytes of the file, and of the one before it
_MOST_BEFORE = 200  # lines that are kept until there is a folder to write them to
_before: deque[logging.LogRecord] = deque(maxlen=_MOST_BEFORE)
_open: list[_File] = []  # the newest last


class _File(RotatingFileHandler):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder / NAME, maxBytes=LARGEST, backupCount=1, encoding="utf-8", errors="replace", delay=True)
        form = logging.Formatter("%(asctime)s %(process)d %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        form.converter = time.gmtime
        self.setFormatter(form)

    def _open(self) -> TextIOWrapper:
        def opener(path: str, flags: int) -> int:  # a sweep's folder may be anyone's
            return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)

        return open(self.baseFilename, self.mode, encoding=self.encoding, errors=self.errors, opener=opener)  # type: ignore[return-value]

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 -- logging's own name
        """A full disk is told by what must be written to it."""


def note(text: str) -> None:
    """Enter what was said, in the log of the sweep that runs, or of the next one that begins."""
    if _open:
        _open[-1].handle(_record(text))
    else:
        _before.append(_record(text))


def _record(text: str) -> logging.LogRecord:
    told = "\n  ".join(redacted(printable(text)).strip().splitlines())
    return logging.LogRecord("gensweep", logging.INFO, "", 0, "%s", (told,), None)


def _headline() -> logging.LogRecord:
    """What began, when the first word of it was said."""
    program = Path(sys.argv[0]).name if sys.argv else ""
    command = shlex.join(["gensweep" if program == "__main__.py" else program, *sys.argv[1:]])
    record = _record(f"gensweep {__version__} on Python {platform.python_version()}, {platform.node()}: {command}")
    record.created = _before[0].created if _before else record.created
    return record


@contextmanager
def kept(folder: Path) -> Iterator[None]:
    """Meanwhile everything that is noted goes to the log in a sweep's folder; what ends it too."""
    _take_output(folder)
    file = _File(folder)
    _open.append(file)
    try:
        file.handle(_headline())
        while _before:
            file.handle(_before.popleft())
        yield
    except BaseException as error:
        note(f"ended: {type(error).__name__}: {error}")
        raise
    finally:
        _open.remove(file)
        file.close()


def ahead_of(folder: Path) -> Path:
    """A new file beside a sweep's folder, which may not be there yet, for what its driver prints: `kept` moves it in."""
    return folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.{OUTPUT}")


def _take_output(folder: Path) -> None:
    """driver.log is of the newest driver, where that has no terminal."""
    with suppress(OSError):
        mine = os.fstat(1)
        for file in folder.parent.iterdir():
            is_ahead = file.name.startswith(f".{folder.name}.") and file.name.endswith(f".{OUTPUT}")
            if is_ahead and os.path.samestat(mine, file.lstat()):
                file.replace(folder / OUTPUT)
        if not os.path.samestat(mine, (folder / OUTPUT).lstat()):
            (folder / OUTPUT).unlink()


def append(folder: Path, *texts: str) -> None:
    """Enter what another process says of a sweep whose driver has died."""
    file = _File(folder)
    _open.append(file)
    try:
        for text in texts:
            note(text)
    finally:
        _open.remove(file)
        file.close()


LISTENERS.append(note)
