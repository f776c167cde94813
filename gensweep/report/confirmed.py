"""Charts of what was confirmed: every seed as a dot, and how the seeds trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from gensweep.comparison.collect import Trials
from gensweep.comparison.confirmation import Confirmation
from gensweep.report.content import Table
from gensweep.report.drawing import (
    Chart,
    area,
    categories,
    dots,
    figure,
    label,
    line,
    logarithm,
    scored,
    told,
    whole,
)
from gensweep.report.palette import INK, Style
from gensweep.report.series import Band, Seeds, Training, band, edge, is_wide, searched, seeds, trainings
from gensweep.text import counted, number

_ROW = 56  # pixels of an arm


def confirmed_scores(table: Trials, found: Confirmation, look: Mapping[str, Style]) -> Chart:
    """The test score of every seed of every arm, with the verdict's statistic and its interval."""
    groups = seeds(table, found)
    shown = figure(scored("test", table.objective, upright=False), "")
    finite = [value for group in groups for value in _extent(group)]
    beyond = edge(finite, is_min=table.objective.mode == "min")
    for place, group in enumerate(reversed(groups)):
        for trace in _traces(group, place, beyond, look[group.arm]):
            shown.add_trace(trace)
    shown.update_yaxes(**categories([group.arm for group in reversed(groups)], is_x=False))
    if is_wide(finite):
        shown.update_xaxes(**logarithm(finite))
    shown.update_layout(showlegend=False)
    n_diverged = sum(len(group.diverged) for group in groups)
    n_absent = sum(len(group.absent) for group in groups)
    return Chart(
        "Confirmed scores, seed by seed",
        f"Each dot is one fresh seed on the test split; the vertical stroke is the {found.verdict.statistic}, the bar its "
        f"interval. {_crosses(n_diverged)}{_absent(n_absent)}The best arm is at the top.",
        "; ".join(_spoken(group) for group in groups),
        shown,
        Table("Confirmed scores, seed by seed", [row for group in groups for row in _rows(group, found.metric)]),
        height=120 + _ROW * len(groups),
        is_wide=True,
    )


def seeds_training(table: Trials, found: Confirmation, look: Mapping[str, Style]) -> Chart | None:
    """The objective at each epoch of every confirmed seed, with the range of each arm's."""
    rows = [row for row in table.rows if row["parent"] in map(found.number, found.chosen)]
    return _training_chart(
        "Training of the confirmed seeds",
        "Thin: one seed. Thick: the median of an arm's seeds, in the band from its least to its greatest. A cross: the seed "
        "diverged there.",
        trainings(rows, table.objective),
        (table, look),
        quartiles=False,
    )


def search_training(table: Trials, look: Mapping[str, Style]) -> Chart | None:
    """The objective at each epoch of every trial of the search, with each arm's quartiles."""
    return _training_chart(
        "Training of the search's trials",
        "Thin: one trial. Thick: the median of an arm's trials that reported at this epoch, in the band of their quartiles. "
        "Where trials were stopped early, later epochs show the better ones only. A cross: the trial diverged there.",
        trainings(searched(table), table.objective),
        (table, look),
        quartiles=True,
    )


def _training_chart(
    title: str, caption: str, found: Sequence[Training], of: tuple[Trials, Mapping[str, Style]], *, quartiles: bool
) -> Chart | None:
    if not found:
        return None
    table, look = of
    shown = figure("epoch", scored("validation", table.objective))
    shown.update_xaxes(**whole([epoch for training in found for epoch, _ in training.points]))
    rows = []
    for arm in look:
        own = [training for training in found if training.arm == arm]
        if not own:
            continue
        middle = band(own, quartiles=quartiles)
        for trace in _of_arm(own, middle, look[arm]):
            shown.add_trace(trace)
        rows += _numbers(arm, own, middle)
    values = [value for training in found for _, value in training.points]
    if is_wide(values):
        shown.update_yaxes(**logarithm(values))
    spoken = "; ".join(f"{row['arm']} {row['median']} at epoch {row['epoch']}" for row in _last(rows))
    return Chart(title, caption, f"Median at the last epoch: {spoken}", shown, Table(title, rows))


