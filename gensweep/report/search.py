"""Charts of the search: the best so far over trials and over cost, and quality against cost."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from gensweep.comparison.collect import Trials
from gensweep.report.content import Table
from gensweep.report.drawing import Chart, dots, figure, label, line, logarithm, scored, told, whole
from gensweep.report.palette import INK, Style
from gensweep.report.series import Row, cost, front, incumbents, is_wide, known_score, score, searched
from gensweep.text import duration, number

_INCUMBENT = (
    "The best validation score so far of each arm. It can only get better, whether or not the arm does, and is no claim "
    "about it: confirmed scores make those."
)
_SECONDS = "seconds of training and evaluation"


def over_trials(table: Trials, look: Mapping[str, Style]) -> Chart | None:
    """The incumbent of each arm after each of its trials."""
    return _incumbents(table, look, over="trials of the arm, in order", by_seconds=False)


def over_seconds(table: Trials, look: Mapping[str, Style]) -> Chart | None:
    """The incumbent of each arm after the seconds that its trials took, one after another."""
    return _incumbents(table, look, over=_SECONDS, by_seconds=True)


def _incumbents(table: Trials, look: Mapping[str, Style], *, over: str, by_seconds: bool) -> Chart | None:
    found = sorted(incumbents(table), key=lambda each: look[each.arm].index)
    if not found:
        return None
    shown = figure(over, scored("best", table.objective))
    if not by_seconds:
        shown.update_xaxes(**whole([n for each in found for n in each.trials]))
    rows = []
    for each in found:
        x = each.seconds if by_seconds else each.trials
        said = [
            told({"arm": each.arm, "trials": n, "seconds": f"{spent:.3g}", "best so far": number(best)})
            for n, spent, best in zip(each.trials, each.seconds, each.scores, strict=True)
        ]
        style = look[each.arm]
        steps = {"shape": "hv", "dash": style.dash}
        more = {"mode": "lines+markers", "marker": {"symbol": style.symbol, "size": 6}, "text": said}
        shown.add_trace(
            line(style, each.arm, x, each.scores, line=steps, hovertemplate="%{text}<extra></extra>", **more)
        )
        rows += [
            {"arm": each.arm, "trials": str(n), "seconds": f"{spent:.3g}", "best so far": number(best)}
            for n, spent, best in zip(each.trials, each.seconds, each.scores, strict=True)
        ]
    values = [value for each in found for value in each.scores]
    if is_wide(values):
        shown.update_yaxes(**logarithm(values))
    title = f"Best so far over {'cost' if by_seconds else 'trials'}"
    caption = f"{_INCUMBENT} Seconds are of its trials one after another." if by_seconds else _INCUMBENT
    spoken = "; ".join(f"{label(each.arm)} ends at {number(each.scores[-1])}" for each in found)
    return Chart(title, caption, f"Best so far: {spoken}", shown, Table(title, rows))


def quality_and_cost(table: Trials, look: Mapping[str, Style]) -> Chart | None:
    """Each trial of the search by what it took and its score, and the front of those that none betters at their cost."""
    known = [row for row in searched(table) if score(row, table.objective) is not None]
    if not known:
        return None
    shown = figure(_SECONDS, scored("validation", table.objective))
    best = front(table)
    shown.add_trace(_step(best, table))
    for arm, style in look.items():
        own = [row for row in known if row["arm"] == arm]
        if own:
            said = [_said(row, table) for row in own]
            shown.add_trace(
                dots(style, arm, [cost(row) for row in own], [known_score(row, table.objective) for row in own], said)
            )
    costs, values = [cost(row) for row in known], [known_score(row, table.objective) for row in known]
    if is_wide(costs):
        shown.update_xaxes(**logarithm(costs))
    if is_wide(values):
        shown.update_yaxes(**logarithm(values))
    rows = [
        {"trial": str(row["number"]), "arm": str(row["arm"]), "cost": duration(cost(row)),
         table.objective.metric: number(known_score(row, table.objective))}
        for row in best
    ]  # fmt: skip
    spoken = "; ".join(f"trial {row['trial']} ({label(row['arm'])}) at {row['cost']}" for row in rows)
    return Chart(
        "Quality against cost",
        "Each dot is a trial of the search; on the line are those that no cheaper trial betters. Seconds depend on the machine "
        "and on what ran beside.",
        f"On the front: {spoken}",
        shown,
        Table("The front of quality and cost", rows),
        is_wide=True,
    )


def _step(best: list[Row], table: Trials) -> go.Scatter:
    return go.Scatter(
        x=[cost(row) for row in best], y=[known_score(row, table.objective) for row in best], mode="lines", name="front",
        line={"color": INK, "width": 1.5, "shape": "hv", "dash": "dot"}, hoverinfo="skip",
    )  # fmt: skip


def _said(row: Row, table: Trials) -> str:
    return told({
        "trial": row["number"], "arm": row["arm"], "cost": duration(cost(row)),
        table.objective.metric: number(known_score(row, table.objective)),
    })  # fmt: skip
