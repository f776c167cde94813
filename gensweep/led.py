"""A driver under a parent: what the two tell each other, and the driver's side of it.

The parent holds the signals from the first moment to the last and passes requests on; the driver says how far it is.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gensweep.errors import Stopped
from gensweep.stopping import Request, Stops

BEGINS = "starting the first trials"  # what a driver says once the ledger has it that it begins
ORPHAN_SECONDS = 8.0  # in which a driver whose parent was killed ends by itself
Message = dict[str, Any]


class Line:
    """One direction of the talk: a pipe that carries a message a line. A message is far below what a pipe takes whole."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._rest = b""

    def send(self, **message: Any) -> bool:
        """Say it; whether somebody can still hear."""
        try:
            os.write(self.descriptor, json.dumps(message).encode() + b"\n")
        except OSError:
            return False
        return True

    def heard(self) -> Iterator[Message]:
        """What was said since; waits for it where the pipe does. Raises EOFError where the other side has gone."""
        data = os.read(self.descriptor, 65536)
        if not data:
            raise EOFError
        *lines, self._rest = (self._rest + data).split(b"\n")
        yield from map(json.loads, lines)


class Led:
    """The driver's side: `stops` gets what the parent passes on, and the parent hears how far this process is."""

    def __init__(self, listening: int, speaking: int) -> None:
        self.stops = Stops()
        self.stops.is_led = True
        self._parent, self._from_parent = Line(speaking), Line(listening)
        threading.Thread(target=self._listen, name="gensweep-parent", daemon=True).start()

    def begun(self, sweep: Path) -> None:
        """From here on the sweep's ledger says what came of it."""
        self._parent.send(said="begun", sweep=str(sweep))

    def dying(self, request: Request) -> None:
        """This process is about to leave at once, for this reason."""
        self._parent.send(said="dying", reason=request.reason, code=request.code)

    def ended(self, code: int) -> None:
        """All was written, and this process ends with this code."""
        self._parent.send(said="ended", code=code)

    def _listen(self) -> None:
        try:
            while True:
                for message in self._from_parent.heard():
                    request = Request(message["reason"], message["code"])
                    if message["at_once"]:
                        self.stops.leave(request.code)
                    self.stops.request(request)
        except (EOFError, OSError):
            self.stops.request(Request("the end of its parent process", Stopped.exit_code))
            time.sleep(ORPHAN_SECONDS)
            self.stops.leave(Stopped.exit_code)


_led: list[Led] = []


def become(led: Led) -> None:
    """This process is a driver under a parent."""
    _led.append(led)


def led() -> Led | None:
    """The parent's line of this process; None where it has no such parent."""
    return _led[0] if _led else None
