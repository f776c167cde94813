"""Tables that fit a terminal: no number and no name is ever cut.

Where the columns do not fit, headers and words are wrapped, then columns are left out from the right and named below, and
where not even those that must stay fit beside each other, each row becomes a block of `key: value` lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gensweep.text import number

_GAP = 2
_COMFORT = 20  # a column of words is made no narrower than this for the sake of others
_JOINED = "parameters"


@dataclass(frozen=True)
class Layout:
    """What matters in a table.

    `keep` are the columns that stay, by default the first. `words` are those that may be wrapped between words. `joined`
    are those that become one column of `name=value` where not all columns fit. `elsewhere` says where all of it is.
    """

    keep: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    elsewhere: str = ""


@dataclass(frozen=True)
class _Fitted:
    """Columns with their widths, and those that are left out; without widths the rows are stacked."""

    widths: Mapping[str, int]
    dropped: tuple[str, ...] = ()


def cells_of(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The rows as text."""
    return [{column: number(row.get(column)) for column in columns} for row in rows]


def natural_width(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> int:
    """Of a table with nothing wrapped."""
    return sum(_natural(column, rows) for column in columns) + _GAP * (len(columns) - 1)


def table(
    columns: Sequence[str],
    rows: Sequence[Mapping[str, str]],
    width: int,
    layout: Layout,
    styles: Sequence[str] = (),
) -> RenderableType:
    """Rows of text in `width` characters; `styles` are those of the rows."""
    if layout.joined and natural_width(columns, rows) > width:
        columns, rows, layout = _join(columns, rows, layout)
    fitted = _fit(columns, rows, width, layout)
    if not fitted.widths:
        return _stacked(columns, rows, styles)
    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for column, w in fitted.widths.items():
        drawn.add_column(Text(column, overflow="fold"), width=w)
    for i, row in enumerate(rows):
        cells = (Text(row[c], no_wrap=c not in layout.words, overflow="fold") for c in fitted.widths)
        drawn.add_row(*cells, style=styles[i] if styles else None)
    if not fitted.dropped:
        return drawn
    where = f"; all: {layout.elsewhere}" if layout.elsewhere else ""
    return Group(drawn, Text(f"not shown at this width: {', '.join(fitted.dropped)}{where}"))


def _fit(columns: Sequence[str], rows: Sequence[Mapping[str, str]], width: int, layout: Layout) -> _Fitted:
    keep = layout.keep or tuple(columns[:1])
    kept, dropped = list(columns), list[str]()
    least = {column: _least(column, rows, layout) for column in columns}
    while sum(least[c] for c in kept) + _GAP * (len(kept) - 1) > width:
        last = next((column for column in reversed(kept) if column not in keep), None)
        if last is None:
            return _Fitted({})
        kept.remove(last)
        dropped.insert(0, last)
    wanted = {column: _natural(column, rows) for column in kept}
    widths = {column: least[column] for column in kept}
    for group in ([c for c in kept if c not in layout.words], [c for c in kept if c in layout.words]):
        spare = width - sum(widths.values()) - _GAP * (len(kept) - 1)
        _widen(widths, wanted, group, spare)
    return _Fitted(widths, tuple(dropped))


def _widen(widths: dict[str, int], wanted: Mapping[str, int], group: Sequence[str], spare: int) -> None:
    """Give what is spare to the columns of the group, each time to the one that would be wrapped most."""
    for _ in range(spare):
        narrow = [column for column in group if widths[column] < wanted[column]]
        if not narrow:
            return
        widths[max(narrow, key=lambda column: wanted[column] / widths[column])] += 1


def _least(column: str, rows: Sequence[Mapping[str, str]], layout: Layout) -> int:
    header = max((cell_len(word) for word in column.split()), default=0)
    if column not in layout.words:
        return max(header, _longest(row[column] for row in rows))
    words = _longest(word for row in rows for word in row[column].split())
    return max(header, words, min(_natural(column, rows), _COMFORT))


def _natural(column: str, rows: Sequence[Mapping[str, str]]) -> int:
    return max(cell_len(column), _longest(row[column] for row in rows))


def _longest(texts: Any) -> int:
    return max((cell_len(line) for text in texts for line in text.split("\n")), default=0)


def _join(
    columns: Sequence[str], rows: Sequence[Mapping[str, str]], layout: Layout
) -> tuple[list[str], list[dict[str, str]], Layout]:
    """The table with one column in place of those that may be joined; a value that is not there is left out."""
    joined = [column for column in columns if column in layout.joined]
    made = [
        {**row, _JOINED: ", ".join(f"{column}={row[column]}" for column in joined if row[column] != "-")}
        for row in rows
    ]
    keep = (*(column for column in layout.keep if column not in joined), _JOINED)
    rest = [column for column in columns if column not in joined]
    return [*rest, _JOINED], made, Layout(keep, (*layout.words, _JOINED), (), layout.elsewhere)


def _stacked(columns: Sequence[str], rows: Sequence[Mapping[str, str]], styles: Sequence[str]) -> RenderableType:
    lines = list[Text]()
    for i, row in enumerate(rows):
        style = styles[i] if styles else ""
        lines += [Text(f"{column}: {row[column]}", style=style, overflow="fold") for column in columns]
        lines.append(Text(""))
    return Group(*lines[:-1])
