"""What the lower floors say on stderr: a count of what takes longer than two seconds on a terminal, and sentences.

How much is said there at all is decided here, once a command.
"""

from __future__ import annotations

import enum
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TypeVar

_QUIET = 2.0
_EVERY = 0.2
_EVERY_LINE = 5.0  # seconds between the lines of a terminal that cannot go back
T = TypeVar("T")


class Loudness(enum.IntEnum):
    """How much is said on stderr; errors are always."""

    QUIET = 0
    USUAL = 1
    VERBOSE = 2


LISTENERS: list[Callable[[str], None]] = []  # are told every sentence, however quiet stderr is
_now = [Loudness.USUAL]


def loudness() -> Loudness:
    """How much is said."""
    return _now[0]


def speak(how: Loudness) -> None:
    """Say so much from here on."""
    _now[0] = how


def progress(items: Sequence[T], what: str) -> Iterator[T]:
    """The items, with a count of them on stderr, rewritten in place, once two seconds have gone by.

    A terminal that cannot go back (TERM=dumb) gets a line every few seconds, and what is no terminal nothing.
    """
    if (
        loudness() is Loudness.QUIET or not sys.stderr.isatty() or hasattr(sys.stderr, "rich_proxied_file")
    ):  # below a line that says what takes so long
        yield from items
        return
    start, end, every = ("", "\n", _EVERY_LINE) if is_dumb() else ("\r", "", _EVERY)
    began = shown = time.monotonic()
    for number, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - began > _QUIET and (shown == began or now - shown > every or number == len(items)):
            print(f"{start}{what}: {number} of {len(items)}", end=end, file=sys.stderr, flush=True)
            shown = now
    if shown > began and not end:
        print(file=sys.stderr)


def is_dumb() -> bool:
    """Whether the terminal only takes lines, as that of an editor."""
    return os.environ.get("TERM", "") in ("dumb", "unknown")


@cache
def tell_once(sentence: str) -> None:
    """A line on stderr, once a process; nothing for an empty sentence."""
    if not sentence:
        return
    for listener in LISTENERS:
        listener(sentence)
    if loudness() > Loudness.QUIET:
        print(f"gensweep: {sentence}", file=sys.stderr, flush=True)
