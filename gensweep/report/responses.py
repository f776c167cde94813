"""Charts of what was searched: the score against each axis, all axes at once, and how much each matters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from gensweep.comparison.collect import Trials
from gensweep.report.content import Table
from gensweep.report.drawing import Chart, categories, dots, figure, label, line, logarithm, scored, told
from gensweep.report.palette import GRID, MUTED, Style
from gensweep.report.scales import Scale, item, placed
from gensweep.report.series import Row, edge, is_wide, known_score, score, searched
from gensweep.text import counted, number

_UNITS = {"latent_size": "dimensions", "epochs": "epochs", "batch_size": "items"}
_AMONG_THE_BEST = 4  # one in so many trials of an arm is drawn strong
_ABSENT = -0.14  # where a line stands on an axis that its trial does not have


def response(table: Trials, scale: Scale, look: Mapping[str, Style]) -> Chart | None:
    """The score of each trial against one searched axis; trials without a score are crosses at the edge."""
    found = placed(table, scale)
    values = [value for _, _, value in found if value is not None]
    if not values:
        return None
    shown = figure(_titled(scale), scored("validation", table.objective))
    shown.update_layout(showlegend=False, margin={"t": 8})  # the page names the arms once for these
    beyond = edge(values, is_min=table.objective.mode == "min")
    for arm, style in look.items():
        own = [each for each in found if each[0]["arm"] == arm]
        known = [(row, x, value) for row, x, value in own if value is not None]
        lost = [(row, x) for row, x, value in own if value is None]
        if known:
            said = [_said(row, scale, table) for row, _, _ in known]
            shown.add_trace(dots(style, arm, [x for _, x, _ in known], [value for _, _, value in known], said))
        if lost:
            cross = {"symbol": "x-thin", "size": 9, "line": {"width": 2, "color": style.colour}}
            said = [_said(row, scale, table) for row, _ in lost]
            shown.add_trace(
                dots(style, arm, [x for _, x in lost], [beyond] * len(lost), said, marker=cross, showlegend=not known)
            )
    _lay_out(shown, scale, [x for _, x, _ in found], values)
    n_lost = len(found) - len(values)
    crosses = f" Crosses at the edge: {counted(n_lost, 'trial')} without a score." if n_lost else ""
    return Chart(
        f"Response to {scale.column}",
        f"{_HOW[scale.kind]} {counted(len(values), 'trial')} of the search.{crosses}",
        _spoken(scale, found, table),
        shown,
        height=320,
    )


_HOW = {
    "log": "On a logarithm, as it was searched.",
    "linear": "As it was searched, from one end of its range to the other.",
    "category": "A choice; dots are spread a little to lie apart.",
}


def parallel(table: Trials, scales: Sequence[Scale], look: Mapping[str, Style]) -> Chart | None:
    """Each trial as a line over all that was searched, to its score; the best quarter of each arm strong."""
    rows = [row for row in searched(table) if score(row, table.objective) is not None]
    if not rows or not scales:
        return None
    values = [known_score(row, table.objective) for row in rows]
    final = Scale(table.objective.metric, "log" if is_wide(values) else "linear")
    axes = [*scales, final]
    shown = figure("", "")
    shown.update_layout(hovermode="closest", margin={"l": 24, "r": 24})
    for arm, style in look.items():
        own = sorted(
            (row for row in rows if row["arm"] == arm),
            key=lambda row: table.objective.loss(known_score(row, table.objective)),
        )
        n_strong = math.ceil(len(own) / _AMONG_THE_BEST)
        for part, is_strong in ((own[n_strong:], False), (own[:n_strong], True)):
            if part:
                shown.add_trace(_lines(part, axes, rows, (style, arm), is_strong=is_strong))
    _ticks(shown, axes, rows)
    return Chart(
        "All that was searched, together",
        "Each line is a trial, from axis to axis to its score at the right; the best quarter of each arm is strong. Below an "
        "axis, at the dash: the trial's arm does not have it.",
        f"{counted(len(rows), 'trial')} over {', '.join(label(axis.column) for axis in axes)}; the table of all trials has "
        "every value.",
        shown,
        height=440,
        is_wide=True,
        min_width=90 * len(axes),
    )


def importances(arm: str, shares: Mapping[str, float], style: Style, n_trials: int) -> Chart:
    """How much of the spread of an arm's scores each axis explains."""
    ordered = sorted(shares.items(), key=lambda pair: pair[1])
    shown = figure("share of the explained variance of the score", "")
    names, values = [name for name, _ in ordered], [value for _, value in ordered]
    said = [told({"axis": name, "share": number(value, 3)}) for name, value in ordered]
    shown.add_trace(
        go.Bar(
            x=values, y=list(range(len(names))), orientation="h", marker={"color": style.colour}, text=said, textposition="none",
            hovertemplate="%{text}<extra></extra>", name=label(arm), meta={"arm": style.index}, showlegend=False,
        )
    )  # fmt: skip
    shown.update_yaxes(**categories(names, is_x=False))
    shown.update_xaxes(range=[0, 1])
    rows = [{"axis": name, "share": number(value, 3)} for name, value in reversed(ordered)]
    title = f"What mattered in {arm}"
    return Chart(
        title,
        f"By fANOVA on {counted(n_trials, 'trial')} of the search that trained to their end. This explores: the search chose "
        "where to look, and no verdict rests on it.",
        "; ".join(f"{label(row['axis'])} {row['share']}" for row in rows),
        shown,
        Table(title, rows),
        height=130 + 34 * len(names),
    )


