"""A disk that forgets: a real folder, and beside it what of the folder a power cut would leave.

A process that dies leaves all that it wrote. A power cut leaves what was synced, and of the rest, folder by folder and file
by file, what came first: a file system keeps the order of names within a folder and of writes within a file, and nothing else.
The last write that stays may be torn, or be there in length and not in content.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

Below = Callable[[int], int]
Before = Callable[[str, str], None]
Room = Callable[[int], int]

_open, _write, _fsync, _close, _ftruncate = os.open, os.write, os.fsync, os.close, os.ftruncate
_rename, _unlink, _mkdir, _rmdir, _rmtree = os.rename, os.unlink, os.mkdir, os.rmdir, shutil.rmtree


class Change(NamedTuple):
    """Of a folder: a name that is new or gone, or a node that has another name."""

    kind: Literal["put", "drop", "move"]
    name: str
    node: File | Folder | None = None
    target: str = ""


class Written(NamedTuple):
    """Of a file: bytes at an offset; without bytes its new end."""

    at: int
    data: bytes | None


@dataclass(eq=False)
class File:
    """What of a file is durable, and what was done to it since."""

    data: bytes = b""
    pending: list[Written] = field(default_factory=list)

    def left(self, below: Below) -> bytes:
        """What a power cut leaves of it."""
        if not self.pending:
            return self.data
        lost = below(2 * len(self.pending) + 1)
        n = len(self.pending) - (lost + 1) // 2
        data = self.data
        for one in self.pending[:n]:
            data = _with(data, one)
        if lost % 2 and (torn := self.pending[n]).data:
            there = len(torn.data) * below(8) // 8
            data = _with(data, Written(torn.at, torn.data[:there] + bytes(len(torn.data) - there) * below(2)))
        return data


@dataclass(eq=False)
class Folder:
    """The names in a folder as processes see them, and those that are durable; `pending` is what leads from these to those."""

    now: dict[str, File | Folder] = field(default_factory=dict)
    kept: dict[str, File | Folder] = field(default_factory=dict)
    pending: list[Change] = field(default_factory=list)

    def change(self, change: Change) -> None:
        self.pending.append(change)
        _apply(self.now, change)

    def left(self, below: Below) -> dict[str, Any]:
        """What a power cut leaves of it, as a tree of bytes."""
        if self.pending:
            n = len(self.pending) - below(len(self.pending) + 1)
            for change in self.pending[:n]:
                _apply(self.kept, change)
        return {name: node.left(below) for name, node in self.kept.items()}


@dataclass
class Opened:
    """An open file, of the process that closes it; one that is only read may have been closed without a word."""

    node: File | Folder
    path: str
    owner: object | None


class Disk:
    """The disk below `root`. `before(operation, path)` is called before each, and may raise; `room` says how much fits."""

    def __init__(self, root: Path, before: Before, room: Room, owner: Callable[[], object]) -> None:
        self.root = str(root.resolve())
        self.tree = Folder()
        self._before, self._room, self._owner = before, room, owner
        self._opened: dict[int, Opened] = {}

    def functions(self) -> dict[tuple[object, str], Callable[..., Any]]:
        """What takes the place of the functions of `os` and `shutil`."""
        mine = {"open": self.open, "write": self.write, "fsync": self.fsync, "close": self.close, "rename": self.rename,
                "ftruncate": self.ftruncate, "replace": self.rename, "unlink": self.unlink, "mkdir": self.mkdir,
                "remove": self.unlink, "rmdir": self.rmdir}  # fmt: skip
        return {(os, name): function for name, function in mine.items()} | {(shutil, "rmtree"): self.rmtree}

    def open(self, path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        name = self._inside(path)
        if name is None or more:
            descriptor = _open(path, flags, mode, **more)
            self._opened.pop(descriptor, None)  # its number may have been that of a file that Python closed by itself
            return descriptor
        self._before("open", name)
        parent, last = self._parent(name) if name else (None, "")
        descriptor = _open(path, flags, mode)
        if parent is not None and last not in parent.now:
            parent.change(Change("put", last, File()))
        node = self.tree if parent is None else parent.now[last]
        is_kept = flags & (os.O_WRONLY | os.O_RDWR | os.O_DIRECTORY)
        self._opened[descriptor] = Opened(node, name, self._owner() if is_kept else None)
        return descriptor

    def write(self, descriptor: int, data: Any) -> int:
        if (opened := self._opened.get(descriptor)) is None:
            return _write(descriptor, data)
        self._before("write", opened.path)
        assert isinstance(opened.node, File)
        data = bytes(data)[: self._room(len(data))]
        at = os.fstat(descriptor).st_size if _appends(descriptor) else os.lseek(descriptor, 0, os.SEEK_CUR)
        n = _write(descriptor, data)
        opened.node.pending.append(Written(at, data[:n]))
        return n

    def fsync(self, descriptor: int) -> None:
        if (opened := self._opened.get(descriptor)) is None:
            _fsync(descriptor)
            return
        self._before("fsync", opened.path)
        self.synced(opened)

    def synced(self, opened: Opened) -> None:
        """Make what was done to it durable."""
        node = opened.node
        if isinstance(node, Folder):
            node.kept = dict(node.now)
        else:
            for one in node.pending:
                node.data = _with(node.data, one)
        node.pending.clear()

    def close(self, descriptor: int) -> None:
        self._opened.pop(descriptor, None)
        _close(descriptor)

    def ftruncate(self, descriptor: int, size: int) -> None:
        if (opened := self._opened.get(descriptor)) is None:
            _ftruncate(descriptor, size)
            return
        self._before("ftruncate", opened.path)
        assert isinstance(opened.node, File)
        _ftruncate(descriptor, size)
        opened.node.pending.append(Written(size, None))

    def rename(self, source: Any, target: Any, **more: Any) -> None:
        old = self._inside(source)
        if old is None:
            _rename(source, target, **more)
            return
        self._before("rename", old)
        new = self._inside(target)
        assert new is not None
        (parent, name), (other, last) = self._parent(old), self._parent(new)
        assert parent is other, f"{source} is moved to another folder, which this disk does not know"
        _rename(source, target)
        parent.change(Change("move", name, parent.now[name], last))

    def unlink(self, path: Any, **more: Any) -> None:
        self._drop(_unlink, "unlink", path, **more)

    def rmdir(self, path: Any, **more: Any) -> None:
        self._drop(_rmdir, "rmdir", path, **more)

    def mkdir(self, path: Any, mode: int = 0o777, **more: Any) -> None:
        if (name := self._inside(path)) is None:
            _mkdir(path, mode, **more)
            return
        self._before("mkdir", name)
        parent, last = self._parent(name)
        _mkdir(path, mode)
        parent.change(Change("put", last, Folder()))

    def rmtree(self, path: Any, ignore_errors: bool = False, **more: Any) -> None:
        if self._inside(path) is None:
            _rmtree(path, ignore_errors, **more)
            return
        try:
            for entry in list(os.scandir(path)):
                if entry.is_dir(follow_symlinks=False):
                    self.rmtree(entry.path, ignore_errors)
                else:
                    self.unlink(entry.path)
            self.rmdir(path)
        except OSError:
            if not ignore_errors:
                raise

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
        for descriptor, opened in list(self._opened.items()):
            if opened.owner is not None:
                self.close(descriptor)
        left = self.tree.left(below)
        _bring(self.root, left)
        self.tree = _settled(left)

    def _drop(self, real: Callable[..., None], kind: str, path: Any, **more: Any) -> None:
        if (name := self._inside(path)) is None:
            real(path, **more)
            return
        self._before(kind, name)
        real(path)
        parent, last = self._parent(name)
        parent.change(Change("drop", last))

    def _inside(self, path: Any) -> str | None:
        """The path below the root; None where it lies elsewhere."""
        text = path if isinstance(path, str) else os.fspath(path) if isinstance(path, os.PathLike) else ""
        return text[len(self.root) :].strip("/") if isinstance(text, str) and text.startswith(self.root) else None

    def _parent(self, name: str) -> tuple[Folder, str]:
        *above, last = name.split("/")
        found = self.tree
        for part in above:
            node = found.now.get(part)
            if not isinstance(node, Folder):
                raise FileNotFoundError(2, "No such file or directory", name)
            found = node
        return found, last


def _apply(names: dict[str, File | Folder], change: Change) -> None:
    if change.kind == "put" and change.node is not None:
        names[change.name] = change.node
    elif change.kind == "drop":
        names.pop(change.name, None)
    elif change.node is not None:
        names.pop(change.name, None)
        names[change.target] = change.node


def _with(data: bytes, one: Written) -> bytes:
    if one.data is None:
        return data[: one.at].ljust(one.at, b"\0")
    return data[: one.at].ljust(one.at, b"\0") + one.data + data[one.at + len(one.data) :]


def _settled(tree: dict[str, Any]) -> Folder:
    nodes: dict[str, File | Folder] = {
        name: _settled(found) if isinstance(found, dict) else File(found) for name, found in tree.items()
    }
    return Folder(nodes, dict(nodes))


def _bring(path: str, tree: dict[str, Any]) -> None:
    """Make the real folder hold just this tree."""
    real = {entry.name: entry for entry in os.scandir(path)}
    for name, entry in real.items():
        if name not in tree or entry.is_dir() != isinstance(tree[name], dict):
            _rmtree(entry.path) if entry.is_dir() else _unlink(entry.path)
    for name, found in tree.items():
        place = f"{path}/{name}"
        if isinstance(found, dict):
            if not os.path.isdir(place):
                _mkdir(place)
            _bring(place, found)
        elif name not in real or Path(place).read_bytes() != found:
            Path(place).write_bytes(found)


def _appends(descriptor: int) -> bool:
    return bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND)
