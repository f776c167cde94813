"""Text for people: numbers, the same in every table, sentence and progress line; and strangers' texts, made harmless.

A name in a ledger, a message of an error or a file's name may hold what a terminal obeys or a page runs. Each output has one
door: `printable` stands at that of the terminal, `markdown` at that of reports.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

# sequences that move the cursor, colour, rename the window or write the clipboard: ESC [ ... m, ESC ] ... BEL, ESC P ... ESC \\
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]"
)
# other controls but line ends and tabs, and what turns the direction of writing round, so that a text shows as another one
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_HTML = re.compile(r"<(?=[A-Za-z/!?])")
_LINK = re.compile(r"\](?=[(\[:])")
_POWERS = 1e10  # from here on nobody counts the digits of a float
_WHOLE = 10**20  # more than any seed or count has
_MARKS = re.compile(r"[|`*\\]")


def printable(text: str) -> str:
    r"""The text without what a terminal obeys; lines and tabs stay.

    >>> printable("\x1b[31mred\x1b]0;title\x07 and\x08 so on")
    'red and so on'
    """
    return _CONTROL.sub("", _SEQUENCE.sub("", text)).replace("\u2028", " ").replace("\u2029", " ")


def markdown(text: str) -> str:
    r"""The text as one line of Markdown that shows it, with no tag, link, code or column of its own.

    >>> markdown("<img src=x onerror=y> [a](javascript:b) c|d")
    '&lt;img src=x onerror=y> [a\\](javascript:b) c\\|d'
    """
    line = " ".join(printable(text).splitlines())
    return _LINK.sub(r"\]", _HTML.sub("&lt;", _MARKS.sub(r"\\\g<0>", line)))


def markdown_table(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows of text as a Markdown table; the first column is left-aligned, the others right."""
    if not rows:
        return ""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [[markdown(column) for column in columns], ["---", *["---:"] * (len(columns) - 1)]]
    lines += [[markdown(row.get(column, "")) for column in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: Any, digits: int = 4) -> str:
    """A float with so many significant digits or every digit before its point, ∞, a dash for what is not there.

    From ten thousand millions on, a power of ten stands for the digits; of whole numbers, which may be names, from 10^20 on.

    >>> [number(value) for value in (1 / 3, 123456.7, float("inf"), None, 3, "x")]
    ['0.3333', '123457', '∞', '-', '3', 'x']
    >>> [number(value) for value in (1.23456e300, 10**300, [2**64, 2 * 10**400])]
    ['1.235e+300', '1e+300', "[18446744073709551616, '2e+400']"]
    """
    if value is None:
        return "-"
    value = shortened(value)
    if not isinstance(value, float) or math.isnan(value):
        return str(value)
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:.0f}" if 10 ** (digits - 1) <= abs(value) < _POWERS else f"{value:.{digits}g}"


def shortened(value: Any) -> Any:
    """The value with whole numbers from 10^20 on as floats, or as texts where no float is so large; also inside of lists.

    >>> shortened({"a": [10**20, 7, True, 10**309]})
    {'a': [1e+20, 7, True, '1e+309']}
    """
    if isinstance(value, list | tuple):
        return [shortened(one) for one in value]
    if isinstance(value, Mapping):
        return {name: shortened(one) for name, one in value.items()}
    if not isinstance(value, int) or abs(value) < _WHOLE:
        return value
    try:
        return float(value)
    except OverflowError:
        mantissa, _, power = f"{Decimal(value):.16e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{power}"


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


def size(n_bytes: float) -> str:
    """Bytes for people: `512 bytes`, `3.5 MiB`."""
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if n_bytes >= 2**power:
            return f"{n_bytes / 2**power:.3g} {unit}"
    return f"{n_bytes:.0f} bytes"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def finite(value: float | None) -> float | None:
    """A number as JSON and charts take it: None where it is infinite, NaN or not there."""
    return value if value is not None and math.isfinite(value) else None
