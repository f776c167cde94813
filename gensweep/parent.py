"""The first thing that a command is which runs a sweep: the parent of its driver, so that no end goes unnoticed.

    parent: holds every signal, passes requests on  ->  driver: trains, writes, says how far it is
    driver dies of whatever it is                   ->  parent: a `stopped` event, the command that goes on, exit code 75,
                                                                and the end of what the driver had started

It is a fork made before anything was imported, so it costs nothing, and is never busy. What it needs to write to a sweep it
imports when its driver has died.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from gensweep.errors import GensweepError, Stopped
from gensweep.faults import memory_limit
from gensweep.held_signals import HeldSignals
from gensweep.led import Led, Line, become
from gensweep.orphans import adopt, end_them
from gensweep.stopping import AT_ONCE, STOPPING, Request, listened_to, tell

COMMANDS = ("run", "resume", "confirm")
_NO_RUN = {"-h", "--help", "--dry-run", "--cfg"}
_GRACE = 5.0  # seconds from the request to leave at once to the kill
_LEAVING = 20.0  # seconds from the driver's last word to its end
_PATIENCE = 3.0  # seconds in which what the driver started may end by itself
_SHOW_CURSOR = b"\x1b[?25h"


def main() -> NoReturn:
    """Run a command, under a parent where it runs a sweep."""
    words = sys.argv[1:]
    led = _forked() if words and words[0] in COMMANDS and not _NO_RUN & set(words) else None
    from gensweep.cli.program import main as command

    try:
        command()
    except SystemExit as end:
        if led is not None and isinstance(end.code, int):
            led.ended(end.code)
        raise


def _forked() -> Led:
    """Returns in the driver alone; the parent ends when its driver has."""
    numbers = listened_to()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*numbers, signal.SIGCHLD})
    (to_driver, requests), (said, to_parent) = os.pipe()[::-1], os.pipe()
    child = os.fork()
    if child:
        os.close(requests)
        os.close(to_parent)
        adopt()
        code = Parent(child, numbers, to_driver, said).wait()
        end_them(_PATIENCE)  # Ray's processes, where their driver or their daemon was killed
        os._exit(code)
    os.close(to_driver)
    os.close(said)
    for number in numbers:  # until a sweep runs, its parent alone hears signals
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    led = Led(requests, to_parent)
    become(led)
    return led


class Parent:
    """Waits for the driver, and answers for it. The signals of `numbers`, and that of a child's end, are blocked."""

    def __init__(self, child: int, numbers: tuple[signal.Signals, ...], speaking: int, listening: int) -> None:
        self._child, self._signals = child, HeldSignals({*numbers, signal.SIGCHLD})
        self._driver, self._from_driver = Line(speaking), Line(listening)
        os.set_blocking(listening, False)
        self._sweep: Path | None = None
        self._code: int | None = None  # what the driver said that it ends with
        self._asked: Request | None = None
        self._died_of: Request | None = None  # as it said itself
        self._deadline = float("inf")  # of the driver's life

    def wait(self) -> int:
        """The exit code of the command, once the driver has ended."""
        while (status := self._status()) is None:
            self._hear()
            if time.monotonic() > self._deadline:
                os.kill(self._child, signal.SIGKILL)
            found = self._signals.next(1.0)
            if found is not None and found != signal.SIGCHLD:
                self._ask(Request.of(found))
        self._hear()
        if self._code is not None:
            return self._code
        return self._answered(status)

    def _status(self) -> int | None:
        """How the driver ended: its exit code, or the signal it died of below zero; None while it lives."""
        ended, status = os.waitpid(self._child, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if ended else None

    def _hear(self) -> None:
        try:
            for message in self._from_driver.heard():
                if message["said"] == "begun":
                    self._sweep = Path(message["sweep"])
                elif message["said"] == "dying":
                    self._died_of = Request(message["reason"], message["code"])
                else:
                    self._code, self._deadline = message["code"], time.monotonic() + _LEAVING
        except (BlockingIOError, EOFError):
            return

    def _ask(self, request: Request) -> None:
        """The first request lets trials save; where nothing was begun, and at the second one, the driver ends at once."""
        self._hear()
        if self._code is not None:
            return
        at_once = self._asked is not None or self._sweep is None
        if self._sweep is not None:
            tell(f"{request.reason} again: {AT_ONCE}" if at_once else f"{request.reason}: {STOPPING}")
        self._asked = request
        self._driver.send(reason=request.reason, code=request.code, at_once=at_once)
        self._note(request)
        if at_once:
            self._deadline = min(self._deadline, time.monotonic() + _GRACE)

    def _note(self, request: Request) -> None:
        """Who asks may kill both processes before the driver has entered its end."""
        if self._sweep is None:
            return
        from gensweep.ledger.stop_note import note_stopping  # not before: most drivers end by themselves

        with suppress(GensweepError, OSError):
            note_stopping(self._sweep, request.reason, request.code)

    def _answered(self, status: int) -> int:
        """Say what became of a driver that could not, in the ledger too; the exit code."""
        if os.isatty(2):
            os.write(2, _SHOW_CURSOR)
        request = self._asked or self._died_of or Request(_death(status), Stopped.exit_code)
        if self._sweep is None:
            tell(f"{request.reason}: nothing was begun. The same command starts it.")
            return request.code
        from gensweep.journal import append  # not before: most drivers end by themselves
        from gensweep.ledger.last_words import note_end, way_on

        append(self._sweep, f"the driver ended: {request.reason}")
        try:
            note_end(self._sweep, request.reason, request.code)
        except (GensweepError, OSError) as error:
            tell(f"the end of the driver could not be noted in the ledger: {error}")
        if self._asked is None:
            tell(f"the driver ended: {request.reason}. What was reported is saved.")
        tell(f"Continue with: gensweep resume {way_on(self._sweep)}")
        return request.code


def _death(status: int) -> str:
    if status == -signal.SIGKILL:
        return "its process was killed (SIGKILL); if nobody did that, the machine ran out of memory: see dmesg"
    if status < 0:
        return f"its process died of {signal.Signals(-status).name}{memory_limit()}"
    return f"its process ended by itself with exit code {status}{memory_limit()}"


if __name__ == "__main__":
    main()
