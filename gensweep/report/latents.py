"""Charts of each arm's best model: where the data lie in its latent space, beside the prior, and its samples of points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from plotly.subplots import make_subplots

from gensweep.report.drawing import Chart, dots, figure, label
from gensweep.report.palette import MUTED, Style, style
from gensweep.report.subjects import Best, same_noise, shown_of

_SHOWN = 300  # codes, and draws of the prior
_PLAIN = Style(-1, MUTED, "circle", "●", "o", "solid", "-")


def latent_maps(models: Sequence[Best]) -> tuple[list[Chart], list[str]]:
    """The map of every arm whose family has an encoder, and a sentence on each other."""
    return each(models, _map)


def point_samples(models: Sequence[Best]) -> tuple[list[Chart], list[str]]:
    """Samples of every arm beside the data, where those are points of a plane; nothing for other data."""
    plane = [model for model in models if model.model is not None and model.dataset.shape == (2,)]
    return each(plane, _points)


def each(models: Sequence[Best], chart_of: Callable[[Best], Chart | str]) -> tuple[list[Chart], list[str]]:
    """The chart of every arm, or a sentence that says why there is none."""
    charts, notes = [], []
    for model in models:
        found = shown_of(model, chart_of)
        if isinstance(found, Chart):
            charts.append(found)
        else:
            notes.append(f"{model.arm}: {found}.")
    return charts, notes


def plane(codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean [d] and the two directions [d, 2] in which codes [n, d] vary most; with two coordinates, these themselves."""
    if codes.shape[1] == 2:
        return torch.zeros(2), torch.eye(2)
    centre = codes.mean(0)
    _, _, directions = torch.linalg.svd(codes - centre, full_matrices=False)
    return centre, directions[:2].T


def _map(model: Best) -> Chart | str:
    if model.game.encode is None:
        return "this family has no encoder"
    if model.unread:
        return f"the data are not read here ({model.unread})"
    assert model.model is not None
    items = model.splits.validation[:_SHOWN]
    codes = model.model.codes(items)
    assert codes is not None
    codes = codes.detach().float().cpu().flatten(1)
    if codes.shape[1] < 2 or len(codes) < 3 or not torch.isfinite(codes).all():
        return "its codes are no plane to look at"
    centre, directions = plane(codes)
    prior = _prior(model, codes.shape[1])
    classes = model.dataset.classes("validation")
    shown = make_subplots(1, 2 if prior is not None else 1, shared_yaxes=True, horizontal_spacing=0.04)
    words = ("coordinate 1", "coordinate 2") if codes.shape[1] == 2 else ("1st direction", "2nd direction")
    shown.update_layout(figure(*words).layout)
    for trace in _codes((codes - centre) @ directions, None if classes is None else classes[: len(codes)]):
        shown.add_trace(trace, 1, 1)
    if prior is not None:
        x, y = ((prior - centre) @ directions).T.tolist()
        shown.add_trace(
            dots(
                _PLAIN,
                "prior",
                x,
                y,
                ["a draw of the prior"] * len(x),
                opacity=0.6,
                marker={"size": 4},
                showlegend=False,
            ),
            1,
            2,
        )
    _same_look(shown, words)
    how = (
        "its two coordinates"
        if codes.shape[1] == 2
        else f"the plane of {codes.shape[1]} in which the codes vary most (PCA)"
    )
    beside = (
        " Right: draws of the prior, in the same plane." if prior is not None else " It samples from no fixed prior."
    )
    return Chart(
        f"Latent space of {model.arm}",
        f"Left: codes of {len(codes)} validation items{'' if classes is None else ', by class'}; {how}.{beside} A good match "
        "fills what the prior fills.",
        f"Codes of {label(model.arm)}, trial {model.number}; spread {_spread(codes)} a coordinate, where the prior's is "
        f"{_spread(prior) if model.game.prior else 1}"
        if prior is not None else f"Codes of {label(model.arm)}, trial {model.number}",
        shown,
        height=440,
    )  # fmt: skip


def _prior(model: Best, size: int) -> torch.Tensor | None:
    """Draws of the prior, where samples are made of it alone."""
    if model.latent is None or model.latent.shape != (size,) or model.game.fit is not None:
        return None
    noise, law = same_noise(model.game.sample_noise, _SHOWN), model.game.prior
    return law(noise) if law else noise["latent"]


def _codes(places: torch.Tensor, classes: torch.Tensor | None) -> list[Any]:
    if classes is None:
        x, y = places.T.tolist()
        return [dots(_PLAIN, "codes", x, y, ["a code"] * len(x), opacity=0.7, marker={"size": 5})]
    traces = []
    for one in sorted(set(classes.tolist())):
        own = places[classes == one]
        x, y = own.T.tolist()
        look = style(int(one))
        named = dots(look, f"class {one}", x, y, [f"class {one}"] * len(x), opacity=0.85, marker={"size": 5})
        traces.append(named.update(meta=None, legendgroup=f"class {one}"))
    return traces


def _points(model: Best) -> Chart | str:
    if model.unread:
        return f"the data are not read here ({model.unread})"
    samples = torch.nan_to_num(model.sample(same_noise(model.game.sample_noise, _SHOWN)).detach().float().cpu())
    data = model.splits.validation[:_SHOWN]
    shown = figure("first coordinate", "second coordinate")
    for name, items, look in (("samples", samples, style(0)), ("data", data, style(6))):
        x, y = items.T.tolist()
        trace = dots(look, name, x, y, [name] * len(x), opacity=0.7, marker={"size": 5})
        shown.add_trace(trace.update(meta=None, legendgroup=name))
    shown.update_yaxes(scaleanchor="x")
    return Chart(
        f"Samples of {model.arm} and the data",
        f"{len(samples)} samples of trial {model.number} over as many items of the validation split.",
        f"Samples of {label(model.arm)} over the data",
        shown,
        height=380,
    )


def _same_look(shown: Any, words: tuple[str, str]) -> None:
    """Both panels on the same scales, each with its axis; the words of the vertical one stand at the left only."""
    look = figure(*words).layout
    shown.update_xaxes(look.xaxis)
    shown.update_yaxes(look.yaxis)
    shown.update_yaxes(title={"text": ""}, col=2)
    shown.update_xaxes(matches="x", col=2)
    shown.update_layout(legend={"y": -0.24, "yanchor": "top"})


def _spread(codes: torch.Tensor) -> str:
    return f"{float(codes.std(0).mean()):.3g}"
