"""A disk in memory that forgets, in the place of the functions of Python that ask the system for files below its root."""

from __future__ import annotations

import builtins
import contextlib
import errno
import fcntl
import io
import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PosixPath
from types import TracebackType
from typing import Any, NamedTuple

from tests.simulation.tree import Below, Change, File, Folder

Before = Callable[[str, str], None]
Room = Callable[[int], int]
ROOT = "/simulated"  # always the same, so that what follows from a path need not be worked out again
_FIRST = 1_000_000  # beyond the numbers that the system gives to open files
_DEVICE = -1
_REAL = {
    name: getattr(os, name)
    for name in (
        "open", "write", "pread", "fsync", "close", "ftruncate", "lseek", "fstat", "rename", "unlink", "mkdir", "rmdir", "stat",
        "lstat", "listdir", "scandir",
    )
}  # fmt: skip
_real_open, _real_path, _real_flock, _real_rmtree = io.open, os.path.realpath, fcntl.flock, shutil.rmtree


class Status(NamedTuple):
    """What `stat` says of a file; a time of change is a number that grows."""

    st_mode: int
    st_ino: int
    st_size: int
    st_mtime_ns: int
    st_dev: int = _DEVICE
    st_nlink: int = 1
    st_uid: int = os.geteuid()


class Entry(NamedTuple):
    """What `scandir` gives."""

    name: str
    path: str
    node: File | Folder

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return isinstance(self.node, Folder)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return isinstance(self.node, File)

    def is_symlink(self) -> bool:
        return False

    def stat(self, *, follow_symlinks: bool = True) -> Status:
        return _status(self.node)


class Entries(list[Entry]):
    """As `scandir` gives them: in a context."""

    def __enter__(self) -> Entries:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def close(self) -> None:
        pass


@dataclass
class Opened:
    """An open file, of the process that closes it when it dies; None of one that is only read."""

    node: File | Folder
    path: str
    owner: object | None
    appends: bool
    at: int = 0


