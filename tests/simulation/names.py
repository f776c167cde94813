"""The names on a disk in memory, in the place of the functions of Python that ask the system for what lies below its root."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable
from functools import cache
from pathlib import PosixPath
from types import TracebackType
from typing import Any, NamedTuple

from tests.simulation.tree import Change, File, Folder

Before = Callable[[str, str], None]
ROOT = "/simulated"  # always the same, so that what follows from a path need not be worked out again
_DEVICE = -1
_REAL = {
    name: getattr(os, name) for name in ("rename", "unlink", "mkdir", "rmdir", "stat", "lstat", "listdir", "scandir")
}
_real_path, _real_rmtree = os.path.realpath, shutil.rmtree


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
        return status(self.node)


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


class Names:
    """The folders below `root`, and the names in them. `before(operation, path)` is called before each, and may raise."""

    def __init__(self, before: Before, root: str) -> None:
        self.root, self._below = root, f"{root}/"
        self.tree = Folder()
        self._before = before
        self._nodes = 0

    def functions(self) -> dict[tuple[object, str], Callable[..., Any]]:
        """What takes the place of the functions of Python."""
        same = {"replace": self.rename, "remove": self.unlink}
        mine = {
            (os, name): function for name, function in ({name: getattr(self, name) for name in _REAL} | same).items()
        }
        return {**mine, (shutil, "rmtree"): self.rmtree, (os.path, "realpath"): self.realpath}

    def rename(self, source: Any, target: Any, **more: Any) -> None:
        old = self.inside(source)
        if old is None:
            _REAL["rename"](source, target, **more)
            return
        self._before("rename", old)
        new = self.inside(target)
        assert new is not None
        (parent, name), (other, last) = self.parent(old), self.parent(new)
        assert parent is not None
        assert parent is other, f"{source} is moved to another folder, which this disk does not know"
        node, there = self.node(old), parent.now.get(last)
        if isinstance(there, Folder) and (isinstance(node, File) or there.now):
            raise error(errno.EISDIR if isinstance(node, File) else errno.ENOTEMPTY, new)
        if isinstance(there, File) and isinstance(node, Folder):
            raise error(errno.ENOTDIR, new)
        parent.change(Change("move", name, node, last))

    def unlink(self, path: Any, **more: Any) -> None:
        self._drop("unlink", path, Folder, errno.EISDIR, **more)

    def rmdir(self, path: Any, **more: Any) -> None:
        self._drop("rmdir", path, File, errno.ENOTDIR, **more)

    def _drop(self, kind: str, path: Any, wrong: type, code: int, **more: Any) -> None:
        if (name := self.inside(path)) is None:
            _REAL[kind](path, **more)
            return
        self._before(kind, name)
        node = self.node(name)
        if isinstance(node, wrong):
            raise error(code, name)
        if isinstance(node, Folder) and node.now:
            raise error(errno.ENOTEMPTY, name)
        parent, last = self.parent(name)
        assert parent is not None
        parent.change(Change("drop", last))

    def mkdir(self, path: Any, mode: int = 0o777, **more: Any) -> None:
        if (name := self.inside(path)) is None:
            _REAL["mkdir"](path, mode, **more)
            return
        self._before("mkdir", name)
        parent, last = self.parent(name)
        if parent is None or last in parent.now:
            raise error(errno.EEXIST, name)
        parent.change(Change("put", last, Folder(number=self.number())))

    def rmtree(self, path: Any, ignore_errors: bool = False, **more: Any) -> None:
        if self.inside(path) is None:
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
        name = self.inside(path)
        return _REAL["stat"](path, **more) if name is None else status(self.node(name))

    def lstat(self, path: Any, **more: Any) -> Any:
        name = self.inside(path)
        return _REAL["lstat"](path, **more) if name is None else status(self.node(name))

    def listdir(self, path: Any = ".") -> list[str]:
        return (
            list(_REAL["listdir"](path)) if self.inside(path) is None else [entry.name for entry in self.scandir(path)]
        )

    def scandir(self, path: Any = ".") -> Any:
        """The newest first, as Linux does in memory."""
        if (name := self.inside(path)) is None:
            return _REAL["scandir"](path)
        node = self.node(name)
        if isinstance(node, File):
            raise error(errno.ENOTDIR, name)
        below = os.fspath(path)
        return Entries(Entry(name, f"{below}/{name}", found) for name, found in reversed(node.now.items()))

    def realpath(self, path: Any, **options: Any) -> str:
        """There are no links."""
        return str(_real_path(path, **options)) if self.inside(path) is None else os.path.normpath(path)

    def number(self) -> int:
        self._nodes += 1
        return self._nodes

    def inside(self, path: Any) -> str | None:
        """The path below the root; None where it lies elsewhere."""
        text = path if type(path) is str else str(path) if type(path) is PosixPath else _text(path)
        return text[len(self._below) :] if text.startswith(self._below) else "" if text == self.root else None

    def node(self, name: str) -> File | Folder:
        parent, last = self.parent(name)
        node = self.tree if parent is None else parent.now.get(last)
        if node is None:
            raise error(errno.ENOENT, name)
        return node

    def parent(self, name: str) -> tuple[Folder | None, str]:
        """The folder that a name stands in, and the last part of it; None of the root."""
        if not name:
            return None, ""
        above, last = _parts(name)
        found = self.tree
        for part in above:
            node = found.now.get(part)
            if node.__class__ is not Folder:
                raise error(errno.ENOENT if node is None else errno.ENOTDIR, name)
            found = node
        return found, last


def _text(path: Any) -> str:
    found = os.fspath(path) if isinstance(path, os.PathLike) else path
    return found if isinstance(found, str) else ""


@cache
def _parts(name: str) -> tuple[tuple[str, ...], str]:
    *above, last = name.split("/")
    return tuple(above), last


def status(node: File | Folder) -> Status:
    if isinstance(node, Folder):
        return Status(stat.S_IFDIR | 0o700, node.number, 0, node.changed)
    return Status(stat.S_IFREG | 0o600, node.number, len(node.now), node.changed)


def error(code: int, name: str) -> OSError:
    return OSError(code, os.strerror(code), f"{ROOT}/{name}")
