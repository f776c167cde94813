"""The latent plane of each arm's best model: what a sheet of codes is decoded to, as images or as lines over points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import plotly.graph_objects as go
import torch

from gensweep.report.drawing import Chart, dots, figure, label
from gensweep.report.latents import each, plane
from gensweep.report.palette import COLOURS, MUTED, Style, style
from gensweep.report.subjects import Best

_CODED = 1000  # items whose codes say where a plane lies
_LINES = 15  # of the grid, each way
_FINE = 80  # points of a line
_SHOWN = 500  # items of the data
_SIDE = 60  # of the field
_LEVELS = 12  # of it
_MARGIN = 0.15  # of the data's reach, around them
_DATA = Style(-1, MUTED, "circle", "●", "o", "solid", "-")
_WAYS = (style(0), style(1))  # lines on which the second coordinate stands still, and the first


@dataclass(frozen=True)
class Sheet:
    """A plane or a line in a latent space: `centre` [d], `directions` [d, 1 or 2] of the length of a deviation, and its name."""

    centre: torch.Tensor
    directions: torch.Tensor
    name: str

    def codes(self, shares: torch.Tensor) -> torch.Tensor:
        """Codes [n, d] at shares [n, 1 or 2] of the mass of a normal law along each direction, each between 0 and 1.

        Source: D. Kingma, M. Welling, "Auto-Encoding Variational Bayes", 2014, arXiv:1312.6114, figure 4: the inverse
        distribution function of the prior, at places that are linearly spaced.
        """
        places: torch.Tensor = torch.special.ndtri(shares.double()).float()
        return self.centre + places @ self.directions.T


@dataclass(frozen=True)
class Field:
    """What a critic says over a plane: at `x` [n] and `y` [m], values [m, n]."""

    x: torch.Tensor
    y: torch.Tensor
    values: torch.Tensor

    @property
    def levels(self) -> list[float]:
        """Where its contours lie, evenly; not where T of an f-divergence runs away."""
        low, high = self.values.flatten().quantile(torch.tensor([0.05, 0.98], dtype=self.values.dtype)).tolist()
        step = (high - low) / _LEVELS or 1.0
        return [low + step * i for i in range(_LEVELS + 1)]


@dataclass(frozen=True)
class Manifold:
    """Data [n, 2] of a plane, the grid's lines in the data, each [m, 2], by direction, and the critic's field."""

    data: torch.Tensor
    lines: Sequence[Sequence[torch.Tensor]]
    field: Field | None
    name: str

    @property
    def ends(self) -> tuple[list[float], list[float]]:
        """The lower and the upper corner of what is shown: the data with a margin."""
        low, high = self.data.min(0).values, self.data.max(0).values
        reach = _MARGIN * (high - low).max()
        return (low - reach).tolist(), (high + reach).tolist()


def sheet(model: Best) -> Sheet | str:
    """The sheet of a model's latent space: the prior's own where that has at most two dimensions, else that of its codes."""
    if model.game.decode is None:
        return "nothing is latent in this family"
    is_normal = model.latent is not None and model.game.fit is None and model.game.prior is None
    size = model.latent.shape[0] if model.latent and is_normal else 0
    if 0 < size <= 2:
        return Sheet(torch.zeros(size), torch.eye(size), "normal quantiles of the prior")
    if model.game.encode is None:
        return "more than two latent dimensions, and no encoder whose codes would say which of them to show"
    return f"the data are not read here ({model.unread})" if model.unread else _of_codes(model)


def _of_codes(model: Best) -> Sheet | str:
    assert model.model is not None
    codes = model.model.codes(model.splits.validation[:_CODED])
    assert codes is not None
    codes = codes.detach().float().cpu().flatten(1)
    if len(codes) < 3 or not bool(torch.isfinite(codes).all()):
        return "its codes are no plane to look at"
    if codes.shape[1] == 1:
        return Sheet(codes.mean(0), codes.std(0)[None], "normal quantiles of its codes")
    _, directions = plane(codes)
    spread = ((codes - codes.mean(0)) @ directions).std(0)
    words = (
        "codes"
        if codes.shape[1] == 2
        else f"codes along the two of {codes.shape[1]} directions in which they vary most"
    )
    return Sheet(codes.mean(0), directions * spread, f"normal quantiles of its {words}")


def grid(side: int, n_directions: int) -> torch.Tensor:
    """Shares [side * side, 2], row by row from the top, the first coordinate to the right; or [side, 1]."""
    places = (torch.arange(side) + 0.5) / side
    if n_directions == 1:
        return places[:, None]
    return torch.cartesian_prod(places.flip(0), places).flip(1)


def manifold(model: Best) -> Manifold | str:
    """What there is to draw of a model of points in a plane; in words, why there is nothing."""
    if model.model is None or model.dataset.shape != (2,):
        return "its data are no points of a plane"
    if model.unread:
        return f"the data are not read here ({model.unread})"
    data = model.splits.validation[:_SHOWN].float().cpu()
    found = sheet(model)
    lines = [] if isinstance(found, str) else _lines(model, found)
    shown = Manifold(data, lines, None, found if isinstance(found, str) else found.name)
    shown = replace(shown, field=_field(model, *shown.ends))
    return shown if lines or shown.field is not None else shown.name


def manifold_charts(models: Sequence[Best]) -> tuple[list[Chart], list[str]]:
    """The map of every arm's latent grid onto the data, where those are points of a plane; nothing for other data."""
    flat = [model for model in models if model.model is not None and model.dataset.shape == (2,)]
    return each(flat, _chart)