def _lay_out(shown: go.Figure, scale: Scale, x: Sequence[float], values: Sequence[float]) -> None:
    if scale.kind == "category":
        shown.update_xaxes(**categories(scale.categories, is_x=True))
    elif scale.kind == "log":
        shown.update_xaxes(**logarithm(x))
    if is_wide(values):
        shown.update_yaxes(**logarithm(values))


def _titled(scale: Scale) -> str:
    unit = _UNITS.get(scale.column.rsplit(".", 1)[-1])
    name = "λ (lambda)" if scale.column == "lambda" else label(scale.column)
    return f"{name}, {unit}" if unit else name


def _said(row: Row, scale: Scale, table: Trials) -> str:
    value = score(row, table.objective)
    return told({
        "trial": row["number"], "arm": row["arm"], scale.column: item(row[scale.column]),
        table.objective.metric: row["outcome"].lower() if value is None else number(value),
    })  # fmt: skip


def _spoken(scale: Scale, placed: Sequence[tuple[Row, float, float | None]], table: Trials) -> str:
    known = [(row, value) for row, _, value in placed if value is not None]
    best, value = min(known, key=lambda pair: table.objective.loss(pair[1]))
    return (
        f"The best score, {number(value)}, is at {label(scale.column)} = {label(item(best[scale.column]))}, of "
        f"{label(best['arm'])}, trial {best['number']}"
    )


def _lines(
    part: Sequence[Row], axes: Sequence[Scale], rows: Sequence[Row], of: tuple[Style, str], *, is_strong: bool
) -> go.Scatter:
    style, arm = of
    x: list[int | None] = []
    y: list[float | None] = []
    said: list[str] = []
    for row in part:
        facts = {"trial": row["number"], "arm": arm}
        facts |= {axis.column: item(row[axis.column]) for axis in axes if row.get(axis.column) is not None}
        x += [*range(len(axes)), None]
        y += [*(_height(axis, row, rows) for axis in axes), None]
        said += [*[told(facts)] * len(axes), ""]
    look = {"width": 2.5 if is_strong else 1, "dash": "solid"}
    more = {"mode": "lines+markers", "marker": {"symbol": style.symbol, "size": 6 if is_strong else 3}, "text": said}
    strength = {"opacity": 0.95 if is_strong else 0.4, "showlegend": is_strong}
    return line(style, arm, x, y, line=look, hovertemplate="%{text}<extra></extra>", **more, **strength)


def _height(axis: Scale, row: Row, rows: Sequence[Row]) -> float:
    """Where a trial stands on an axis, from 0 at its lower end to 1."""
    place = axis.place(row.get(axis.column), int(row["number"]))
    return _ABSENT if place is None else _part(axis, place, rows)


def _part(axis: Scale, place: float, rows: Sequence[Row]) -> float:
    low, high = _ends(axis, rows)
    if axis.kind == "log":
        low, high, place = math.log(low), math.log(high), math.log(place)
    return 0.5 if high == low else (place - low) / (high - low)


def _ends(axis: Scale, rows: Sequence[Row]) -> tuple[float, float]:
    if axis.kind == "category":
        return -0.5, len(axis.categories) - 0.5
    places = [place for row in rows if (place := axis.place(row.get(axis.column), 0)) is not None]
    return (min(places), max(places)) if places else (1.0, 1.0)


def _ticks(shown: go.Figure, axes: Sequence[Scale], rows: Sequence[Row]) -> None:
    """The names of the axes below them, and at each its ends or its choices."""
    shown.update_xaxes(
        tickmode="array", tickvals=list(range(len(axes))), ticktext=[label(axis.column, 20) for axis in axes],
        tickangle=0 if len(axes) < 5 else 25, gridcolor=MUTED, showline=False, range=[-0.3, len(axes) - 0.7], ticks="",
    )  # fmt: skip
    shown.update_yaxes(visible=False, range=[_ABSENT - 0.06, 1.1], gridcolor=GRID)
    for place, axis in enumerate(axes):
        for height, text in _marks(axis, rows):
            shown.add_annotation(
                x=place, y=height, text=text, showarrow=False, xanchor="left", xshift=4, font={"size": 11}, opacity=0.85
            )  # fmt: skip


def _marks(axis: Scale, rows: Sequence[Row]) -> list[tuple[float, str]]:
    absent = [(_ABSENT, "–")] if any(axis.place(row.get(axis.column), 0) is None for row in rows) else []
    if axis.kind == "category":
        return [*absent, *((_part(axis, i, rows), label(text, 16)) for i, text in enumerate(axis.categories))]
    low, high = _ends(axis, rows)
    middle = math.sqrt(low * high) if axis.kind == "log" else (low + high) / 2
    marks = (low, middle, high) if high > low else (low,)
    return [*absent, *((_part(axis, place, rows), number(float(place), 3)) for place in marks)]
