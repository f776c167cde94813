"""Figures: confirmed scores, what a budget buys, how the objective fell, and what was searched. PNG bytes, no display.

Colours are Okabe and Ito's, which colour-blind readers tell apart; groups differ in marker and line as well.
"""

from __future__ import annotations

import io
import logging
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from gensweep.comparison.collect import TEST, loss
from gensweep.comparison.compare import Comparison
from gensweep.comparison.confirmation import Confirmation
from gensweep.comparison.distributions import best_of_curve
from gensweep.comparison.intervals import Interval
from gensweep.comparison.search import Search

Row = Mapping[str, Any]
CAPTIONS = {
    "confirmed.png": "Each arm's best configuration on fresh seeds, scored on the test split: every seed as a dot, the "
    "centre and its 95 % interval as a bar; crosses at the edge are seeds that diverged.",
    "best_of_k.png": "The median of the best of k configurations drawn at random, with 95 % intervals, as far as the "
    "trials bound it. A line ends where so many may diverge.",
    "incumbent.png": "The best score so far on the validation split, over the trials of each group in their order. It is "
    "what the search met, and no estimate.",
    "curves.png": "The objective against the epoch: each trial (thin) and the median of its group (thick).",
    "axes.png": "The score of each trial against what was searched; crosses at the edge are trials without a score.",
}
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#A08C00")
_MARKERS = "osD^vPX*"
_LINES = ("-", "--", "-.", ":")
_DPI = 120
_FEWEST_POINTS = 2  # of a curve
_log = logging.getLogger(__name__)


def draw(comparison: Comparison) -> dict[str, bytes]:
    """File name -> PNG of every figure that these trials give."""
    rows, search, axes = comparison.searched, comparison.search, comparison.axes
    # a name is text, also one with two dollars, and one without glyphs is no reason to warn
    with rc_context({"text.parse_math": False}), warnings.catch_warnings(action="ignore", category=UserWarning):
        figures = {
            "confirmed.png": lambda: confirmed_figure(comparison.rows, search, comparison.confirmation),
            "best_of_k.png": lambda: best_of_figure(rows, search),
            "incumbent.png": lambda: incumbent_figure(rows, search),
            "curves.png": lambda: curves_figure(rows, search),
            "axes.png": lambda: axes_figure(rows, search, axes),
        }
        return {name: png for name, figure in figures.items() if (png := _drawn(name, figure)) is not None}


def _drawn(name: str, figure_of: Callable[[], Figure | None]) -> bytes | None:
    """The figure's PNG; None where there is none, or where its numbers go beyond what can be drawn."""
    try:
        figure = figure_of()
        return None if figure is None else _png(figure)
    except (ValueError, ArithmeticError) as error:  # the sum or the margin of scores near 1e308 is infinite
        _log.warning("the report goes without %s: its numbers cannot be drawn (%s)", name, error)
        return None


def confirmed_figure(rows: Sequence[Row], search: Search, found: Confirmation | None) -> Figure | None:
    """Every seed of each confirmed arm as a dot, the best arm first; None where nothing was confirmed."""
    if found is None or not found.verdict.arms:
        return None
    arms = found.verdict.arms
    figure, (axes, *_) = _figure(1, 1)
    styles = dict(_styles(search, [arm.name for arm in arms]))
    shown: list[float] = []
    for place, arm in enumerate(arms):
        scores = confirmed_scores(rows, arm.name, found)
        finite = [score for score in scores if math.isfinite(score)]
        shift = np.linspace(-0.12, 0.12, len(finite)) if len(finite) > 1 else np.zeros(len(finite))
        look = {"color": styles[arm.name]["color"], "marker": styles[arm.name]["marker"]}
        axes.scatter(place + shift, finite, s=30, alpha=0.8, linewidths=0, **look)
        centre = arm.median if found.verdict.statistic == "median" else arm.mean
        if centre is not None and arm.low is not None and arm.high is not None and math.isfinite(arm.high - arm.low):
            axes.errorbar(
                [place + 0.26],
                [centre],
                [[centre - arm.low], [arm.high - centre]],
                color=look["color"],
                marker="_",
                capsize=4,
            )
            shown += [arm.low, arm.high]
        edge = 0.98 if search.objective.better(0.0, 1.0) else 0.02
        lost = [place] * arm.diverged
        axes.scatter(
            lost, [edge] * len(lost), s=30, marker="x", color=look["color"], transform=axes.get_xaxis_transform()
        )
        shown += finite
    axes.set_xticks(range(len(arms)), [f"{arm.name}\n{arm.seeds} seeds" for arm in arms])
    axes.set_xlim(-0.5, len(arms) - 0.5)
    _scale_y(axes, shown)
    _label(axes, "", f"test {found.metric}")
    return figure


