"""The charts of a page as PDF for a paper, drawn by Matplotlib from the same series: a column wide, text as text."""

from __future__ import annotations

import io
import logging
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from gensweep.comparison.collect import Trials
from gensweep.comparison.confirmation import Confirmation
from gensweep.ledger.durable import make_directory, write_atomic
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.report.content import Content
from gensweep.report.palette import INK, Style, styles
from gensweep.report.scales import Scale, scales, sweep_of
from gensweep.report.series import (
    Training,
    arms_of,
    band,
    cost,
    front,
    incumbents,
    is_wide,
    score,
    searched,
    seeds,
    trainings,
)
from gensweep.text import printable

_COLUMN, _HEIGHT = 3.4, 2.4  # inches: a column of a paper in two
_LOOK = {
    "text.parse_math": False, "font.size": 8, "axes.linewidth": 0.6, "lines.linewidth": 1.2, "pdf.fonttype": 42,
    "legend.frameon": False, "legend.fontsize": 7, "legend.columnspacing": 1.0,
    "xtick.major.width": 0.6, "ytick.major.width": 0.6,
}  # fmt: skip
_log = logging.getLogger(__name__)
Look = Mapping[str, Style]


def write(folder: SweepFolder, content: Content, destination: Path) -> list[Path]:
    """Write one PDF a figure into `destination`, and return their paths: none where no trial has a score.

    Raises:
        OSError: as it came.
    """
    make_directory(destination)
    paths = []
    for name, data in drawn(folder, content).items():
        write_atomic(destination / name, data, fsync=False)
        paths.append(destination / name)
    return paths


def drawn(folder: SweepFolder, content: Content) -> dict[str, bytes]:
    """File name -> PDF of every figure that the content gives. The same content gives the same bytes."""
    table, found = content.trials, content.confirmation
    look = styles(arms_of(table))
    made: dict[str, Callable[[Axes], None]] = {}
    if found:
        made["confirmed"] = lambda axes: _confirmed(axes, table, found, look)
        made["training_of_seeds"] = lambda axes: _seeds_training(axes, table, found, look)
    if incumbents(table):
        made["best_over_trials"] = lambda axes: _incumbents(axes, table, look, by_seconds=False)
        made["best_over_cost"] = lambda axes: _incumbents(axes, table, look, by_seconds=True)
        made["quality_and_cost"] = lambda axes: _front(axes, table, look)
        made["training_of_search"] = lambda axes: _search_training(axes, table, look)
        for number, scale in enumerate(scales(table, sweep_of(folder))):
            made[f"response_{number}_{_file_name(scale.column)}"] = _response_of(table, scale, look)
    with rc_context(_LOOK), warnings.catch_warnings(action="ignore"):
        figures = {f"{name}.pdf": _pdf(name, draw) for name, draw in made.items()}
    return {name: data for name, data in figures.items() if data is not None}


def _pdf(name: str, draw: Callable[[Axes], None]) -> bytes | None:
    figure = Figure(figsize=(_COLUMN, _HEIGHT), layout="constrained")
    FigureCanvasPdf(figure)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.5)
    data = io.BytesIO()
    try:
        draw(axes)
        handles, labels = axes.get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside upper center", ncols=min(3, len(labels)), handlelength=1.6)
        figure.savefig(data, format="pdf", metadata={"CreationDate": None, "Creator": "gensweep"})
    except (ValueError, ArithmeticError) as error:  # the margin of scores near 1e308 is infinite
        _log.warning("the figure %s cannot be drawn (%s)", name, error)
        return None
    return data.getvalue()


def _confirmed(axes: Axes, table: Trials, found: Confirmation, look: Look) -> None:
    groups = list(reversed(seeds(table, found)))
    edge = 0.985 if table.objective.mode == "min" else 0.015
    for place, group in enumerate(groups):
        style = look[group.arm]
        n = len(group.scores) + len(group.diverged)
        heights = [place + 0.25 * (2 * (i * 0.618034 % 1) - 1) for i in range(n)]
        if group.low is not None and group.high is not None and math.isfinite(group.high - group.low):
            axes.plot([group.low, group.high], [place, place], color=_colour(style), linewidth=4, alpha=0.35)
        values = [value for _, value in group.scores]
        axes.scatter(values, heights[: len(values)], s=14, color=_colour(style), marker=style.marker, linewidths=0)
        if group.centre is not None:
            axes.plot([group.centre, group.centre], [place - 0.3, place + 0.3], color="black", linewidth=1.4)
        lost = heights[len(values) :]
        axes.scatter(
            [edge] * len(lost), lost, s=20, marker="x", color=_colour(style), transform=axes.get_yaxis_transform()
        )
    axes.set_yticks(range(len(groups)), [_text(group.arm) for group in groups])
    axes.set_ylim(-0.6, len(groups) - 0.4)
    axes.set_xlabel(f"test {_metric(table)}, one dot a seed")
    values = [value for group in groups for _, value in group.scores]
    _log_if(is_wide(values), axes, "x")