def _of_arm(own: Sequence[Training], middle: Band, style: Style) -> list[go.Scatter]:
    arm = own[0].arm
    traces = []
    if middle.epochs:
        traces.append(area(style, arm, middle.epochs, middle.low, middle.high))
    x = [place for training in own for place in (*(epoch for epoch, _ in training.points), None)]
    y = [place for training in own for place in (*(value for _, value in training.points), None)]
    names = [
        place
        for training in own
        for place in (
            *(
                told({"arm": arm, "trial": training.number, "epoch": epoch, "score": number(value)})
                for epoch, value in training.points
            ),
            "",
        )
    ]
    thin = {"width": 1, "dash": "solid"}
    look = {"text": names, "hovertemplate": "%{text}<extra></extra>", "mode": "lines+markers", "marker": {"size": 3}}
    traces.append(line(style, arm, x, y, line=thin, opacity=0.55, showlegend=not middle.epochs, **look))
    if middle.epochs:
        traces.append(line(style, arm, middle.epochs, middle.middle, line={"width": 3}, hoverinfo="skip"))
    if lost := [training for training in own if training.diverged]:
        ends = [training.points[-1] for training in lost]
        said = [told({"arm": arm, "trial": training.number, "outcome": "diverged"}) for training in lost]
        cross = {"symbol": "x-thin", "size": 10, "line": {"width": 2, "color": style.colour}}
        traces.append(
            dots(style, arm, [x for x, _ in ends], [y for _, y in ends], said, marker=cross, showlegend=False)
        )
    return traces


def _numbers(arm: str, own: Sequence[Training], middle: Band) -> list[dict[str, str]]:
    if not middle.epochs:
        return [
            {"arm": arm, "epoch": str(epoch), "least": "-", "median": number(value), "greatest": "-"}
            for epoch, value in own[0].points
        ]
    return [
        {"arm": arm, "epoch": str(epoch), "least": number(low), "median": number(centre), "greatest": number(high)}
        for epoch, low, centre, high in zip(middle.epochs, middle.low, middle.middle, middle.high, strict=True)
    ]


def _last(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    return list({row["arm"]: row for row in rows}.values())


def _traces(group: Seeds, place: int, beyond: float, style: Style) -> list[go.Scatter]:
    shift = [place + 0.3 * (2 * (i * 0.618034 % 1) - 1) for i in range(len(group.scores) + len(group.diverged))]
    traces = []
    if group.low is not None and group.high is not None:
        bar = {"width": 6, "dash": "solid"}
        ends = [end if math.isfinite(end) else beyond for end in (group.low, group.high)]
        traces.append(line(style, group.arm, ends, [place, place], line=bar, opacity=0.5, hoverinfo="skip"))
    said = [told({"arm": group.arm, "trial": n, "score": number(value)}) for n, value in group.scores]
    traces.append(dots(style, group.arm, [value for _, value in group.scores], shift[: len(group.scores)], said))
    if group.centre is not None:
        stroke = {"symbol": "line-ns", "size": 26, "line": {"width": 3, "color": INK}}
        said = [told({"arm": group.arm, "centre": number(group.centre)})]
        traces.append(dots(style, group.arm, [group.centre], [place], said, marker=stroke))
    if group.diverged:
        cross = {"symbol": "x-thin", "size": 12, "line": {"width": 2.5, "color": style.colour}}
        said = [told({"arm": group.arm, "trial": n, "outcome": "diverged"}) for n in group.diverged]
        places = shift[len(group.scores) :]
        traces.append(dots(style, group.arm, [beyond] * len(places), places, said, marker=cross))
    return traces


def _extent(group: Seeds) -> list[float]:
    values = [value for _, value in group.scores]
    return [*values, *(end for end in (group.low, group.high, group.centre) if end is not None and math.isfinite(end))]


def _crosses(n: int) -> str:
    return f"Crosses at the edge: {counted(n, 'seed')} that diverged, worse than every score. " if n else ""


def _absent(n: int) -> str:
    return f"{counted(n, 'seed')} without a result, failed or not over, not drawn. " if n else ""


def _spoken(group: Seeds) -> str:
    centre = "no centre" if group.centre is None else f"centre {number(group.centre)}"
    lost = f", {len(group.diverged)} diverged" if group.diverged else ""
    return f"{label(group.arm)}: {centre} of {counted(len(group.scores), 'seed')}{lost}"


def _rows(group: Seeds, metric: str) -> list[dict[str, str]]:
    scored = [(n, number(value)) for n, value in group.scores]
    rest = [(n, "diverged") for n in group.diverged] + [(n, "no result") for n in group.absent]
    return [{"arm": group.arm, "trial": str(n), f"test {metric}": text} for n, text in [*scored, *rest]]
