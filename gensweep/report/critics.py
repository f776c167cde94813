"""Charts of trained critics beside the best ones, over the densities of data and model, where these are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from gensweep.metrics.critic_diagnostics import Diagnosis, diagnosis
from gensweep.report.drawing import Chart, area, figure, label, line
from gensweep.report.latents import each
from gensweep.report.palette import INK, MUTED, Style, style
from gensweep.report.subjects import Best
from gensweep.text import listed, number

_POINTS = 300
_SHOWN = (0.001, 0.999)  # of (P + Q) / 2; the critic's axis is that of what lies within
_MODEL, _CRITIC = style(0), style(1)
_DATA = Style(-1, MUTED, "circle", "●", "o", "solid", "-")
_BEST = Style(-1, INK, "circle", "●", "o", "dash", "--")


@dataclass(frozen=True)
class Curves:
    """What a picture of a critic shows, on points of the line: the densities of data and model, the critic, and the best one.

    `low` and `high` are the ends of the critic's axis: what it and the best one are worth where data or samples lie.
    """

    x: list[float]
    data: list[float]
    model: list[float]
    critic: list[float]
    best: list[float]
    low: float
    high: float
    found: Diagnosis


def curves(model: Best) -> Curves | str:
    """Those of an arm's best model, which is here; in words, why there are none."""
    assert model.model is not None
    found = diagnosis(model.model, model.dataset)
    if found is None:
        return "it has no critic, or the best one is not known"
    laws = found.laws
    mass = laws.weights.cumsum(0)
    inside = (mass > _SHOWN[0]) & (mass < _SHOWN[1])
    places = inside.nonzero().flatten()
    ends = laws.x[places[0]], laws.x[places[-1]]
    chosen = torch.searchsorted(laws.x, torch.linspace(float(ends[0]), float(ends[1]), _POINTS, dtype=torch.float64))
    # where the best one grows without bound, as T of an exponential does, its bulk is shown
    seen = torch.cat([_bulk(found.critic, laws.weights), _bulk(found.best, laws.weights)])
    low, high = float(seen.min()), float(seen.max())
    margin = 0.12 * (high - low or 1.0)
    values = (laws.x, laws.log_p.exp(), laws.log_q.exp(), found.critic, found.best)
    x, data, of_model, critic, best = (one[chosen].tolist() for one in values)
    return Curves(x, data, of_model, critic, best, low - margin, high + margin, found)


def critic_charts(models: Sequence[Best]) -> tuple[list[Chart], list[str]]:
    """A chart of every arm whose critic can be held to the best one, and which have none; nothing where no arm has one."""
    charts, others = each(models, _chart)
    if not charts or not others:
        return charts, []
    return charts, [
        f"Without a critic, or a best one that is known: {listed([said.split(': ')[0] for said in others])}."
    ]


def _chart(model: Best) -> Chart | str:
    shown = curves(model)
    if isinstance(shown, str):
        return shown
    drawn = figure("x", "critic")
    floor = [0.0] * len(shown.x)
    for name, density, look in (("data p", shown.data, _DATA), ("model q", shown.model, _MODEL)):
        drawn.add_trace(area(look, name, shown.x, floor, density).update(yaxis="y2", meta=None, showlegend=True))
    for name, values, look in (("best critic", shown.best, _BEST), ("trained critic", shown.critic, _CRITIC)):
        drawn.add_trace(line(look, name, shown.x, values).update(meta=None, legendgroup=name))
    drawn.update_yaxes(range=[shown.low, shown.high])
    densest = max(*shown.data, *shown.model)
    hidden = {"overlaying": None, "visible": False, "range": [0, 1.6 * densest], "fixedrange": True}
    drawn.update_layout(
        yaxis2=hidden, yaxis={**drawn.layout.yaxis.to_plotly_json(), "overlaying": "y2", "tickmode": "auto"}
    )
    found = shown.found
    said = (
        f"off by {number(found.distance)} (root mean square under (P + Q) / 2) where the best one's deviation is "
        f"{number(found.deviation)}; relative {number(found.relative)}, correlation {number(found.correlation)}"
    )
    return Chart(
        f"Critic of {model.arm}",
        f"Trial {model.number}: {said}. Shaded: the densities of data and model.",
        f"The critic of {label(model.arm)} is {said}",
        drawn,
        height=300,
    )


def _bulk(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The values [n] but for the least and the greatest 4 % of the mass."""
    ordered, places = values.sort()
    mass = weights[places].cumsum(0)
    return ordered[(mass > 0.04) & (mass < 0.96)]
