"""What each figure shows, on Matplotlib's axes: the series of the page's charts, and the best of k."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from gensweep.comparison.collect import Trials
from gensweep.comparison.confirmation import Confirmation
from gensweep.report.critics import Curves
from gensweep.report.manifolds import Manifold
from gensweep.report.palette import COLOURS, INK, Style
from gensweep.report.scales import Scale, placed
from gensweep.report.series import (
    Budgets,
    Seeds,
    Training,
    band,
    cost,
    front,
    incumbents,
    is_wide,
    known_score,
    score,
    searched,
    seeds,
    trainings,
)
from gensweep.text import printable

Look = Mapping[str, Style]


def confirmed(axes: Axes, table: Trials, found: Confirmation, look: Look) -> None:
    """Every seed of each confirmed arm as a dot, the best arm at the top."""
    groups = list(reversed(seeds(table, found)))
    edge = _edge(table)
    for place, group in enumerate(groups):
        heights = _spread(place, len(group.scores) + len(group.diverged))
        _interval(axes, place, group, look[group.arm])
        values = [value for _, value in group.scores]
        _dots(axes, values, heights[: len(values)], look[group.arm])
        lost = heights[len(values) :]
        _crosses(axes, [edge] * len(lost), lost, look[group.arm], transform=axes.get_yaxis_transform())
    axes.set_yticks(range(len(groups)), [_text(group.arm) for group in groups])
    axes.set_ylim(-0.6, len(groups) - 0.4)
    axes.set_xlabel(f"test {_metric(table)}, one dot a seed")
    _log_if(is_wide([value for group in groups for _, value in group.scores]), axes, "x")


def _interval(axes: Axes, place: float, group: Seeds, style: Style) -> None:
    if group.low is not None and group.high is not None and math.isfinite(group.high - group.low):
        axes.plot([group.low, group.high], [place, place], color=_colour(style), linewidth=4, alpha=0.35)
    if group.centre is not None:
        axes.plot([group.centre, group.centre], [place - 0.3, place + 0.3], color="black", linewidth=1.4)


def best_of(axes: Axes, table: Trials, found: Sequence[Budgets], look: Look) -> None:
    """The median of the best of k with its interval, where that is bounded: an open band would hide the others."""
    for each in found:
        style = look[each.arm]
        axes.plot(each.k, each.middle, **_line(style), label=_text(each.arm))
        inside = [math.isfinite(low) and math.isfinite(high) for low, high in zip(each.low, each.high, strict=True)]
        low, high = ([end if math.isfinite(end) else 0.0 for end in ends] for ends in (each.low, each.high))
        axes.fill_between(each.k, low, high, where=inside, color=_colour(style), alpha=0.15, linewidth=0)
    axes.set_xlabel("k: trials of a search")
    axes.set_ylabel(f"median best {_metric(table)}")
    _whole_numbers(axes)
    _log_if(is_wide([value for each in found for value in each.middle]), axes, "y")


def best_so_far(axes: Axes, table: Trials, look: Look, *, by_seconds: bool) -> None:
    """The incumbent of each arm after each of its trials, or after the seconds that they took."""
    found = incumbents(table)
    for each in found:
        style = look[each.arm]
        x = each.seconds if by_seconds else each.trials
        axes.step(x, each.scores, where="post", color=_colour(style), linestyle=style.line, label=_text(each.arm))
        axes.plot(x, each.scores, color=_colour(style), marker=style.marker, markersize=3, linestyle="none")
    axes.set_xlabel("seconds of training and evaluation" if by_seconds else "trials of the arm")
    axes.set_ylabel(f"best {_metric(table)} so far")
    if not by_seconds:
        _whole_numbers(axes)
    _log_if(is_wide([value for each in found for value in each.scores]), axes, "y")


def quality_and_cost(axes: Axes, table: Trials, look: Look) -> None:
    """Each trial of the search by what it took and its score, and the front of those that none betters at their cost."""
    scored = [row for row in searched(table) if score(row, table.objective) is not None]
    values = {id(row): known_score(row, table.objective) for row in scored}
    best = front(table)
    axes.step(
        [cost(row) for row in best], [values[id(row)] for row in best], where="post", color="black", linestyle=":"
    )
    for arm, style in look.items():
        own = [row for row in scored if row["arm"] == arm]
        _dots(axes, [cost(row) for row in own], [values[id(row)] for row in own], style, arm)
    axes.set_xlabel("seconds of training and evaluation")
    axes.set_ylabel(f"validation {_metric(table)}")
    _log_if(is_wide([cost(row) for row in scored]), axes, "x")
    _log_if(is_wide(list(values.values())), axes, "y")


def training_of_seeds(axes: Axes, table: Trials, found: Confirmation, look: Look) -> None:
    """The objective at each epoch of every confirmed seed, with the range of each arm's."""
    rows = [row for row in table.rows if row["parent"] in map(found.number, found.chosen)]
    _training(axes, table, trainings(rows, table.objective), look, quartiles=False)


def training_of_search(axes: Axes, table: Trials, look: Look) -> None:
    """The objective at each epoch of every trial of the search, with each arm's quartiles."""
    _training(axes, table, trainings(searched(table), table.objective), look, quartiles=True)