class Disk:
    """The disk below `root`. `before(operation, path)` is called before each, and may raise; `room` says how much fits."""

    def __init__(self, before: Before, room: Room, owner: Callable[[], object], root: str = ROOT) -> None:
        self.root, self._below = root, f"{root}/"
        self.tree = Folder()
        self._before, self._room, self._owner = before, room, owner
        self._opened: dict[int, Opened] = {}
        self._locks: dict[
            int, tuple[File | Folder, bool]
        ] = {}  # of open files: what they lock, and whether for themselves alone
        self._next = _FIRST
        self._nodes = 0

    def functions(self) -> dict[tuple[object, str], Callable[..., Any]]:
        """What takes the place of the functions of Python."""
        mine = {name: getattr(self, name) for name in _REAL}
        same = {"replace": self.rename, "remove": self.unlink}
        return {
            **{(os, name): function for name, function in {**mine, **same}.items()},
            (shutil, "rmtree"): self.rmtree,
            (fcntl, "flock"): self.flock,
            (io, "open"): self.file,
            (builtins, "open"): self.file,
            (os.path, "realpath"): self.realpath,
        }

    # --- open files

    def open(self, path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        name = self._inside(path)
        if name is None or more:
            return _real("open")(path, flags, mode, **more)
        self._before("open", name)
        node = self._to_open(name, flags)
        is_kept = flags & (os.O_WRONLY | os.O_RDWR | os.O_DIRECTORY)
        self._next += 1
        self._opened[self._next] = Opened(
            node, name, self._owner() if is_kept else None, appends=bool(flags & os.O_APPEND)
        )
        return self._next

    def _to_open(self, name: str, flags: int) -> File | Folder:
        parent, last = self._parent(name)
        node = self.tree if parent is None else parent.now.get(last)
        if node is None and flags & os.O_CREAT:
            assert parent is not None
            node = File(number=self._number())
            parent.change(Change("put", last, node))
        elif node is None:
            raise _error(errno.ENOENT, name)
        elif flags & os.O_CREAT and flags & os.O_EXCL:
            raise _error(errno.EEXIST, name)
        if isinstance(node, Folder) and flags & (os.O_WRONLY | os.O_RDWR):
            raise _error(errno.EISDIR, name)
        if isinstance(node, File) and flags & os.O_DIRECTORY:
            raise _error(errno.ENOTDIR, name)
        return node

    def write(self, descriptor: int, data: Any) -> int:
        if descriptor < _FIRST:
            return int(_real("write")(descriptor, data))
        opened, node = self._file(descriptor)
        self._before("write", opened.path)
        data = bytes(data)[: self._room(len(data))]
        at = len(node.now) if opened.appends else opened.at
        node.write(at, data)
        opened.at = at + len(data)
        return len(data)

    def pread(self, descriptor: int, n: int, at: int) -> bytes:
        if descriptor < _FIRST:
            return bytes(_real("pread")(descriptor, n, at))
        return self._file(descriptor)[1].now[at : at + n]

    def lseek(self, descriptor: int, at: int, whence: int) -> int:
        if descriptor < _FIRST:
            return int(_real("lseek")(descriptor, at, whence))
        assert whence == os.SEEK_SET, "this disk seeks from the beginning"
        self._file(descriptor)[0].at = at
        return at

    def fsync(self, descriptor: int) -> None:
        if descriptor < _FIRST:
            _real("fsync")(descriptor)
            return
        opened = self._of(descriptor)
        self._before("fsync", opened.path)
        opened.node.sync()

    def ftruncate(self, descriptor: int, size: int) -> None:
        if descriptor < _FIRST:
            _real("ftruncate")(descriptor, size)
            return
        opened, node = self._file(descriptor)
        self._before("ftruncate", opened.path)
        node.write(size, None)

    def close(self, descriptor: int) -> None:
        if descriptor < _FIRST:
            _real("close")(descriptor)
            return
        self._of(descriptor)
        del self._opened[descriptor]
        self._locks.pop(descriptor, None)

    def fstat(self, descriptor: int) -> Any:
        return _real("fstat")(descriptor) if descriptor < _FIRST else _status(self._of(descriptor).node)

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
        elif (name := self._inside(path)) is not None:
            node = self._node(name)
            if isinstance(node, Folder):
                raise _error(errno.EISDIR, name)
            data = node.now
        else:
            return _real_open(path, mode, *more, **options)
        assert mode in ("r", "rt", "rb"), "files of this disk are written by os.write"
        return io.BytesIO(data) if mode == "rb" else io.StringIO(data.decode())

    def content(self, path: Any) -> bytes:
        """Of a file, opened and read at once."""
        if (name := self._inside(path)) is None:
            return Path(path).read_bytes()
        self._before("open", name)
        node = self._node(name)
        if isinstance(node, Folder):
            raise _error(errno.EISDIR, name)
        return node.now

    def peek(self, name: str) -> bytes | None:
        """What a file holds that is there; nobody notices."""
        with contextlib.suppress(OSError):
            node = self._node(name)
            return node.now if isinstance(node, File) else None
        return None

    # --- names

    def rename(self, source: Any, target: Any, **more: Any) -> None:
        old = self._inside(source)
        if old is None:
            _real("rename")(source, target, **more)
            return
        self._before("rename", old)
        new = self._inside(target)
        assert new is not None
        (parent, name), (other, last) = self._parent(old), self._parent(new)
        assert parent is not None
        assert parent is other, f"{source} is moved to another folder, which this disk does not know"
        node, there = self._node(old), parent.now.get(last)
        if isinstance(there, Folder) and (isinstance(node, File) or there.now):
            raise _error(errno.EISDIR if isinstance(node, File) else errno.ENOTEMPTY, new)
        if isinstance(there, File) and isinstance(node, Folder):
            raise _error(errno.ENOTDIR, new)
        parent.change(Change("move", name, node, last))

    def unlink(self, path: Any, **more: Any) -> None:
        self._drop("unlink", path, Folder, errno.EISDIR, **more)

    def rmdir(self, path: Any, **more: Any) -> None:
        self._drop("rmdir", path, File, errno.ENOTDIR, **more)

    def _drop(self, kind: str, path: Any, wrong: type, code: int, **more: Any) -> None:
        if (name := self._inside(path)) is None:
            _real(kind)(path, **more)
            return
        self._before(kind, name)
        node = self._node(name)
        if isinstance(node, wrong):
            raise _error(code, name)
        if isinstance(node, Folder) and node.now:
            raise _error(errno.ENOTEMPTY, name)
        parent, last = self._parent(name)
        assert parent is not None
        parent.change(Change("drop", last))

    def mkdir(self, path: Any, mode: int = 0o777, **more: Any) -> None:
        if (name := self._inside(path)) is None:
            _real("mkdir")(path, mode, **more)
            return
        self._before("mkdir", name)
        parent, last = self._parent(name)
        if parent is None or last in parent.now:
            raise _error(errno.EEXIST, name)
        parent.change(Change("put", last, Folder(number=self._number())))

    def rmtree(self, path: Any, ignore_errors: bool = False, **more: Any) -> None:
        if self._inside(path) is None:
            _real_rmtree(path, ignore_errors, **more)
            return
        try:
            for entry in self.scandir(path):
                if entry.is_dir():
                    self.rmtree(entry.path, ignore_errors)
                else:
                    self.unlink(entry.path)
            self.rmdir(path)
        except OSError:
            if not ignore_errors:
                raise

    def stat(self, path: Any, **more: Any) -> Any:
        name = self._inside(path)
        return _real("stat")(path, **more) if name is None else _status(self._node(name))

    def lstat(self, path: Any, **more: Any) -> Any:
        name = self._inside(path)
        return _real("lstat")(path, **more) if name is None else _status(self._node(name))

    def listdir(self, path: Any = ".") -> list[str]:
        return (
            list(_real("listdir")(path)) if self._inside(path) is None else [entry.name for entry in self.scandir(path)]
        )

    def scandir(self, path: Any = ".") -> Any:
        """The newest first, as Linux does in memory."""
        if (name := self._inside(path)) is None:
            return _real("scandir")(path)
        node = self._node(name)
        if isinstance(node, File):
            raise _error(errno.ENOTDIR, name)
        below = os.fspath(path)
        return Entries(Entry(name, f"{below}/{name}", found) for name, found in reversed(node.now.items()))

    def realpath(self, path: Any, **options: Any) -> str:
        """There are no links."""
        return str(_real_path(path, **options)) if self._inside(path) is None else os.path.normpath(path)

    # --- what happens to it

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

    def _number(self) -> int:
        self._nodes += 1
        return self._nodes

    def _of(self, descriptor: int) -> Opened:
        if (opened := self._opened.get(descriptor)) is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return opened

    def _file(self, descriptor: int) -> tuple[Opened, File]:
        opened = self._of(descriptor)
        assert isinstance(opened.node, File)
        return opened, opened.node

    def _inside(self, path: Any) -> str | None:
        """The path below the root; None where it lies elsewhere."""
        text = path if type(path) is str else str(path) if type(path) is PosixPath else _text(path)
        return text[len(self._below) :] if text.startswith(self._below) else "" if text == self.root else None

    def _node(self, name: str) -> File | Folder:
        parent, last = self._parent(name)
        node = self.tree if parent is None else parent.now.get(last)
        if node is None:
            raise _error(errno.ENOENT, name)
        return node

    def _parent(self, name: str) -> tuple[Folder | None, str]:
        """The folder that a name stands in, and the last part of it; None of the root."""
        if not name:
            return None, ""
        above, last = _parts(name)
        found = self.tree
        for part in above:
            node = found.now.get(part)
            if node.__class__ is not Folder:
                raise _error(errno.ENOENT if node is None else errno.ENOTDIR, name)
            found = node
        return found, last


def _text(path: Any) -> str:
    found = os.fspath(path) if isinstance(path, os.PathLike) else path
    return found if isinstance(found, str) else ""


@cache
def _parts(name: str) -> tuple[tuple[str, ...], str]:
    *above, last = name.split("/")
    return tuple(above), last


def _real(name: str) -> Callable[..., Any]:
    return _REAL[name]


def _status(node: File | Folder) -> Status:
    if isinstance(node, Folder):
        return Status(stat.S_IFDIR | 0o700, node.number, 0, node.changed)
    return Status(stat.S_IFREG | 0o600, node.number, len(node.now), node.changed)


def _error(code: int, name: str) -> OSError:
    return OSError(code, os.strerror(code), f"{ROOT}/{name}")
