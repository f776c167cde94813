"""The two streams of a command: always there, never a traceback for what they cannot take, text alone to what they show."""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from gensweep.errors import CannotRun
from gensweep.text import printable


class OutputLost(CannotRun):
    """Stdout takes no more: its disk is full, or it is gone."""


class _Printed:
    """A stream that takes no more than lines of text: what a terminal would obey is taken out, whoever prints it.

    A first carriage return stays, for a count that is rewritten in place. `as_drawn` is the stream for who draws on the
    terminal, and cleans what it draws (terminal.py).
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = self.as_drawn = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write what can be printed of it; the number of characters that were given."""
        self.as_drawn.write(text[: text.startswith("\r")] + printable(text))
        return len(text)

    def writelines(self, texts: Iterable[str]) -> None:
        """Write each."""
        for text in texts:
            self.write(text)


class _Output:
    """Stdout, whose own errors are told from those of every other file. A reader that left stays a BrokenPipeError."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Raise OutputLost where the stream takes nothing."""
        try:
            return self._stream.write(text)
        except OSError as error:
            raise _lost(error) from error

    def flush(self) -> None:
        """Raise OutputLost where the stream takes nothing."""
        try:
            self._stream.flush()
        except OSError as error:
            raise _lost(error) from error


@contextmanager
def streams() -> Iterator[None]:
    """Both streams for a command, and as they were afterwards.

    A character that a stream does not have is a question mark there, and one that was closed by whoever started this is
    nowhere: print would take the other for it.
    """
    before = sys.stdout, sys.stderr
    out, err = (_whole(stream) for stream in before)
    sys.stdout = cast(TextIO, _Printed(cast(TextIO, _Output(out))))
    sys.stderr = cast(TextIO, _Printed(err))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = (stream or whole for stream, whole in zip(before, (out, err), strict=True))


def reader_has_left() -> bool:
    """Whether stdout is a pipe that nobody reads any more, as after `gensweep ls | head -1`."""
    return _has(select.POLLERR)


def takes_more() -> bool:
    """Whether writing to stdout begins at once, as it does but for a pipe whose reader is slow."""
    return _has(select.POLLOUT)


def _has(event: int) -> bool:
    pipe = select.poll()
    pipe.register(1, event)
    return any(found & event for _, found in pipe.poll(0))


def discard() -> None:
    """Send what is still to be written nowhere: Python would try once more at its end, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _lost(error: OSError) -> OSError | OutputLost:
    if isinstance(error, BrokenPipeError):
        return error
    return OutputLost(f"the output cannot be written: {error.strerror}. Make room, or write it elsewhere.")


def _whole(stream: TextIO | None) -> TextIO:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    return stream
