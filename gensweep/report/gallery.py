"""Pictures of each arm's best model, made for the page from its checkpoint: samples, reconstructions, interpolations."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from gensweep import pictures
from gensweep.errors import GensweepError
from gensweep.families.base import LATENT
from gensweep.models.interpolation import spherical
from gensweep.report.drawing import file_name
from gensweep.report.manifolds import grid, sheet
from gensweep.report.subjects import Best, same_noise
from gensweep.text import printable

_SIDE = 6  # a grid of so many samples by so many
_STEPS = 8  # of an interpolation, both ends among them
_PAIRS = 4
_GRID = 12  # of the latent plane, each way
_RECONSTRUCTED = 18
_LONGEST = 300  # characters of a reason


@dataclass(frozen=True)
class Cell:
    """One arm's picture as a data URI with what it shows in words; or, without one, the sentence that says why."""

    arm: str
    trial: int | None
    picture: str | None = None
    says: str = ""


@dataclass(frozen=True)
class Strip:
    """Pictures of one kind, an arm beside the other."""

    title: str
    caption: str
    cells: Sequence[Cell]


class _Absent(Exception):
    """There is no such picture of this model, for this reason."""


def gallery(models: Sequence[Best]) -> tuple[list[Strip], list[str]]:
    """The strips of a page, and what there is to say where there are none."""
    known = [model for model in models if model.model is not None]
    if not known:
        return [], [f"No pictures of {model.arm}: {_sentence(model.problem)}" for model in models]
    if all(len(model.dataset.shape) != 3 for model in known):
        points = (
            "The data are points, not images: samples are drawn beside them, reconstructions and interpolations not."
        )
        return [], [points]
    strips = [
        Strip("Samples", _latents_said(models), [_cell(model, _samples) for model in models]),
        Strip(
            "Reconstructions",
            "Items of the validation split in turns with what the model makes of their codes: the original first, its "
            "reconstruction beside it.",
            [_cell(model, _reconstructions) for model in models],
        ),
        Strip(
            "Interpolations",
            f"Each row goes from one latent to another in {_STEPS} steps on a great circle, so that each step is as far "
            "from the centre as draws are. Whatever else a sample is made of stands still.",
            [_cell(model, _interpolations) for model in models],
        ),
        Strip(
            "Interpolations between items",
            f"Each row goes from the code of one item of the validation split to that of another in {_STEPS} steps on a great "
            "circle, decoded; the items themselves stand at its ends.",
            [_cell(model, _between_items) for model in models],
        ),
        Strip(
            "Latent grid",
            f"Codes on a plane of the latent space, decoded: in {_GRID} steps each way that are evenly spaced in the mass of a "
            "normal law. With two latent dimensions and a fixed prior these are its own; else they lie around the codes of "
            "the validation split, in the plane in which these vary most (PCA).",
            [_cell(model, _latent_grid) for model in models],
        ),
    ]
    return strips, []


def _latents_said(models: Sequence[Best]) -> str:
    """Which arms' samples are made of the same latents."""
    asked: dict[str, list[str]] = {}
    for model in models:
        if model.model is not None:
            noise = model.game.sample_noise
            asked.setdefault(repr(noise.get(LATENT) or sorted(noise.items())), []).append(model.arm)
    shared = [arms for arms in asked.values() if len(arms) > 1]
    text = "No sample is chosen: the first that the same stream of random numbers gives. "
    if not shared:
        return text + "No two arms here take latents of the same size."
    if len(asked) == 1:
        return text + "The same place in each picture is the same latent."
    groups = "; ".join(", ".join(arms) for arms in shared)
    return (
        text + f"The same place in the pictures of these arms is the same latent: {groups}. Others differ in its size."
    )


def _cell(model: Best, drawn: Callable[[Best], tuple[torch.Tensor, int, str]]) -> Cell:
    number = model.number if model.number >= 0 else None
    if model.model is None:
        return Cell(model.arm, number, says=_sentence(f"Not drawn: {model.problem}"))
    try:
        items, columns, says = drawn(model)
        picture = pictures.png(items, model.dataset.bounds, columns)
    except _Absent as absent:
        return Cell(model.arm, number, says=str(absent))
    except (GensweepError, RuntimeError, ValueError, ArithmeticError, LookupError, TypeError, OSError) as error:
        # a stranger's checkpoint, or data that are no longer what it was trained on: the page goes without
        return Cell(model.arm, number, says=_sentence(f"Not drawn: {error}"))
    if picture is None:
        return Cell(model.arm, number, says="Not drawn: no picture of items of this shape.")
    return Cell(model.arm, number, f"data:image/png;base64,{base64.b64encode(picture).decode()}", says)


