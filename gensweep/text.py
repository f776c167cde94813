"""Numbers as people read them, the same in every table, sentence and progress line."""

from __future__ import annotations

import math
from typing import Any


def number(value: Any, digits: int = 4) -> str:
    """A float with so many significant digits or every digit before its point, ∞, a dash for what is not there.

    >>> [number(value) for value in (1 / 3, 123456.7, float("inf"), None, 3, "x")]
    ['0.3333', '123457', '∞', '-', '3', 'x']
    """
    if value is None:
        return "-"
    if not isinstance(value, float) or math.isnan(value):
        return str(value)
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"


def counted(n: int, noun: str) -> str:
    """`1 trial`, `2 trials`, `1,000 trials`.

    >>> [counted(n, "trial") for n in (0, 1, 1000)]
    ['0 trials', '1 trial', '1,000 trials']
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def duration(seconds: float) -> str:
    """Seconds for people: `42 s`, `3.5 min`, `2.1 h`."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"
