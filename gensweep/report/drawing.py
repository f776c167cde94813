"""What every chart of the page has: a title, a caption, the same in words, its numbers, and Plotly's figure."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from gensweep.objective import Objective
from gensweep.report.content import Table
from gensweep.report.palette import GRID, INK, MUTED, Style
from gensweep.text import printable

_LONGEST = 48  # characters of a name or a reason in a chart
_CLEAR = "rgba(0,0,0,0)"
_COUNTED = 12  # the most that are each a tick
_DECADE = 8  # the ratio up to which Plotly finds ticks enough itself
_DECADES = 300  # the ratio from which on 1, 10, 100 are ticks enough
_AXIS = {
    "gridcolor": GRID, "linecolor": MUTED, "zeroline": False, "showline": True, "ticks": "outside", "tickcolor": MUTED,
    "automargin": True, "exponentformat": "power",
}  # fmt: skip
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"


@dataclass(frozen=True)
class Chart:
    """A figure of the page. `alternative` says in words what it shows; `numbers`, where given, are what it is drawn of.

    `height` and `min_width` are in pixels of the page; a narrower one scrolls the figure in its box. `is_wide`: it takes a
    whole row.
    """

    title: str
    caption: str
    alternative: str
    figure: go.Figure
    numbers: Table | None = None
    height: int = 380
    is_wide: bool = False
    min_width: int = 0


def label(text: object, longest: int = _LONGEST) -> str:
    """Text for a figure, which shows it as it is: Plotly reads tags and links in every text.

    >>> label("<a href='http://x'>wae</a>")
    '&lt;a href=&#x27;http://x&#x27;&gt;wae&lt;/a&gt;'
    """
    line = " ".join(printable(str(text)).split())
    line = line if len(line) <= longest else f"{line[: longest - 1]}…"
    return html.escape(line).replace("%{", "%&#123;")


def figure(x: str, y: str) -> go.Figure:
    """An empty figure with these words, units among them, on its axes; colours are those that the page replaces."""
    shown = go.Figure()
    shown.update_layout(
        template=None,
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        font={"family": _FONT, "size": 13, "color": INK},
        margin={"l": 64, "r": 12, "t": 28, "b": 56},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "bgcolor": _CLEAR},
        hoverlabel={"font": {"family": _FONT, "size": 13}, "namelength": -1},
        hovermode="closest",
    )
    shown.update_xaxes(title={"text": x}, **_AXIS)
    shown.update_yaxes(title={"text": y}, **_AXIS)
    return shown


def logarithm(values: Sequence[float]) -> dict[str, Any]:
    """A logarithmic axis for these values; ticks are written out, 0.1 and 100 and not 10 to a power."""
    ratio = max(values) / min(values)
    ticks = {"dtick": 1 if ratio > _DECADES else "D2"} if ratio > _DECADE else {"nticks": 6}
    return {"type": "log", "tickformat": "~g", **ticks}


def whole(values: Sequence[int]) -> dict[str, Any]:
    """An axis of counts from 1 on, with no tick between them."""
    most = max(values)
    ticks = {"tick0": 1, "dtick": 1} if most <= _COUNTED else {"tickformat": ",d"}
    return {**ticks, "range": [1 - 0.04 * most, most + 0.04 * most]}


def categories(names: Sequence[str], *, is_x: bool) -> dict[str, Any]:
    """The ticks of an axis whose places are these names."""
    longest = max((len(name) for name in names), default=0)
    return {
        "tickmode": "array",
        "tickvals": list(range(len(names))),
        "ticktext": [label(name, 24) for name in names],
        "range": [-0.5, len(names) - 0.5],
        "tickangle": -30 if is_x and longest * len(names) > 36 else 0,
    }


def dots(style: Style, name: str, x: Sequence[Any], y: Sequence[Any], told: Sequence[str], **more: Any) -> go.Scatter:
    """An arm's points, each with what is told of it."""
    marker = {"color": style.colour, "symbol": style.symbol, "size": 8, "line": {"width": 0}} | more.pop("marker", {})
    return go.Scatter(
        x=list(x), y=list(y), mode="markers", text=list(told), hovertemplate="%{text}<extra></extra>", marker=marker,
        **_named(style, name), **more,
    )  # fmt: skip


def line(style: Style, name: str, x: Sequence[Any], y: Sequence[Any], **more: Any) -> go.Scatter:
    """An arm's line."""
    look = {"color": style.colour, "dash": style.dash, "width": 2} | more.pop("line", {})
    return go.Scatter(x=list(x), y=list(y), **{"mode": "lines", "line": look, **_named(style, name), **more})


def area(style: Style, name: str, x: Sequence[Any], low: Sequence[float], high: Sequence[float]) -> go.Scatter:
    """What lies between two lines, light."""
    return go.Scatter(
        x=[*x, *reversed(x)], y=[*high, *reversed(low)], mode="lines", line={"width": 0, "color": style.colour},
        fill="toself", fillcolor=style.colour, opacity=0.18, hoverinfo="skip", **(_named(style, name) | {"showlegend": False}),
    )  # fmt: skip


def _named(style: Style, name: str) -> dict[str, Any]:
    """Which arm a trace is of: the page shows and hides all of an arm together."""
    return {"name": label(name), "legendgroup": str(style.index), "meta": {"arm": style.index}}


def scored(what: str, objective: Objective, *, upright: bool = True) -> str:
    """The objective with what is better, for the words of an axis; on an upright one in two lines, for it is short."""
    better = f"({'less' if objective.mode == 'min' else 'more'} is better)"
    return f"{what} {label(objective.metric)}{'<br>' if upright else ' '}{better}"


def told(facts: Mapping[str, object]) -> str:
    """What is said of a point: a line a fact."""
    return "<br>".join(f"{label(name)}: {label(value)}" for name, value in facts.items())


def file_name(text: str) -> str:
    """A stranger's name of a column as part of a file's."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in text)[:40]
