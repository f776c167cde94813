"""The machine that a sweep is simulated on: processes, a clock, a disk, a run store, and what goes wrong with them, and when.

What goes wrong does so just before an operation on the disk or a call of the store: n operations after the last time.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.simulation.choices import Choices
from tests.simulation.disk import Disk
from tests.simulation.names import ROOT
from tests.simulation.store import BadLine

PATH = Path(ROOT) / "runs" / "simulated"  # of the sweep
_MOST_INCIDENTS = 14
_NEVER = 10**9
_MOMENTS = ("", "", "fsync", "rename", "write")  # what goes wrong waits for such an operation; "": for none
_WRITING = ("write", "fsync", "rename", "ftruncate", "mkdir")
KINDS = (
    *["turn"] * 8, *["kill"] * 4, *["power"] * 3, *["tear"] * 2, "stop", "full", "error", "rival", "away", "lost", "late",
    "refused", "stop NAME", "stop NAME --now",
)  # fmt: skip


class Died(BaseException):
    """The process that was running is no more."""


class Broken(AssertionError):
    """Something that must always hold does not."""


@dataclass(eq=False)
class Process:
    """One of the machine's; `is_fenced` is an orphan that must not write."""

    name: str
    pid: int
    alive: bool = True
    is_fenced: bool = False


class Running(Protocol):
    """The driver's life that is going on."""

    process: Process

    def turn(self) -> None:
        """Let somebody else do something, who is not doing something already."""

    def ask_to_stop(self) -> None:
        """A signal comes."""

    def rival(self) -> None:
        """Somebody starts another driver."""

    def ask_by_file(self, *, at_once: bool) -> None:
        """`gensweep stop` leaves a request in the folder."""

    def may_lose(self, process: Process) -> bool:
        """Whether the machine may take this worker."""


