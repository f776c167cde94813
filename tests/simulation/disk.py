"""A disk in memory that forgets: names, open files and their locks, and what a death or a power cut does to them."""

from __future__ import annotations

import builtins
import contextlib
import errno
import fcntl
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.simulation.names import ROOT, Before, Names, error, status
from tests.simulation.tree import Below, Change, File, Folder

Room = Callable[[int], int]
_FIRST = 1_000_000  # beyond the numbers that the system gives to open files
_REAL = {
    name: getattr(os, name) for name in ("open", "write", "pread", "fsync", "close", "ftruncate", "lseek", "fstat")
}
_real_open, _real_flock = io.open, fcntl.flock


@dataclass
class Opened:
    """An open file, of the process that closes it when it dies; None of one that is only read."""

    node: File | Folder
    path: str
    owner: object | None
    appends: bool
    at: int = 0


class Disk(Names):
    """The disk below `root`. `before` is told each operation first, and may raise; `room` says how much fits."""

    def __init__(self, before: Before, room: Room, owner: Callable[[], object], root: str = ROOT) -> None:
        super().__init__(before, root)
        self._room, self._owner = room, owner
        self._opened: dict[int, Opened] = {}
        self._locks: dict[
            int, tuple[File | Folder, bool]
        ] = {}  # of open files: what they lock, and whether for themselves alone
        self._next = _FIRST

    def functions(self) -> dict[tuple[object, str], Callable[..., Any]]:
        """What takes the place of the functions of Python."""
        return {
            **super().functions(),
            **{(os, name): getattr(self, name) for name in _REAL},
            (fcntl, "flock"): self.flock,
            (io, "open"): self.file,
            (builtins, "open"): self.file,
        }

    def open(self, path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        name = self.inside(path)
        if name is None or more:
            return _REAL["open"](path, flags, mode, **more)
        self._before("open", name)
        node = self._to_open(name, flags)
        is_kept = flags & (os.O_WRONLY | os.O_RDWR | os.O_DIRECTORY)
        self._next += 1
        self._opened[self._next] = Opened(
            node, name, self._owner() if is_kept else None, appends=bool(flags & os.O_APPEND)
        )
        return self._next

    def _to_open(self, name: str, flags: int) -> File | Folder:
        parent, last = self.parent(name)
        node = self.tree if parent is None else parent.now.get(last)
        if node is None and flags & os.O_CREAT:
            assert parent is not None
            node = File(number=self.number())
            parent.change(Change("put", last, node))
        elif node is None:
            raise error(errno.ENOENT, name)
        elif flags & os.O_CREAT and flags & os.O_EXCL:
            raise error(errno.EEXIST, name)
        if isinstance(node, Folder) and flags & (os.O_WRONLY | os.O_RDWR):
            raise error(errno.EISDIR, name)
        if isinstance(node, File) and flags & os.O_DIRECTORY:
            raise error(errno.ENOTDIR, name)
        return node

    def write(self, descriptor: int, data: Any) -> int:
        if descriptor < _FIRST:
            return int(_REAL["write"](descriptor, data))
        opened, node = self._file(descriptor)
        self._before("write", opened.path)
        data = bytes(data)[: self._room(len(data))]
        at = len(node.now) if opened.appends else opened.at
        node.write(at, data)
        opened.at = at + len(data)
        return len(data)

    def pread(self, descriptor: int, n: int, at: int) -> bytes:
        if descriptor < _FIRST:
            return bytes(_REAL["pread"](descriptor, n, at))
        return self._file(descriptor)[1].now[at : at + n]

    def lseek(self, descriptor: int, at: int, whence: int) -> int:
        if descriptor < _FIRST:
            return int(_REAL["lseek"](descriptor, at, whence))
        assert whence == os.SEEK_SET, "this disk seeks from the beginning"
        self._file(descriptor)[0].at = at
        return at

    def fsync(self, descriptor: int) -> None:
        if descriptor < _FIRST:
            _REAL["fsync"](descriptor)
            return
        opened = self._of(descriptor)
        self._before("fsync", opened.path)
        opened.node.sync()

    def ftruncate(self, descriptor: int, size: int) -> None:
        if descriptor < _FIRST:
            _REAL["ftruncate"](descriptor, size)
            return
        opened, node = self._file(descriptor)
        self._before("ftruncate", opened.path)
        node.write(size, None)

    def close(self, descriptor: int) -> None:
        if descriptor < _FIRST:
            _REAL["close"](descriptor)
            return
        self._of(descriptor)
        del self._opened[descriptor]
        self._locks.pop(descriptor, None)

    def fstat(self, descriptor: int) -> Any:
        return _REAL["fstat"](descriptor) if descriptor < _FIRST else status(self._of(descriptor).node)

    def flock(self, descriptor: int, operation: int) -> None:
        if descriptor < _FIRST:
            _real_flock(descriptor, operation)
            return
        node = self._of(descriptor).node
        alone = bool(operation & fcntl.LOCK_EX)
        others = [is_alone for key, (locked, is_alone) in self._locks.items() if locked is node and key != descriptor]
        if operation & fcntl.LOCK_UN:
            self._locks.pop(descriptor, None)
        elif any(others) or (alone and others):
            assert operation & fcntl.LOCK_NB, "this would wait for ever"
            raise BlockingIOError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK))
        else:
            self._locks[descriptor] = node, alone

    def file(self, path: Any, mode: str = "r", *more: Any, **options: Any) -> Any:
        """As `open` of Python, to read."""
        if isinstance(path, int) and path >= _FIRST:
            data = self._file(path)[1].now
            self.close(path)
        elif (name := self.inside(path)) is not None:
            node = self.node(name)
            if isinstance(node, Folder):
                raise error(errno.EISDIR, name)
            data = node.now
        else:
            return _real_open(path, mode, *more, **options)
        assert mode in ("r", "rt", "rb"), "files of this disk are written by os.write"
        return io.BytesIO(data) if mode == "rb" else io.StringIO(data.decode())

    def content(self, path: Any) -> bytes:
        """Of a file, opened and read at once."""
        if (name := self.inside(path)) is None:
            return Path(path).read_bytes()
        self._before("open", name)
        node = self.node(name)
        if isinstance(node, Folder):
            raise error(errno.EISDIR, name)
        return node.now

    def peek(self, name: str) -> bytes | None:
        """What a file holds that is there; nobody notices."""
        with contextlib.suppress(OSError):
            node = self.node(name)
            return node.now if isinstance(node, File) else None
        return None

    def die(self, owner: object) -> list[int]:
        """Close what a dead process had open, locks with it."""
        dead = [
            descriptor for descriptor, opened in self._opened.items() if owner is not None and opened.owner is owner
        ]
        for descriptor in dead:
            self.close(descriptor)
        return dead

    def cut_power(self, below: Below) -> None:
        """Lose what need not have been durable."""
        self._opened.clear()
        self._locks.clear()
        self.tree = self.tree.left(below)

    def _of(self, descriptor: int) -> Opened:
        if (opened := self._opened.get(descriptor)) is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return opened

    def _file(self, descriptor: int) -> tuple[Opened, File]:
        opened = self._of(descriptor)
        assert isinstance(opened.node, File)
        return opened, opened.node
