"""What a disk holds: files and folders as processes see them, and beside it what of them a power cut would leave.

A process that dies leaves all that it wrote. A power cut leaves what was synced, and of the rest, folder by folder and file
by file, what came first: a file system keeps the order of names within a folder and of writes within a file, and nothing else.
The last write that stays may be torn, or be there in length and not in content.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Below = Callable[[int], int]


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
    """What of a file is durable, what was done to it since, and what processes see; `changed` is how often that was."""

    data: bytes = b""
    pending: list[Written] = field(default_factory=list)
    now: bytes = b""
    number: int = 0
    changed: int = 0

    def write(self, at: int, data: bytes | None) -> None:
        """Bytes at an offset; without bytes a new end."""
        one = Written(at, data)
        self.pending.append(one)
        self.now, self.changed = _with(self.now, one), self.changed + 1

    def sync(self) -> None:
        self.data = self.now
        self.pending.clear()

    def left(self, below: Below) -> File:
        """What a power cut leaves of it."""
        data = self._left(below) if self.pending else self.data
        return File(data, [], data, self.number)

    def _left(self, below: Below) -> bytes:
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
    number: int = 0
    changed: int = 0

    def change(self, change: Change) -> None:
        self.pending.append(change)
        _apply(self.now, change)
        self.changed += 1

    def sync(self) -> None:
        self.kept = dict(self.now)
        self.pending.clear()

    def left(self, below: Below) -> Folder:
        """What a power cut leaves of it."""
        if self.pending:
            n = len(self.pending) - below(len(self.pending) + 1)
            for change in self.pending[:n]:
                _apply(self.kept, change)
        names = {name: node.left(below) for name, node in self.kept.items()}
        return Folder(names, dict(names), [], self.number)

    def plain(self) -> dict[str, Any]:
        """What processes see, as a tree of bytes."""
        return {name: node.plain() if isinstance(node, Folder) else node.now for name, node in sorted(self.now.items())}


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