def _samples(model: Best) -> tuple[torch.Tensor, int, str]:
    _need_images(model)
    if model.game.fit is not None:
        _need_data(model)
    n = _SIDE * _SIDE
    return model.sample(same_noise(model.game.sample_noise, n)), _SIDE, f"{n} samples"


def _reconstructions(model: Best) -> tuple[torch.Tensor, int, str]:
    _need_images(model)
    if model.game.reconstruct is None:
        raise _Absent("This family has no encoder, so that nothing is reconstructed.")
    _need_data(model)
    originals = model.splits.validation[:_RECONSTRUCTED]
    assert model.model is not None
    found = model.model.reconstructions(originals)
    assert found is not None
    both = pictures.side_by_side(originals, found.reshape(originals.shape))
    return both, _SIDE, f"{len(originals)} items, each beside its reconstruction"


def _interpolations(model: Best) -> tuple[torch.Tensor, int, str]:
    _need_images(model)
    if model.latent is None:
        raise _Absent("Its samples are not made from one Gaussian latent, so that there is nothing to go along.")
    if model.game.fit is not None:
        _need_data(model)
    noise = same_noise(model.game.sample_noise, 2 * _PAIRS)
    ways = spherical(noise[LATENT][:_PAIRS], noise[LATENT][_PAIRS:], _STEPS).flatten(0, 1)
    still = {name: values[:1].expand(len(ways), *values.shape[1:]) for name, values in noise.items()}
    return model.sample({**still, LATENT: ways}), _STEPS, f"{_PAIRS} ways of {_STEPS} steps"


def _between_items(model: Best) -> tuple[torch.Tensor, int, str]:
    _need_images(model)
    if model.game.encode is None or model.game.decode is None:
        raise _Absent("This family has no encoder, so that no item has a code.")
    _need_data(model)
    assert model.model is not None
    items = model.splits.validation[: 2 * _PAIRS]
    codes, half = model.model.codes(items), len(items) // 2
    assert codes is not None
    codes = codes.detach().float().cpu()
    ways = spherical(codes[:half], codes[half : 2 * half], _STEPS)
    decoded = model.model.decodings(ways.flatten(0, 1))
    assert decoded is not None
    rows = decoded.detach().cpu().reshape(half, _STEPS, *items.shape[1:])
    ends = items[:half, None], items[half : 2 * half, None]
    return (
        torch.cat([ends[0], rows, ends[1]], 1).flatten(0, 1),
        _STEPS + 2,
        f"{half} ways of {_STEPS} steps, between items",
    )


def _latent_grid(model: Best) -> tuple[torch.Tensor, int, str]:
    _need_images(model)
    found = sheet(model)
    if isinstance(found, str):
        raise _Absent(_sentence(f"Not drawn: {found}."))
    assert model.model is not None
    items = model.model.decodings(found.codes(grid(_GRID, found.directions.shape[1])))
    assert items is not None
    return items, _GRID, f"codes at {found.name}, decoded"


def files(strips: Sequence[Strip]) -> dict[str, bytes]:
    """The pictures of strips as PNG, by a name of strip and arm."""
    found = {}
    for strip in strips:
        for cell in strip.cells:
            if cell.picture is not None:
                _, _, data = cell.picture.partition(",")
                found[f"{file_name(strip.title.lower())}.{file_name(cell.arm)}.png"] = base64.b64decode(data)
    return found


def _need_images(model: Best) -> None:
    if len(model.dataset.shape) != 3:
        raise _Absent("The data are points, not images: see the chart of samples and data.")


def _need_data(model: Best) -> None:
    if model.unread:
        raise _Absent(_sentence(f"Not drawn, for the data are not read here: {model.unread}"))


def _sentence(text: str) -> str:
    line = " ".join(printable(text).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
