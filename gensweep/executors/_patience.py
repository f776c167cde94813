"""How long a worker may be silent: one that hangs writes down where and ends, one that is frozen is killed from beside it."""

from __future__ import annotations

import faulthandler
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

_HANGS, _AT_LEAST = 20, 3600.0  # times the longest way to a report, and seconds
_SOON, _SHORT = 1.0, 20  # seconds, and the part of a short patience, in which it is not begun anew
_BEAT = 2.0  # seconds from one sign of life to the next
_GRACE = 10.0  # seconds in which a process that hangs and is not frozen ends by itself, with its traceback


class Patience:
    """A context for what must not take for ever: if it does, the process writes down where it is and ends.

    Not a thread of Python's, which would wait for what hangs in a library that keeps the interpreter's lock. Where the process
    is frozen as a whole (stopped by a signal, or waiting for a file system that does not answer), what runs beside it ends it; it
    does so between two contexts too, with the patience of the last.
    """

    def __init__(self, timeout: float | None) -> None:
        self._timeout, self._longest = timeout, 0.0

    @property
    def seconds(self) -> float:
        """How long it may take now."""
        return self._timeout or max(_AT_LEAST, _HANGS * self._longest)

    def __enter__(self) -> None:
        self._began = time.monotonic()
        faulthandler.dump_traceback_later(self.seconds, exit=True, file=2)
        _beats.go_on(self.seconds + _GRACE)

    def __exit__(self, *_: object) -> None:
        faulthandler.cancel_dump_traceback_later()
        self._longest = max(self._longest, time.monotonic() - self._began)

    def renew(self) -> None:
        """Begin to wait anew, inside the context: something was done. Any thread may say so.

        Not where it just began: arming takes a thread of the library's, and a pack says so at every step of many trials.
        """
        if time.monotonic() - self._began >= min(_SOON, self.seconds / _SHORT):
            self.__exit__()
            self.__enter__()


class _Beats:
    """The signs of life of this process. What hears them starts with the first, once."""

    def __init__(self) -> None:
        self._limit = 0.0
        self._lock = threading.Lock()
        self._is_heard = False
        self._is_news = threading.Event()

    def go_on(self, limit: float) -> None:
        """From now on this process is dead after so many seconds without one; of another limit than before it hears at once."""
        if limit != self._limit:
            self._limit = limit
            self._is_news.set()
        with self._lock:
            if not self._is_heard:
                self._is_heard = True
                threading.Thread(target=self._beat, name="gensweep-beats", daemon=True).start()

    def _beat(self) -> None:
        script = str(Path(__file__).with_name("_beside.py"))
        with suppress(OSError):  # no room for a process more, or it was killed: then nobody listens
            beside = subprocess.Popen(
                [sys.executable, "-I", "-S", script, str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # what stops this process's group does not stop it
            )
            assert beside.stdin is not None
            while True:
                self._is_news.clear()
                os.write(beside.stdin.fileno(), f"{self._limit}\n".encode())
                self._is_news.wait(_BEAT)


_beats = _Beats()
