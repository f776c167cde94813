"""Waiting for signals that are blocked: by sigtimedwait, or where a system has none (macOS) by the pipe that Python writes to."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Collection


class HeldSignals:
    """Those of `numbers`, which this process has blocked and no other thread takes, one after the other."""

    def __init__(self, numbers: Collection[signal.Signals]) -> None:
        self._numbers = set(numbers)
        self._pipe = None if hasattr(signal, "sigtimedwait") else self._written_down()

    def next(self, seconds: float) -> signal.Signals | None:
        """The next one; None where none comes in this time."""
        if self._pipe is None:
            found = signal.sigtimedwait(self._numbers, seconds)
            return None if found is None else signal.Signals(found.si_signo)
        if not select.select([self._pipe], [], [], seconds)[0]:
            return None
        return signal.Signals(os.read(self._pipe, 1)[0])

    def _written_down(self) -> int:
        """From now on Python writes the number of each into a pipe; those that came before are the first in it."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for number in self._numbers:
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._numbers)
        return reading
