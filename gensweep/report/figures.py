"""The figures of a sweep, drawn by Matplotlib without a display: PDF for a paper, PNG for comparison.md."""

from __future__ import annotations

import io
import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Sheet

from gensweep.ledger.durable import make_directory, write_atomic
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.report import panels
from gensweep.report.content import Content
from gensweep.report.critics import Curves, curves
from gensweep.report.drawing import file_name
from gensweep.report.manifolds import Manifold, manifold
from gensweep.report.palette import styles
from gensweep.report.scales import placed, scales, sweep_of
from gensweep.report.series import arms_of, best_of_budgets, incumbents, searched, trainings
from gensweep.report.subjects import shown_of

Paint = Callable[[Axes], None]
_PICTURES = (
    "confirmed",
    "best_of_k",
    "best_over_trials",
    "training_of_search",
    "responses",
    "critics",
)  # what may be a PNG
_ACROSS = 3  # panels of one figure
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Figure:
    """What is drawn, with a caption: one panel, or several that share a legend. `formats` are those that it is made in."""

    name: str
    caption: str
    panels: Sequence[Paint]
    formats: Sequence[Literal["pdf", "png"]] = ("pdf", "png")


@dataclass(frozen=True)
class _Format:
    """How figures are written: `panel` is the width and the height in inches of one alone, `among` of one among others."""

    name: Literal["pdf", "png"]
    panel: tuple[float, float]
    among: tuple[float, float]
    look: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)


_COMMON = {"text.parse_math": False, "legend.frameon": False}  # a name with two dollars is a name
_PDF = _Format(  # a column wide of a paper in two, text as text; no date, so that the same sweep gives the same bytes
    "pdf", (3.4, 2.4), (3.4, 2.4),
    {**_COMMON, "font.size": 8, "axes.linewidth": 0.6, "lines.linewidth": 1.2, "pdf.fonttype": 42, "legend.fontsize": 7,
     "legend.columnspacing": 1.0, "xtick.major.width": 0.6, "ytick.major.width": 0.6},
    {"metadata": {"CreationDate": None, "Creator": "gensweep"}},
)  # fmt: skip
_PNG = _Format("png", (7.0, 4.4), (4.0, 3.2), {**_COMMON, "lines.linewidth": 2.0}, {"dpi": 120})


def write(folder: SweepFolder, content: Content, destination: Path) -> list[Path]:
    """Write one PDF a figure into `destination`, and return their paths: none where no trial has a score.

    Raises:
        OSError: as it came.
    """
    make_directory(destination)
    return [_written(destination / name, data) for name, data in drawn(folder, content).items()]


def write_pictures(
    folder: SweepFolder, content: Content, destination: Path, *, of_models: bool = True
) -> dict[str, str]:
    """Write one PNG a figure into `destination`; file name -> caption. Those of an earlier state of the sweep are removed.

    Without `of_models` none is made of what checkpoints show.

    Raises:
        OSError: as it came.
    """
    make_directory(destination)
    captions = {}
    for figure, data in _made(folder, content, _PNG, of_models=of_models):
        captions[_written(destination / f"{figure.name}.png", data).name] = figure.caption
    for name in {f"{name}.png" for name in _PICTURES} - set(captions):
        (destination / name).unlink(missing_ok=True)
    return captions


def drawn(folder: SweepFolder, content: Content) -> dict[str, bytes]:
    """File name -> PDF of every figure that the content gives. The same content gives the same bytes."""
    return {f"{figure.name}.pdf": data for figure, data in _made(folder, content, _PDF, of_models=True)}


def figures(folder: SweepFolder, content: Content) -> Iterator[Figure]:
    """Every figure that the trials' numbers give, undrawn."""
    table, found = content.trials, content.confirmation
    look = styles(arms_of(table))
    if found and found.verdict.arms:
        yield Figure(
            "confirmed",
            "Each arm's best configuration on fresh seeds, scored on the test split: every seed as a dot, the centre as a "
            "stroke in the bar of its interval; crosses at the edge are seeds that diverged.",
            [lambda axes: panels.confirmed(axes, table, found, look)],
        )
        yield Figure(
            "training_of_seeds",
            "The objective against the epoch: each confirmed seed (thin) and the median of its arm (thick).",
            [lambda axes: panels.training_of_seeds(axes, table, found, look)],
            ["pdf"],
        )
    yield from _of_the_search(folder, content)


def of_checkpoints(content: Content) -> Iterator[Figure]:
    """The figures that each arm's best model gives, undrawn: critics on data of known density, and maps of the latent plane."""
    critics = [(model.arm, found) for model in content.models if isinstance(found := shown_of(model, curves), Curves)]
    if critics:
        yield Figure(
            "critics",
            "Each arm's trained critic beside the best one for its model as it stands, over the densities of data and model.",
            [partial(panels.critic, arm=arm, shown=found) for arm, found in critics],
        )
    maps = [(model.arm, sheet) for model in content.models if isinstance(sheet := shown_of(model, manifold), Manifold)]
    if maps:
        yield Figure(
            "manifolds",
            "The grid of each arm's latent plane as its best model maps it, over the data: on blue lines the first coordinate "
            "moves, on orange ones the second. Behind them the critic where it has one, the darker the more it takes a place "
            "for data.",
            [partial(panels.manifold, arm=arm, shown=found) for arm, found in maps],
        )


