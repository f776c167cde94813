"""Writes that survive a kill, a power cut and a full disk: whole, or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import tempfile
from pathlib import Path
from typing import Any

from gensweep.errors import DamagedSweep

_HALF = re.compile(r"\\ud[89a-f]")  # of a character; most are one of two that belong together


def json_text(value: object, **layout: Any) -> bytes:
    """The value as JSON. Half a character, as in a file name that is not UTF-8, becomes '?': readers refuse it."""
    text = json.dumps(value, **layout)
    if _HALF.search(text):
        whole = json.dumps(value, ensure_ascii=False).encode(errors="replace")
        text = json.dumps(json.loads(whole), **layout)
    return text.encode()


def fsync_directory(path: Path) -> None:
    """Make the names in a directory durable: a rename is safe only after this."""
    _fsync(path, os.O_DIRECTORY)


def fsync_file(path: Path) -> None:
    """Make durable what a file holds, whoever wrote it: a reader may act on it then."""
    _fsync(path, os.O_NOFOLLOW | os.O_CLOEXEC)


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, os.O_RDONLY | flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Create a directory and its parents; each new name is durable."""
    if path.is_dir():
        return
    make_directory(path.parent)
    with contextlib.suppress(FileExistsError):
        path.mkdir()
    fsync_directory(path.parent)


def unwritable(path: Path) -> str | None:
    """Why no folder can be made at `path`, or no file in it; None where that can be. Leaves nothing behind, tried for real."""
    while not path.exists():
        path = path.parent
    try:
        with tempfile.TemporaryFile(dir=path):
            return None
    except OSError as error:
        return f"{path} cannot be written ({error.strerror or error})"


def refuse_folder(path: Path) -> None:
    """Raise DamagedSweep where a folder stands in the place of a file that is to be written."""
    if path.is_dir():
        raise DamagedSweep(f"{path}: is a folder, and a file belongs there. Nothing was changed. Move it away.")


def write_new(path: Path, data: bytes, *, fsync: bool = True) -> None:
    """Write a file that must not exist yet. Not atomic: for names that no reader looks for."""
    # Not mkstemp, whose mode is 0600: the umask says who may open it.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        _write_all(descriptor, data)
        if fsync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(path: Path, data: bytes, *, fsync: bool = True) -> None:
    """Replace a file as a whole: a reader, or a start after a crash, sees the old bytes or the new ones.

    Raises:
        DamagedSweep: a folder stands in its place.
        OSError: as it came, with the old file untouched.
    """
    refuse_folder(path)
    # The name is unique, so that an orphan that writes the same file cannot mix its bytes with ours.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        write_new(temporary, data, fsync=fsync)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    if fsync:
        fsync_directory(path.parent)


def append_at(path: Path, size: int, data: bytes) -> int:
    """Write `data` at offset `size`, cut off whatever lay beyond it, and fsync. Returns the new size.

    Raises:
        DamagedSweep: a folder stands in its place.
        OSError: as it came; the file then ends at `size` again, or in a torn tail that the next call cuts off.
    """
    refuse_folder(path)
    new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        if os.fstat(descriptor).st_size != size:
            os.ftruncate(descriptor, size)
        os.lseek(descriptor, size, os.SEEK_SET)
        try:
            _write_all(descriptor, data)
            os.fsync(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)
    if new:
        fsync_directory(path.parent)
    return size + len(data)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:  # a nearly full disk takes a part and says so only at the next write
        rest = rest[os.write(descriptor, rest) :]
