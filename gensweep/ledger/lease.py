"""Who may write to a sweep: one driver at a time, and how its orphans notice that they are no longer wanted."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import time
import weakref
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from gensweep.errors import CannotRun, DamagedSweep
from gensweep.ledger.durable import make_directory, write_atomic
from gensweep.ledger.foreign import document, json_of

PATIENCE = 0.5  # seconds: a probe of `holder`, or a process that is just dying, may have the lock for a moment
_held: weakref.WeakSet[Lease] = weakref.WeakSet()


class Fenced(CannotRun):
    """Another driver took the sweep, so this process is an orphan and must not write any more."""


@dataclass(frozen=True)
class Owner:
    """What lease.json says of the newest driver. `generation` counts drivers; `seq` is the last event it found."""

    host: str
    pid: int
    boot_id: str
    started: str
    generation: int
    seq: int = 0

    def __str__(self) -> str:
        return f"{self.host}:{self.pid} since {self.started}"


@dataclass(frozen=True)
class Fence:
    """Lets a worker's process write only while its driver's generation is the sweep's. It can be pickled."""

    sweep: Path
    generation: int

    def check(self) -> None:
        """Raise `Fenced` if another driver took the sweep since."""
        now = generation(self.sweep)
        if now != self.generation:
            raise Fenced(
                f"{self.sweep}: this process belongs to driver {self.generation} of the sweep, and driver {now} "
                "took it since. Nothing was written; the new driver continues the trial. Nothing needs to be done."
            )


class Lease:
    """The right to write to a sweep: a flock on ledger/lock, and a generation in ledger/lease.json.

    The kernel drops the lock of a dead process, so no lease needs to be broken by hand, and no clock decides.
    """

    def __init__(self, sweep: Path) -> None:
        """Take the lock, or raise CannotRun with the name of its holder."""
        self.sweep = sweep
        self.generation = 0
        self._descriptor: int | None = None
        self._descriptor = _lock(sweep)
        _held.add(self)

    def publish(self, generation: int, seq: int) -> None:
        """Make this driver the sweep's newest, durably; from here on the workers of older ones are fenced."""
        started = datetime.now(UTC).isoformat(timespec="seconds")
        owner = Owner(socket.gethostname(), os.getpid(), _boot_id(), started, generation, seq)
        write_atomic(_lease_file(self.sweep), json.dumps(asdict(owner)).encode())
        self.generation = generation

    def holds(self) -> bool:
        """Whether this process may still write. False after a release, in a forked child, or when another took it."""
        return self._descriptor is not None and generation(self.sweep) == self.generation

    @property
    def released(self) -> bool:
        """Whether this process gave the lock back, or never had it (a forked child)."""
        return self._descriptor is None

    @property
    def fence(self) -> Fence:
        """What this driver's workers carry."""
        return Fence(self.sweep, self.generation)

    def release(self) -> None:
        """Give the lock back; lease.json stays, for its generation."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __del__(self) -> None:
        self.release()


def owner(sweep: Path) -> Owner | None:
    """The newest driver of a sweep, alive or not; None before the first."""
    path = _lease_file(sweep)
    try:
        return _owner_in(document(path))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise DamagedSweep(
            f"{path}: not a lease ({error}). When no driver of this sweep is running, delete the file: "
            "the next start writes a new one."
        ) from error


def _owner_in(text: bytes) -> Owner:
    found = Owner(**json_of(text))
    if not all(type(number) is int for number in (found.pid, found.generation, found.seq)):
        raise ValueError("its numbers are none")
    return found


def generation(sweep: Path) -> int:
    """How many drivers took the sweep so far: one small read."""
    newest = owner(sweep)
    return newest.generation if newest else 0


def holder(sweep: Path) -> Owner | None:
    """The driver that holds the sweep now, or None when nobody does."""
    try:
        descriptor = os.open(_lock_file(sweep), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return owner(sweep)
    finally:
        os.close(descriptor)
    return None


def _lock_file(sweep: Path) -> Path:
    return sweep / "ledger" / "lock"


def _lease_file(sweep: Path) -> Path:
    return sweep / "ledger" / "lease.json"


def _lock(sweep: Path) -> int:
    """An open file that carries the lock."""
    path = _lock_file(sweep)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            make_directory(path.parent)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            raise CannotRun(f"{path}: cannot be written ({error.strerror}). Make the folder writable.") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        except FileNotFoundError:
            pass  # the file was deleted between open and flock: this lock would exclude nobody
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                os.close(descriptor)
                raise CannotRun(
                    f"{path}: this file system cannot lock files ({error.strerror}). "
                    "Put the sweep on a disk with working flock: a local one, or NFS 4 with its lock service."
                ) from error
        os.close(descriptor)
        if time.monotonic() > deadline:
            raise CannotRun(locked(sweep, owner(sweep)))
        time.sleep(0.05)


def locked(sweep: Path, by: Owner | None) -> str:
    """That another driver holds a sweep, and what to do."""
    return (
        f"{sweep} is locked by {by or 'a driver that is just starting'}. "
        f"Wait until it ends, or stop it: gensweep stop {sweep.name}{f', or `kill {by.pid}` on {by.host}' if by else ''}; "
        "the lock of a dead process frees itself."
    )


def _boot_id() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _forget_in_child() -> None:
    # A flock belongs to the open file, so a forked child would keep the sweep locked after the driver's death.
    for lease in list(_held):
        lease.release()


os.register_at_fork(after_in_child=_forget_in_child)
