"""A driver without a terminal: started from one, it outlives that, its window and the login.

It gets a session of its own, no input, and a file of the sweep's folder for its output. Who starts it waits until the ledger says
that it has begun, or says what it said where it ended before.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gensweep.errors import CannotRun, GensweepError
from gensweep.file_modes import umask_before
from gensweep.journal import ahead_of
from gensweep.ledger.durable import make_directory
from gensweep.ledger.lease import Owner, owner
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.stopping import Request

_LOOKS = 0.2  # seconds from one look at it to the next
_TO_LEAVE = 10.0  # seconds in which it ends that was asked twice
_MOST_TOLD = 2**18  # bytes of what it said


@dataclass(frozen=True)
class Start:
    """How the start went: `driver` runs; or it ended before it began, with this `code`, and `said` this.

    `called_off` is what this command was told meanwhile, and so the driver was.
    """

    driver: Owner | None = None
    code: int = 0
    said: str = ""
    called_off: Request | None = None


def detach(sweep: Path, words: Sequence[str], variables: Mapping[str, str]) -> Start:
    """Start `gensweep WORDS`, which drives the sweep of this folder, without a terminal; how that went, once it is known.

    Raises:
        CannotRun: its output cannot be written there.
    """
    sweep = sweep.resolve()
    with _requests() as requests, _output(sweep) as output:
        before = _generation(sweep)
        process = subprocess.Popen(
            [*command(), *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **variables},
            start_new_session=True,
            umask=umask_before(),
        )
        while not requests:
            code = process.poll()
            if code is not None:
                return Start(code=code, said=_said(output))
            if (driver := _driver(sweep, before, process.pid)) is not None:
                return Start(driver)
            time.sleep(_LOOKS)
        _call_off(process)
        began = _driver(sweep, before, None)
        return Start(began, code=requests[0].code, said=_said(output), called_off=requests[0])


def command() -> list[str]:
    """What `gensweep` is. Nothing is imported from the working folder, unless gensweep itself comes from there."""
    safely = [] if Path(__file__).parents[1] == Path.cwd() else ["-P"]
    return [sys.executable, *safely, "-m", "gensweep"]


@contextmanager
def _requests() -> Iterator[list[Request]]:
    """What this process is told meanwhile, by Ctrl-C or SIGTERM: the driver, in another session, hears of neither."""
    found = list[Request]()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda n, _: found.append(Request.of(n))) for number in numbers}
    try:
        yield found
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _output(sweep: Path) -> Iterator[IO[bytes]]:
    """A new file for what the driver prints, beside the folder, which may not be there: the driver moves it in."""
    file = ahead_of(sweep)
    try:
        make_directory(sweep.parent)
        output = file.open("xb+")
    except OSError as error:
        raise CannotRun(
            f"{sweep.parent}: the driver's output cannot be written there ({error.strerror or error}). Make it writable, or "
            "name another folder with --runs."
        ) from error
    with output:
        yield output
        file.unlink(missing_ok=True)  # of a driver that ended before it could move it


def _generation(sweep: Path) -> int:
    newest = _owner(sweep)
    return newest.generation if newest else 0


def _owner(sweep: Path) -> Owner | None:
    with suppress(GensweepError, OSError):  # the driver tells what is damaged
        return owner(sweep)
    return None


def _driver(sweep: Path, before: int, session: int | None) -> Owner | None:
    """The driver that took the sweep since, in this session, once the ledger says that it has begun."""
    newest = _owner(sweep)
    if newest is None or newest.generation <= before or (session is not None and not _is_in(newest, session)):
        return None
    starts = SweepFolder(sweep).events.of_kind("started")
    return newest if starts and starts[-1]["generation"] == newest.generation else None


def _is_in(driver: Owner, session: int) -> bool:
    try:
        return os.getsid(driver.pid) == session
    except OSError:
        return False


def _call_off(process: subprocess.Popen[bytes]) -> None:
    """Ask the driver to leave, and to leave at once; then end whatever is left of its session."""
    for _ in range(2):  # what has not begun ends at the first one
        with suppress(subprocess.TimeoutExpired, ProcessLookupError):
            process.send_signal(signal.SIGINT)
            process.wait(_TO_LEAVE / 2)
            return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _said(output: IO[bytes]) -> str:
    output.seek(max(0, output.seek(0, os.SEEK_END) - _MOST_TOLD))
    return output.read().decode(errors="replace")
