"""What the drivers of a sweep have said, read and followed: gensweep.log, and what the newest printed that has no terminal."""

from __future__ import annotations

import os
import stat
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from gensweep.journal import NAME, OUTPUT

_LOOKS = 0.3  # seconds from one look to the next
_AT_ONCE = 2**16  # bytes


class _Tail:
    """A file of lines that grows and may be replaced (a log that is full gets another name) or appear later."""

    def __init__(self, path: Path) -> None:
        self._path, self._file, self._rest = path, _opened(path), b""

    def lines(self) -> Iterator[str]:
        """The whole lines since."""
        while True:
            if self._file is not None:
                yield from self._read(self._file)
            if (newer := self._newer()) is None:
                return
            if self._file is not None:
                yield from self._read(self._file)  # what came before it was replaced
                self._file.close()
            self._file = newer

    def rest(self) -> Iterator[str]:
        """A last line without an end."""
        if self._rest:
            yield self._rest.decode(errors="replace")

    def _read(self, file: IO[bytes]) -> Iterator[str]:
        while data := file.read(_AT_ONCE):
            *whole, self._rest = (self._rest + data).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)

    def _newer(self) -> IO[bytes] | None:
        with suppress(OSError):
            now = os.stat(self._path, follow_symlinks=False)
            if self._file is None or not os.path.samestat(now, os.fstat(self._file.fileno())):
                return _opened(self._path)
        return None


def _opened(path: Path) -> IO[bytes] | None:
    """A sweep's folder may be anyone's: no link is followed, and no pipe waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    return None


def said(folder: Path, last: int | None, lives: Callable[[], bool] | None = None) -> Iterator[str]:
    """The lines of a sweep's logs, or the `last` ones; then those that come while its driver `lives`, where that is asked."""
    earlier, *tails = (_Tail(folder / name) for name in (f"{NAME}.1", NAME, OUTPUT))
    known = deque[str](maxlen=last)
    for tail in (earlier, *tails):
        known.extend(tail.lines())
        known.extend(tail.rest() if lives is None else ())
    yield from known
    is_over = lives is None
    while lives is not None and not is_over:
        time.sleep(_LOOKS)
        is_over = not lives()  # before the last look: what it said to the end is there then
        for tail in tails:
            yield from tail.lines()
    for tail in tails if lives is not None else ():
        yield from tail.rest()
