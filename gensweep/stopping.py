"""Requests to stop a sweep, from a signal, from this process's parent, or from another command. The first one counts."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from gensweep.errors import Interrupted, Stopped

STOPPING = "stopping at the next report of each trial that runs; once more ends at once."
AT_ONCE = "ended at once. What was reported is saved: gensweep resume NAME goes on from there."
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


@dataclass(frozen=True)
class Request:
    """Why a sweep shall stop, and the exit code that goes with the reason."""

    reason: str
    code: int

    @classmethod
    def of(cls, number: int) -> Request:
        """What a signal asks for: 130 after Ctrl-C, and 75, at which a scheduler starts it again, after any other."""
        if number == signal.SIGINT:
            return cls("Ctrl-C", Interrupted.exit_code)
        return cls(signal.Signals(number).name, Stopped.exit_code)

    def error(self, message: str) -> Stopped:
        """The error that goes with the exit code."""
        return Interrupted(message) if self.code == Interrupted.exit_code else Stopped(message)


class Stops:
    """Collects requests to stop from any thread, and tells the first one to whoever listens, then or later."""

    def __init__(self) -> None:
        self.first: Request | None = None
        self.is_led = False  # by a parent, which counts the signals and says what they do
        self._listeners: list[Callable[[Request], None]] = []
        self._last: list[Callable[[], None]] = []
        self._lock = threading.RLock()  # a signal may come in the middle of a request

    def request(self, request: Request) -> None:
        """Ask for a stop; one that was asked for before stays."""
        with self._lock:
            if self.first is not None:
                return
            self.first = request
            listeners = list(self._listeners)
        for told in listeners:
            told(request)

    def tell(self, told: Callable[[Request], None]) -> None:
        """Call `told` with the first request; at once where there was one already."""
        with self._lock:
            self._listeners.append(told)
            first = self.first
        if first is not None:
            told(first)

    def before_leaving(self, action: Callable[[], None]) -> None:
        """Do this too before the process is left at once."""
        self._last.append(action)

    def leave(self, code: int) -> NoReturn:
        """End this process at once."""
        try:
            for action in self._last:
                action()
        finally:
            os._exit(code)

    def refuse(self) -> None:
        """Raise Stopped where a stop was asked for before anything was begun."""
        if self.first is not None:
            raise self.first.error(f"{self.first.reason}: nothing was begun.")


def listened_to() -> tuple[signal.Signals, ...]:
    """The signals that ask for a stop: not SIGHUP under nohup. Ctrl-C always, also for what a script starts with `&`."""
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return tuple(number for number in SIGNALS if number != signal.SIGHUP or not ignored)


def tell(sentence: str) -> None:
    """Say it on stderr; not by print, which a signal may have interrupted in the middle of a line."""
    with suppress(OSError):
        os.write(2, f"gensweep: {sentence}\n".encode())


@contextmanager
def asked_by_signals(stops: Stops) -> Iterator[None]:
    """Make signals requests to stop, and a second one the end at once, unless a parent of this process sees to that.

    Elsewhere than in the main thread nothing is changed: Python has signals there alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def asked(number: int, _frame: FrameType | None) -> None:
        request, is_again = Request.of(number), stops.first is not None
        stops.request(request)
        if not stops.is_led:
            tell(f"{request.reason} again: {AT_ONCE}" if is_again else f"{request.reason}: {STOPPING}")
            if is_again:
                stops.leave(request.code)

    before = {number: signal.signal(number, asked) for number in listened_to()}
    try:
        yield
    finally:
        put_back({number: handler for number, handler in before.items() if handler is not None})


Handlers = dict[signal.Signals, object]


def handlers() -> Handlers:
    """What this process does at the signals that ask for a stop."""
    return {number: found for number in SIGNALS if (found := signal.getsignal(number)) is not None}


def put_back(before: Handlers) -> None:
    """Install the handlers again that a library replaced, whether Python knows of that or not."""
    if threading.current_thread() is threading.main_thread():
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