def _incumbents(axes: Axes, table: Trials, look: Look, *, by_seconds: bool) -> None:
    found = incumbents(table)
    for each in found:
        style = look[each.arm]
        x = each.seconds if by_seconds else each.trials
        axes.step(x, each.scores, where="post", color=_colour(style), linestyle=style.line, label=_text(each.arm))
        axes.plot(x, each.scores, color=_colour(style), marker=style.marker, markersize=3, linestyle="none")
    axes.set_xlabel("seconds of training and evaluation" if by_seconds else "trials of the arm")
    axes.set_ylabel(f"best {_metric(table)} so far")
    if not by_seconds:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _log_if(is_wide([value for each in found for value in each.scores]), axes, "y")


def _front(axes: Axes, table: Trials, look: Look) -> None:
    scored = [row for row in searched(table) if score(row, table.objective) is not None]
    values = {id(row): float(score(row, table.objective) or 0.0) for row in scored}
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


def _seeds_training(axes: Axes, table: Trials, found: Confirmation, look: Look) -> None:
    rows = [row for row in table.rows if row["parent"] in map(found.number, found.chosen)]
    _training(axes, table, trainings(rows, table.objective), look, quartiles=False)


def _search_training(axes: Axes, table: Trials, look: Look) -> None:
    _training(axes, table, trainings(searched(table), table.objective), look, quartiles=True)


def _training(axes: Axes, table: Trials, found: Sequence[Training], look: Look, *, quartiles: bool) -> None:
    for arm in dict.fromkeys(training.arm for training in found):
        own, style = [training for training in found if training.arm == arm], look[arm]
        for training in own:
            x, y = zip(*training.points, strict=True)
            axes.plot(x, y, color=_colour(style), alpha=0.4, linewidth=0.5, marker=".", markersize=2)
        middle = band(own, quartiles=quartiles)
        axes.fill_between(middle.epochs, middle.low, middle.high, color=_colour(style), alpha=0.15, linewidth=0)
        axes.plot(
            middle.epochs,
            middle.middle,
            color=_colour(style),
            linestyle=style.line,
            marker=style.marker,
            markersize=2.5,
            label=_text(arm),
        )
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"validation {_metric(table)}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _log_if(is_wide([value for training in found for _, value in training.points]), axes, "y")


def _response_of(table: Trials, scale: Scale, look: Look) -> Callable[[Axes], None]:
    return lambda axes: _response(axes, table, scale, look)


def _response(axes: Axes, table: Trials, scale: Scale, look: Look) -> None:
    placed = [
        (row, x, value)
        for index, row in enumerate(row for row in searched(table) if row["outcome"])
        if (x := scale.place(row.get(scale.column), index)) is not None
        and (value := score(row, table.objective)) is not None
    ]
    for arm, style in look.items():
        own = [(x, value) for row, x, value in placed if row["arm"] == arm]
        _dots(axes, [x for x, _ in own], [value for _, value in own], style, arm)
    if scale.kind == "category":
        names = [_text(name) for name in scale.categories]
        axes.set_xticks(range(len(names)), names, rotation=20 if sum(map(len, names)) > 30 else 0)
        axes.set_xlim(-0.5, len(names) - 0.5)
    _log_if(scale.kind == "log", axes, "x")
    _log_if(is_wide([value for _, _, value in placed]), axes, "y")
    axes.set_xlabel("λ" if scale.column == "lambda" else _text(scale.column))
    axes.set_ylabel(f"validation {_metric(table)}")


def _dots(axes: Axes, x: Sequence[float], y: Sequence[float], style: Style, arm: str) -> None:
    if x:
        axes.scatter(x, y, s=12, color=_colour(style), marker=style.marker, linewidths=0, alpha=0.85, label=_text(arm))


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


def _file_name(text: str) -> str:
    """A stranger's name of a column as part of a file's."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in text)[:40]
