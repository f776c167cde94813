"""Text files that people write: their text, or why there is none."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from gensweep import shipped
from gensweep.errors import nearest
from gensweep.text import listed

_KINDS = (".yaml", ".yml", ".json")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LARGEST = 2**20  # bytes; the text of 100,000 values, and of all that a search space needs many times over
_MOST = 30  # files that an error lists


class UnreadableError(Exception):
    """There is no such text; `line` is that of the first character that cannot be read, 0 where it is about the file."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def text_of(file: Path) -> str:
    """The text of a file in UTF-8, with or without a mark at its beginning. Tabs of JSON are spaces.

    Raises:
        UnreadableError: there is no such file, or it is no text.
    """
    if file.is_dir():
        inside = next(_search_spaces(file), "FILE")
        raise UnreadableError(f"is a folder. Name a file in it, as in {file / inside}")
    if not file.exists():
        raise UnreadableError(_missing(file))
    if file.is_fifo() and not str(file).startswith("/dev/"):  # as of `<(...)`; any other may never be written to
        raise UnreadableError("is a pipe, and no file")
    try:
        with file.open("rb") as opened:
            data = opened.read(_LARGEST + 1)
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or error}") from None
    if len(data) > _LARGEST:
        raise UnreadableError(f"is larger than {_LARGEST >> 20} MiB. A search space is a page of text")
    text = _decoded(data)
    return text.expandtabs(2) if file.suffix == ".json" else text


def _decoded(data: bytes) -> str:
    if data.startswith(_UTF_16) or (b"\0" in data and max(data[0::2].count(0), data[1::2].count(0)) > len(data) // 3):
        raise UnreadableError("cannot be read: its encoding is UTF-16. Save it as UTF-8")
    if sum(byte < 9 for byte in data) > 1:
        raise UnreadableError("cannot be read: it is no text file")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        character = data[error.start : error.start + 1].decode("latin-1")
        told = f"is not UTF-8: byte 0x{data[error.start]:02x}, which is '{character}' in Latin-1"
        raise UnreadableError(f"{told}. Save the file as UTF-8", data.count(b"\n", 0, error.start) + 1) from None


def _missing(file: Path) -> str:
    """Why there is no such file, with the nearest that there are."""
    if re.match(r"[a-z][a-z0-9+.-]+:/", str(file)):
        return f"is an address, and a file on this machine is wanted. Download it first, and name {file.name}"
    if "=" in file.name:
        return "looks like an override. The search-space file comes first, then overrides"
    if not file.parent.exists():
        near = nearest(file.parent.name, [f.name for f in file.parent.absolute().parent.glob("*/")])
        hint = f" Did you mean '{file.parent.with_name(near)}'?" if near else ""
        return f"lies in no folder: {file.parent} does not exist.{hint}{_shipped(file)}"
    beside = list(_search_spaces(file.parent))
    stems = {Path(name).stem: name for name in reversed(beside)}
    near = nearest(file.stem, stems)
    hint = f"Did you mean '{file.parent / stems[near]}'? " if near else ""
    return f"does not exist. {hint}Known: {', '.join(beside[:_MOST]) or 'none'}.{_shipped(file)}"


def _shipped(file: Path) -> str:
    """Which search space of gensweep's own may be meant; all of them where a name was given that is no path."""
    names = shipped.names()
    if file.stem in names:
        return f" One of this name ships with gensweep: write {file.stem} for it"
    if file.suffix or len(file.parts) != 1:
        return ""
    near = nearest(file.name, names)
    return f" With gensweep come {f'{near}, which may be meant, and ' if near else ''}{listed([n for n in names if n != near])}."


def _search_spaces(folder: Path) -> Iterator[str]:
    """The files that may be search spaces, in a folder and then in those right below it."""
    for pattern in ("*", "*/*"):
        yield from sorted(
            str(f.relative_to(folder)) for f in folder.glob(pattern) if f.suffix in _KINDS and f.is_file()
        )