def _of_the_search(folder: SweepFolder, content: Content) -> Iterator[Figure]:
    table, look = content.trials, styles(arms_of(content.trials))
    budgets = best_of_budgets(table, content.search) if content.search else []
    if budgets:
        yield Figure(
            "best_of_k",
            "The median of the best of k configurations drawn at random, with 95 % intervals, as far as the trials bound "
            "it. A line ends where so many may diverge.",
            [lambda axes: panels.best_of(axes, table, budgets, look)],
        )
    if incumbents(table):
        is_drawn = bool(content.search and content.search.k)
        yield Figure(
            "best_over_trials",
            "The best score so far on the validation split, over the trials of each arm in their order. It is what the search "
            "met, and no estimate.",
            [lambda axes: panels.best_so_far(axes, table, look, by_seconds=False)],
            ["pdf"] if is_drawn else ["pdf", "png"],
        )
        yield Figure(
            "best_over_cost",
            "The best score so far on the validation split, over the seconds that the trials of each arm took.",
            [lambda axes: panels.best_so_far(axes, table, look, by_seconds=True)],
            ["pdf"],
        )
        yield Figure(
            "quality_and_cost",
            "Each trial of the search by what it took and its score; on the line are those that no cheaper one betters.",
            [lambda axes: panels.quality_and_cost(axes, table, look)],
            ["pdf"],
        )
    if trainings(searched(table), table.objective):
        yield Figure(
            "training_of_search",
            "The objective against the epoch: each trial (thin) and the median of its arm (thick) in the band of its quartiles.",
            [lambda axes: panels.training_of_search(axes, table, look)],
        )
    yield from _responses(folder, content)


def _responses(folder: SweepFolder, content: Content) -> Iterator[Figure]:
    table, look = content.trials, styles(arms_of(content.trials))

    def on(scale: Any) -> Paint:
        return lambda axes: panels.response(axes, table, scale, look)

    known = [
        scale
        for scale in scales(table, sweep_of(folder))
        if any(value is not None for *_, value in placed(table, scale))
    ]
    caption = "The score of each trial against what was searched; crosses at the edge are trials without a score."
    for n, scale in enumerate(known):
        yield Figure(f"response_{n}_{file_name(scale.column)}", caption, [on(scale)], ["pdf"])
    if known:
        yield Figure("responses", caption, [on(scale) for scale in known], ["png"])


def _made(folder: SweepFolder, content: Content, form: _Format, *, of_models: bool) -> Iterator[tuple[Figure, bytes]]:
    """The figures of this format; without those whose numbers go beyond what can be drawn."""
    # a name without glyphs, or one whose layout does not fit, is no reason to warn
    with rc_context(dict(form.look)), warnings.catch_warnings(action="ignore"):
        for figure in chain(figures(folder, content), of_checkpoints(content) if of_models else ()):
            if form.name in figure.formats and (data := _bytes(figure, form)) is not None:
                yield figure, data


def _bytes(figure: Figure, form: _Format) -> bytes | None:
    sheet, each = _sheet(len(figure.panels), form)
    data = io.BytesIO()
    try:
        for axes, paint in zip(each, figure.panels, strict=True):
            paint(axes)
        shown = {
            label: handle for axes in each for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        if shown:
            across = min(3 if len(each) == 1 else 4, len(shown))
            sheet.legend(shown.values(), shown, loc="outside upper center", ncols=across, handlelength=1.6)
        sheet.savefig(data, format=form.name, **form.options)
    except (ValueError, ArithmeticError) as error:  # the sum or the margin of scores near 1e308 is infinite
        _log.warning("the figure %s cannot be drawn (%s)", figure.name, error)
        return None
    return data.getvalue()


def _sheet(n: int, form: _Format) -> tuple[Sheet, list[Axes]]:
    """A figure of n panels, without pyplot, which would keep every figure and look for a display."""
    across = 2 if n == 4 else min(_ACROSS, n)
    down = math.ceil(n / across)
    width, height = form.panel if n == 1 else (form.among[0] * across, 0.5 + form.among[1] * down)
    sheet = Sheet(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(sheet)
    found = list(sheet.subplots(down, across, squeeze=False).flat)
    for axes in found:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25, linewidth=0.5)
    for axes in found[n:]:
        axes.set_visible(False)
    return sheet, found[:n]


def _written(path: Path, data: bytes) -> Path:
    write_atomic(path, data, fsync=False)
    return path