def confirmed_scores(rows: Sequence[Row], arm: str, found: Confirmation) -> list[float]:
    """The test scores of the confirmations of the trial that stands for an arm; infinite where one diverged."""
    parents = {row["trial"]: (row["sweep"], row["number"]) for row in rows}
    parent = parents.get(found.chosen[arm])
    own = [row for row in rows if row["parent"] is not None and (row["sweep"], row["parent"]) == parent]
    scores = [row.get(f"{TEST}{found.metric}") for row in own if row["outcome"] in ("COMPLETED", "DIVERGED")]
    return [math.inf if score is None else float(score) for score in scores]


def best_of_figure(rows: Sequence[Row], search: Search) -> Figure | None:
    """The median of the best of k; None where configurations were not drawn at random, or one is all that is known of."""
    if not search.k:
        return None
    figure, axes = _figure(1, 1)
    curves: list[list[Interval]] = []
    for group, style in _styles(search):
        own = [row for row in _finished(rows, group) if row["outcome"] in ("COMPLETED", "DIVERGED")]
        if next(each for each in search.groups if each.name == group).best_of is None:
            continue
        points = best_of_curve([loss(row, search.objective) for row in own], [_cost(row) for row in own])
        curves.append([point.best for point in points])
        _band(axes[0], [point.k for point in points], curves[-1], search, style)
    if all(len(curve) < _FEWEST_POINTS for curve in curves):
        return None
    axes[0].set_ylim(_limits(curves, search))
    _label(axes[0], "k: trials of a search", f"median best {search.objective.metric}")
    _whole_numbers(axes[0])
    _legend(figure, axes[0])
    return figure


def _cost(row: Row) -> float:
    return float(row["seconds"] + row["evaluation_seconds"])


def incumbent_figure(rows: Sequence[Row], search: Search) -> Figure | None:
    """The best score so far; None where configurations were drawn at random, or no group has two scores."""
    if search.k:
        return None
    figure, axes = _figure(1, 1)
    longest = 0
    for group, style in _styles(search):
        own = [row for row in _finished(rows, group) if row["outcome"] == "COMPLETED"]
        losses = np.minimum.accumulate([loss(row, search.objective) for row in own]) if own else np.array([])
        values = [search.objective.value(float(value)) for value in losses]
        longest = max(longest, len(values))
        axes[0].step(range(1, len(values) + 1), values, where="post", linewidth=2, **style)
    if longest < _FEWEST_POINTS:
        return None
    _label(axes[0], "trials that were trained to their end", f"best {search.objective.metric} so far")
    _whole_numbers(axes[0])
    _legend(figure, axes[0])
    return figure


def curves_figure(rows: Sequence[Row], search: Search) -> Figure | None:
    """The objective at each evaluation; None where no trial reported it."""
    figure, axes = _figure(1, 1)
    shown: list[float] = []
    for group, style in _styles(search):
        by_epoch: dict[int, list[float]] = {}
        for row in _of(rows, group):
            points = [(r.epoch, r.scores.get(search.objective.metric, math.nan)) for r in row["reports"]]
            axes[0].plot(*_columns(points), color=style["color"], alpha=0.25, linewidth=0.8)
            for epoch, value in points:
                if math.isfinite(value):
                    by_epoch.setdefault(epoch, []).append(value)
        medians = [(epoch, float(np.median(by_epoch[epoch]))) for epoch in sorted(by_epoch)]
        axes[0].plot(*_columns(medians), linewidth=2, **style)
        shown += [value for values in by_epoch.values() for value in values]
    if not shown:
        return None
    _scale_y(axes[0], shown)
    _label(axes[0], "epoch", search.objective.metric)
    _whole_numbers(axes[0])
    _legend(figure, axes[0])
    return figure


def axes_figure(rows: Sequence[Row], search: Search, names: Sequence[str]) -> Figure | None:
    """One panel a hyperparameter: a scatter for numbers, a strip for choices; None where nothing was searched."""
    finished = [row for row in rows if row["outcome"] != ""]
    names = [name for name in names if len({repr(row.get(name)) for row in finished if row.get(name) is not None}) > 1]
    if not names:
        return None
    columns = 2 if len(names) == 4 else min(3, len(names))
    figure, panels = _figure(math.ceil(len(names) / columns), columns)
    scores = [search.objective.value(c) for row in finished if math.isfinite(c := loss(row, search.objective))]
    for panel, name in zip(panels, names, strict=False):
        positions = _positions(panel, name, finished)
        _scale_y(panel, scores)
        for group, style in _styles(search):
            _scatter(
                panel,
                [(positions[id(row)], row) for row in finished if row["group"] == group and id(row) in positions],
                search,
                style,
            )
        _label(panel, name, search.objective.metric)
    for panel in panels[len(names) :]:
        panel.set_visible(False)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(4, len(labels)), frameon=False)
    return figure


