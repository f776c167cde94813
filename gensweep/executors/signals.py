"""Signals as requests to stop: once to save and leave, twice to leave at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_RESUMABLE = (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)


@contextmanager
def graceful(request_stop: Callable[[str, int], None], at_once: Callable[[], None]) -> Iterator[None]:
    """Call `request_stop(reason, exit code)` at the first signal; at the second, `at_once` and the end of the process.

    Install it after `ray.init`, which brings handlers of its own: Ray's abort the process at SIGTERM.
    """
    seen: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        code = 130 if number == signal.SIGINT else 75
        reason = "Ctrl-C" if code == 130 else signal.Signals(number).name
        if seen:
            at_once()
            _tell(
                f"{reason} again: ended at once. What was reported is saved: gensweep resume NAME goes on from there."
            )
            os._exit(code)
        seen.append(number)
        request_stop(reason, code)
        _tell(f"{reason}: stopping at the next report of each trial that runs; once more ends at once.")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, *_RESUMABLE)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(sentence: str) -> None:
    """Not by print, which the signal may have interrupted in the middle of a line."""
    with suppress(OSError):
        os.write(2, f"gensweep: {sentence}\n".encode())