def _training(axes: Axes, table: Trials, found: Sequence[Training], look: Look, *, quartiles: bool) -> None:
    for arm in dict.fromkeys(training.arm for training in found):
        own, style = [training for training in found if training.arm == arm], look[arm]
        for training in own:
            x, y = zip(*training.points, strict=True)
            axes.plot(x, y, color=_colour(style), alpha=0.4, linewidth=0.5, marker=".", markersize=2)
        middle = band(own, quartiles=quartiles)
        axes.fill_between(middle.epochs, middle.low, middle.high, color=_colour(style), alpha=0.15, linewidth=0)
        axes.plot(middle.epochs, middle.middle, **_line(style), label=_text(arm))
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"validation {_metric(table)}")
    _whole_numbers(axes)
    _log_if(is_wide([value for training in found for _, value in training.points]), axes, "y")


def response(axes: Axes, table: Trials, scale: Scale, look: Look) -> None:
    """The score of each trial against one searched axis; trials without a score are crosses at the edge."""
    found, edge = placed(table, scale), _edge(table)
    for arm, style in look.items():
        own = [(x, value) for row, x, value in found if row["arm"] == arm]
        known = [(x, value) for x, value in own if value is not None]
        _dots(axes, [x for x, _ in known], [value for _, value in known], style, arm)
        lost = [x for x, value in own if value is None]
        _crosses(axes, lost, [edge] * len(lost), style, transform=axes.get_xaxis_transform())
    if scale.kind == "category":
        names = [_text(name) for name in scale.categories]
        axes.set_xticks(range(len(names)), names, rotation=20 if sum(map(len, names)) > 30 else 0)
        axes.set_xlim(-0.5, len(names) - 0.5)
    _log_if(scale.kind == "log", axes, "x")
    _log_if(is_wide([value for *_, value in found if value is not None]), axes, "y")
    axes.set_xlabel("λ" if scale.column == "lambda" else _text(scale.column))
    axes.set_ylabel(f"validation {_metric(table)}")


def critic(axes: Axes, arm: str, shown: Curves) -> None:
    """A trained critic and the best one over the densities of data and model, which have a scale of their own."""
    densities = axes.twinx()
    densities.set_axis_off()
    densities.set_ylim(0, 1.6 * max(*shown.data, *shown.model))
    axes.set_zorder(densities.get_zorder() + 1)
    axes.patch.set_visible(False)
    for density, colour, name in ((shown.data, "grey", "data p"), (shown.model, COLOURS[0], "model q")):
        densities.fill_between(shown.x, density, color=colour, alpha=0.25, linewidth=0)
        axes.fill_between([], [], color=colour, alpha=0.25, linewidth=0, label=name)
    axes.plot(shown.x, shown.best, color="black", linestyle="--", label="best critic")
    axes.plot(shown.x, shown.critic, color=COLOURS[1], label="trained critic")
    axes.set_xlim(shown.x[0], shown.x[-1])
    axes.set_ylim(shown.low, shown.high)
    axes.set_title(_text(arm), fontsize="medium")


def manifold(axes: Axes, arm: str, shown: Manifold) -> None:
    """The lines of a latent grid over data of a plane, and the critic's field behind them."""
    if (field := shown.field) is not None:
        x, y, values = (each.numpy() for each in (field.x, field.y, field.values))
        axes.contourf(x, y, values, levels=field.levels, extend="both", cmap="Greens", alpha=0.6, zorder=0)
    axes.scatter(
        shown.data[:, 0].numpy(), shown.data[:, 1].numpy(), s=4, color="grey", linewidths=0, alpha=0.6, zorder=1
    )
    for way, colour in zip(shown.lines, COLOURS, strict=False):
        for line in way:
            axes.plot(*line.T.numpy(), color=colour, linewidth=0.6, alpha=0.8)
    (left, low), (right, high) = shown.ends
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
    axes.set_aspect("equal")
    axes.set_title(_text(arm), fontsize="medium")


def _edge(table: Trials) -> float:
    """Where what has no score stands, as a share of the axes: at the worse end."""
    return 0.985 if table.objective.mode == "min" else 0.015


def _spread(place: float, n: int) -> list[float]:
    """So many heights around a place, so that dots lie apart."""
    return [place + 0.25 * (2 * (i * 0.618034 % 1) - 1) for i in range(n)]


def _dots(axes: Axes, x: Sequence[float], y: Sequence[float], style: Style, arm: str = "") -> None:
    if x:
        label = _text(arm) or None
        axes.scatter(x, y, s=13, color=_colour(style), marker=style.marker, linewidths=0, alpha=0.85, label=label)


def _crosses(axes: Axes, x: Sequence[float], y: Sequence[float], style: Style, **more: Any) -> None:
    axes.scatter(x, y, s=20, marker="x", color=_colour(style), **more)


def _line(style: Style) -> dict[str, Any]:
    return {"color": _colour(style), "linestyle": style.line, "marker": style.marker, "markersize": 2.5}


def _whole_numbers(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _log_if(is_log: bool, axes: Axes, which: str) -> None:
    if is_log:
        axis = axes.xaxis if which == "x" else axes.yaxis
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def _metric(table: Trials) -> str:
    return _text(table.objective.metric)


def _colour(style: Style) -> str:
    return "black" if style.colour == INK else style.colour


def _text(text: object) -> str:
    """A name in one line that is not endless."""
    line = " ".join(printable(str(text)).split())
    return line if len(line) <= 32 else f"{line[:31]}…"