def _band(axes: Axes, budgets: Sequence[int], curve: Sequence[Interval], search: Search, style: dict[str, Any]) -> None:
    """The line where it is finite, and its band where both ends are: an open band would hide the others."""
    values, low, high = (
        np.array([search.objective.value(getattr(point, end)) for point in curve]) for end in ("value", "low", "high")
    )
    finite, inside = np.isfinite(values), np.isfinite(values) & np.isfinite(low) & np.isfinite(high)
    axes.plot(np.array(budgets)[finite], values[finite], linewidth=2, **style)
    low, high = np.where(inside, low, 0), np.where(inside, high, 0)
    axes.fill_between(budgets, low, high, where=inside, color=style["color"], alpha=0.15, linewidth=0)


def _limits(curves: Iterable[Sequence[Interval]], search: Search) -> tuple[float, float] | None:
    """The vertical limits that show every finite point and end."""
    ends = [search.objective.value(end) for curve in curves for p in curve for end in (p.value, p.low, p.high)]
    finite = [end for end in ends if math.isfinite(end)]
    if not finite:
        return None
    margin = 0.05 * (max(finite) - min(finite)) or 0.05 * abs(max(finite)) or 1.0
    return min(finite) - margin, max(finite) + margin


def _positions(panel: Axes, name: str, rows: Sequence[Row]) -> dict[int, float]:
    """Where each row stands on the panel's horizontal axis; numbers on a logarithm where they span two decades."""
    present = [row for row in rows if row.get(name) is not None]
    values = [row[name] for row in present]
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if numeric and len(set(values)) > 6:
        if min(values) > 0 and max(values) / min(values) > 50:
            panel.set_xscale("log")
            _plain_numbers(panel.xaxis)
        return {id(row): float(row[name]) for row in present}
    kinds = sorted(set(values)) if numeric else sorted({str(value) for value in values})
    panel.set_xticks(range(len(kinds)), [str(kind) for kind in kinds])
    panel.set_xlim(-0.5, len(kinds) - 0.5)
    if max(len(str(kind)) for kind in kinds) * len(kinds) > 28:
        for label in panel.get_xticklabels():
            label.set(rotation=20, horizontalalignment="right")
    jitter = np.random.default_rng(0).uniform(-0.18, 0.18, len(present))
    return {
        id(row): kinds.index(row[name] if numeric else str(row[name])) + shift
        for row, shift in zip(present, jitter, strict=True)
    }


def _scatter(panel: Axes, placed: Sequence[tuple[float, Row]], search: Search, style: dict[str, Any]) -> None:
    group, marker, colour = style["label"], style["marker"], style["color"]
    losses = [(x, loss(row, search.objective)) for x, row in placed]
    scored = [(x, search.objective.value(c)) for x, c in losses if math.isfinite(c)]
    panel.scatter(*_columns(scored), s=26, marker=marker, color=colour, alpha=0.8, label=group, linewidths=0)
    edge = 0.98 if search.objective.better(0.0, 1.0) else 0.02
    lost = [(x, edge) for x, c in losses if not math.isfinite(c)]
    panel.scatter(*_columns(lost), s=30, marker="x", color=colour, transform=panel.get_xaxis_transform())


def _plain_numbers(axis: Axis) -> None:
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _scale_y(axes: Axes, values: Sequence[float]) -> None:
    if values and min(values) > 0 and max(values) / min(values) > 20:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        _plain_numbers(axes.yaxis)


def _styles(search: Search, also: Sequence[str] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every group with its own colour, marker and line, in the order of their names: a later sweep keeps them."""
    for i, name in enumerate(sorted({*(group.name for group in search.groups), *also})):
        yield (
            name,
            {
                "color": _COLOURS[i % len(_COLOURS)],
                "marker": _MARKERS[(i + i // len(_COLOURS)) % len(_MARKERS)],
                "linestyle": _LINES[i // len(_COLOURS) % len(_LINES)],
                "label": name,
            },
        )


def _of(rows: Sequence[Row], group: str) -> list[Row]:
    return [row for row in rows if row["group"] == group]


def _finished(rows: Sequence[Row], group: str) -> list[Row]:
    return [row for row in _of(rows, group) if row["outcome"] != ""]


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _figure(rows: int, columns: int) -> tuple[Figure, list[Axes]]:
    """A figure without pyplot, which would keep every figure and look for a display."""
    size = (7.0, 4.4) if rows == columns == 1 else (4.0 * columns, 0.5 + 3.2 * rows)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(alpha=0.25, linewidth=0.6)
    return figure, panels


def _legend(figure: Figure, axes: Axes) -> None:
    """Within the panel where it is small, else beside it."""
    if len(axes.get_legend_handles_labels()[1]) <= 5:
        axes.legend(frameon=False)
    else:
        figure.legend(loc="outside right upper", frameon=False)


def _label(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def _whole_numbers(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _png(figure: Figure) -> bytes:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=_DPI)
    return data.getvalue()
