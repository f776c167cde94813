"""One line on the terminal for what takes longer than two seconds; nothing elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

_QUIET = 2.0
_EVERY = 0.2
T = TypeVar("T")


def progress(items: Sequence[T], what: str) -> Iterator[T]:
    """The items, with a count of them on stderr, rewritten in place, once two seconds have gone by."""
    if not sys.stderr.isatty():
        yield from items
        return
    began = shown = time.monotonic()
    for number, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - began > _QUIET and (now - shown > _EVERY or number == len(items)):
            print(f"\r{what}: {number} of {len(items)}", end="", file=sys.stderr, flush=True)
            shown = now
    if shown > began:
        print(file=sys.stderr)