def _lines(model: Best, found: Sheet) -> list[list[torch.Tensor]]:
    n = found.directions.shape[1]
    along, across = (torch.arange(_FINE) + 0.5) / _FINE, (torch.arange(_LINES) + 0.5) / _LINES
    if n == 1:
        shares = [along[:, None]]
        return [[_decoded(model, found.codes(shares[0]))]]
    ways = []
    for moved in range(2):
        shares = [torch.stack([along, torch.full_like(along, float(at))], 1) for at in across]
        codes = torch.cat([found.codes(one if moved == 0 else one.flip(1)) for one in shares])
        ways.append(list(torch.split(_decoded(model, codes), _FINE)))
    return ways


def _decoded(model: Best, codes: torch.Tensor) -> torch.Tensor:
    assert model.model is not None
    items = model.model.decodings(codes)
    assert items is not None
    return torch.nan_to_num(items.detach().float().cpu())


def _field(model: Best, low: list[float], high: list[float]) -> Field | None:
    assert model.model is not None
    x, y = (torch.linspace(a, b, _SIDE) for a, b in zip(low, high, strict=True))
    places = torch.cartesian_prod(y, x).flip(1)
    values = model.model.judged(places)
    if values is None or not bool(torch.isfinite(values).all()):
        return None
    return Field(x, y, values.reshape(_SIDE, _SIDE))


def _chart(model: Best) -> Chart | str:
    found = manifold(model)
    if isinstance(found, str):
        return found
    shown = figure("first coordinate", "second coordinate")
    if found.field is not None:
        shown.add_trace(_contours(found.field))
    x, y = map(_short, found.data.T)
    points = dots(_DATA, "data", x, y, ["data"] * len(x), opacity=0.5, marker={"size": 4})
    shown.add_trace(points.update(meta=None, legendgroup="data"))
    for way, look, name in zip(found.lines, _WAYS, _named(found), strict=False):
        shown.add_trace(_way(way, look, name))
    (left, low), (right, high) = found.ends
    shown.update_xaxes(range=[left, right], constrain="domain")
    shown.update_yaxes(range=[low, high], scaleanchor="x", constrain="domain")
    return Chart(
        f"What {model.arm} does to the latent plane",
        _said(model, found),
        f"The latent grid of {label(model.arm)} as its decoder maps it, over the data",
        shown,
        height=440,
    )


def _said(model: Best, found: Manifold) -> str:
    of_lines = f"lines at {found.name} through the decoder" if found.lines else f"no grid: {found.name}"
    of_field = "; behind, the critic, the darker the more it takes a place for data" if found.field else ""
    return f"Trial {model.number}: {of_lines}, over {len(found.data)} items of the validation split{of_field}."


def _named(found: Manifold) -> list[str]:
    return ["the latent moves"] if len(found.lines) == 1 else ["the first latent moves", "the second one"]


def _way(lines: Sequence[torch.Tensor], look: Style, name: str) -> go.Scatter:
    x = [place for line in lines for place in (*_short(line[:, 0]), None)]
    y = [place for line in lines for place in (*_short(line[:, 1]), None)]
    line = {"width": 1, "color": look.colour}
    return go.Scatter(x=x, y=y, mode="lines", line=line, opacity=0.8, name=name, hoverinfo="skip", legendgroup=name)


def _contours(field: Field) -> go.Contour:
    clear, full = (f"rgba({', '.join(map(str, _rgb(COLOURS[2])))}, {alpha})" for alpha in (0, 0.6))
    first, second, *_, last = field.levels
    return go.Contour(
        x=_short(field.x), y=_short(field.y), z=[_short(row) for row in field.values], showscale=False, hoverinfo="skip",
        autocontour=False, contours={"start": first, "end": last, "size": second - first}, zmin=first, zmax=last,
        colorscale=[[0, clear], [1, full]], line={"width": 0.5, "color": COLOURS[2]},
    )  # fmt: skip


def _short(values: torch.Tensor) -> list[float]:
    """Values [n] with as many digits as are seen: a page holds a hundred thousand."""
    return [float(f"{value:.4g}") for value in values.tolist()]


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