class World:
    """Everything that outlives a process. `trouble` counts what went wrong, by kind; `cache` is a real folder of the user's."""

    def __init__(self, choices: Choices, cache: Path, *, is_calm: bool = False) -> None:
        self.choices, self.path, self.cache = choices, PATH, cache
        self.clock, self.operations, self.counter = 1.7e9, 0, 0
        self.trouble: Counter[str] = Counter()
        self.stack: list[tuple[Process, object]] = []
        self.life: Running | None = None
        self.has_power = True
        self.had_error = self.is_mended = False
        self._space: int | None = None
        self._is_short = False
        self._turn_at: int | None = None
        self.disk = Disk(self._before, self._room, lambda: self.stack[-1][0] if self.stack else None)
        self.store = BadLine(lambda call: self._before("store", call))
        self._in_container = choices.below(2, "trouble") == 1
        self._left = 0 if is_calm else choices.below(_MOST_INCIDENTS, "trouble")
        self._at, self._before_what, self._must_be = _NEVER, "", ""
        self._arm()
        self._kinds: dict[str, Callable[[Process, str], None]] = {
            "turn": self._turn, "kill": self._kill, "power": self._power, "tear": self._tear, "stop": self._stop,
            "full": self._full, "error": self._error, "rival": self._rival,
            "stop NAME": self._stop_by_file, "stop NAME --now": self._stop_by_file_now,
        }  # fmt: skip

    @contextlib.contextmanager
    def acting(self, process: Process, role: object) -> Iterator[None]:
        """What is done inside is done by this process."""
        self.stack.append((process, role))
        try:
            yield
        finally:
            self.stack.pop()

    def is_acting(self, role: object) -> bool:
        return any(one is role for _, one in self.stack)

    def pass_on_death(self) -> None:
        """After a process died: whoever waited for it and is dead too ends here as well."""
        if not self.has_power or (self.stack and not self.stack[-1][0].alive):
            raise Died

    def new_process(self, name: str) -> Process:
        """One with a number of its own, unless numbers begin anew with every container."""
        self.counter += 1
        return Process(name, 7 if self._in_container else 100 + self.counter)

    def generation(self) -> int:
        """That of the newest driver, as its lease says; 0 before the first."""
        found = self.disk.peek("runs/simulated/ledger/lease.json")
        return int(json.loads(found)["generation"]) if found else 0

    def unique(self) -> int:
        self.counter += 1
        return self.counter

    def restore(self) -> None:
        """Between two lives: power is back, and somebody made space."""
        if not self.has_power:
            self.disk.cut_power(lambda n: self.choices.below(n, "power"))
        self.has_power, self._space, self._is_short, self._turn_at, self.had_error = True, None, False, None, False

    def _arm(self) -> None:
        """Choose when the next thing goes wrong: soon or late alike."""
        self._must_be = ""
        if self._left:
            self._left -= 1
            self._at = self.operations + 1 + self.choices.below(2 ** self.choices.below(10, "trouble"), "trouble")
            self._before_what = _MOMENTS[self.choices.below(len(_MOMENTS), "trouble")]
        else:
            self._at = _NEVER

    def _then_power(self) -> None:
        """Sometimes the power is cut soon after: what was done before nobody knows to be durable."""
        if self._left and self.choices.below(3, "trouble") == 2:
            self._arm()
            self._must_be = "power"

    def _before(self, operation: str, what: str) -> None:
        if not self.stack:
            return
        process, _ = self.stack[-1]
        if not process.alive or not self.has_power:
            raise Died
        self.operations += 1
        self.clock += 0.01
        if process.is_fenced and operation not in ("open", "store"):
            raise Broken(f"{process.name}, an orphan that began after a new driver, does {operation} of {what}")
        if self._turn_at is not None and self.operations >= self._turn_at:
            self._turn_at = None
            self._nested()
        if self.operations >= self._at and operation.startswith(self._before_what):
            must_be = self._must_be
            self._arm()
            self._go_wrong(process, operation, must_be)

    def _go_wrong(self, process: Process, operation: str, must_be: str) -> None:
        kind = must_be or KINDS[self.choices.below(len(KINDS), "trouble")]
        if kind in self._kinds:
            self._kinds[kind](process, operation)
        else:
            n = 1 + self.choices.below(3, "trouble")
            self.store.next_calls += [kind] * (n if kind == "away" else 1)
            self.trouble[kind] += 1

    def _turn(self, process: Process, operation: str) -> None:
        self.trouble["turn"] += 1
        self._then_power()
        if operation == "write":  # somebody looks at the first half
            self._is_short, self._turn_at = True, self.operations + 1
        else:
            self._nested()

    def _nested(self) -> None:
        if self.life is None:
            return
        try:
            self.life.turn()
        except Died:
            self.stack[-1][0].alive = False
            raise

    def _kill(self, process: Process, operation: str) -> None:
        if self._may_die(process):
            self.trouble["kill"] += 1
            self._then_power()
            process.alive = False
            raise Died

    def _tear(self, process: Process, operation: str) -> None:
        if operation == "write" and self._may_die(process):
            self.trouble["tear"] += 1
            self._is_short, process.alive = True, False

    def _may_die(self, process: Process) -> bool:
        assert self.life is not None
        return process is self.life.process or self.life.may_lose(process)

    def _power(self, process: Process, operation: str) -> None:
        self.trouble["power"] += 1
        self.has_power = False
        raise Died

    def _stop(self, process: Process, operation: str) -> None:
        if self.life is not None:
            self.trouble["stop"] += 1
            self.life.ask_to_stop()

    def _stop_by_file(self, process: Process, operation: str) -> None:
        if self.life is not None:
            self.trouble["stop NAME"] += 1
            self.life.ask_by_file(at_once=False)

    def _stop_by_file_now(self, process: Process, operation: str) -> None:
        if self.life is not None:
            self.trouble["stop NAME --now"] += 1
            self.life.ask_by_file(at_once=True)

    def _full(self, process: Process, operation: str) -> None:
        if self.life is not None and process is self.life.process:
            self.trouble["full"] += 1
            self._space = self.choices.below(3000, "trouble")

    def _error(self, process: Process, operation: str) -> None:
        if self.life is not None and process is self.life.process and operation in _WRITING:
            self.trouble["error"] += 1
            self.had_error = True
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def _rival(self, process: Process, operation: str) -> None:
        if self.life is not None:
            self.trouble["rival"] += 1
            self.life.rival()

    def _room(self, n: int) -> int:
        if self._is_short:
            self._is_short = False
            return max(1, n * self.choices.below(8, "trouble") // 8)
        if self._space is None or not self.stack or self.life is None or self.stack[-1][0] is not self.life.process:
            return n
        fits = min(n, self._space)
        self._space -= fits
        if not fits and n:
            self.had_error = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return fits
