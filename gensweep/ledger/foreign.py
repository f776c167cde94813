"""Reading what anyone may have written: bounded in size and depth, of plain files, and never through a link."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import Any

from gensweep.errors import DamagedSweep

LONGEST_LINE = 2**23  # bytes; those of events and rows have some thousand
LARGEST_DOCUMENT = 2**24  # bytes of a JSON or YAML file
_DEEPEST = 100  # levels of lists and mappings in each other
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")  # most are one of two that belong together


def refuse_links(folder: Path) -> None:
    """Raise DamagedSweep if something in `folder` is a link, a pipe or a device: they lead out of it, or never end.

    The folder itself may be reached through a link: its owner chose where it lies.
    """
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.is_symlink():
            raise DamagedSweep(
                f"{entry.path}: is a link, and links in a sweep's folder are not followed. Nothing was changed. Put "
                "what it leads to in its place, or delete it."
            )
        if not (entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)):
            kind = stat.filemode(entry.stat(follow_symlinks=False).st_mode)[0]
            if kind != "s":  # Ray's sockets are nobody's input
                raise DamagedSweep(f"{entry.path}: is no file ({kind}). Nothing was changed. Delete it.")


def document(path: Path, largest: int = LARGEST_DOCUMENT) -> bytes:
    """The content of a small file, of at most `largest` bytes.

    Raises:
        DamagedSweep: a link, no file, or larger than any that gensweep writes.
        OSError: as it came, FileNotFoundError among them.
    """
    descriptor = _opened(path)
    with open(descriptor, "rb") as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise DamagedSweep(f"{path}: larger than {largest >> 20} MiB, which no such file is. Restore it from a copy.")
    return data


def lines(path: Path, start: int = 0) -> bytes:
    """The content of a file of lines, from the byte `start` on.

    Raises:
        DamagedSweep: a link, no file, a line longer than any that gensweep writes, or a hole.
        OSError: as it came, FileNotFoundError among them.
    """
    parts = []
    with open(_opened(path), "rb") as file:
        file.seek(start)
        while part := file.read(LONGEST_LINE):
            parts.append(part)
            if len(part) == LONGEST_LINE and b"\n" not in part:
                raise DamagedSweep(
                    f"{path}: holds a line of more than {LONGEST_LINE >> 20} MiB, which gensweep never wrote. Nothing was "
                    "changed. Restore the file from a copy."
                )
            if (
                len(part) == LONGEST_LINE and part.count(0) > LONGEST_LINE // 2
            ):  # a hole: it may be larger than any memory
                raise DamagedSweep(
                    f"{path}: holds megabytes of nothing, which gensweep never wrote. Restore it from a copy."
                )
    return b"".join(parts)


def json_of(text: bytes) -> Any:
    """The value in a JSON text.

    Raises:
        ValueError: it is none, is not UTF-8, holds half a character (a lone surrogate), or is nested deeper than any that
            gensweep writes.
    """
    try:
        value = json.loads(text.decode())  # strictly: of bytes it takes halves of characters
        if _HALF.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError:
        raise ValueError("it holds half a character, which no file or store takes") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if text.count(b"[") + text.count(b"{") > _DEEPEST and depth(value) > _DEEPEST:
        raise ValueError("nested too deeply")
    return value


def depth(value: Any) -> int:
    """How many levels of lists and mappings there are in each other, without recursion."""
    level, found = [value], 0
    while level := [part for node in level for part in _parts(node)]:
        found += 1
    return found


def _parts(node: Any) -> list[Any]:
    return list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []


def _opened(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if path.is_symlink():
            raise DamagedSweep(
                f"{path}: is a link, and links in a sweep's folder are not followed. Put what it leads to in its place."
            ) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DamagedSweep(f"{path}: is no file. Delete it, or restore it from a copy.")
    return descriptor
