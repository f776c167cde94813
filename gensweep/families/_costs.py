"""What it costs to move an item to its reconstruction: the cost functions c(x, y) of optimal transport."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Literal, TypeAlias

import torch

from gensweep.errors import suggest
from gensweep.extractors.frozen import FOREIGN, IDENTITY, SPECTRUM, card, load_extractor, names
from gensweep.losses import Nets

CostName: TypeAlias = Literal["squared", "l1", "feature"]
Cost: TypeAlias = Callable[[Nets, torch.Tensor, torch.Tensor], torch.Tensor]
FEATURES = "features"  # what a game calls the frozen network


def _squared(_nets: Nets, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (x - y).square().sum(tuple(range(1, x.ndim)))


def _l1(_nets: Nets, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (x - y).abs().sum(tuple(range(1, x.ndim)))


def _feature(nets: Nets, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (nets[FEATURES](x) - nets[FEATURES](y)).square().flatten(1).sum(-1)


# c(x_i, y_i) of x and y [n, *shape], [n]
COSTS: dict[CostName, Cost] = {"squared": _squared, "l1": _l1, "feature": _feature}


def known_extractor(extractor: str | None) -> str | None:
    """The name of an extractor that a cost may take.

    Raises:
        ValueError: it is none of those that ship.
    """
    if extractor is None or extractor in (known := [*names(), SPECTRUM]):
        return extractor
    if extractor.partition(":")[0] in FOREIGN:
        raise ValueError(
            f"extractor {extractor} is a file, which need not be differentiable, and whose content no key of a trial "
            f"knows. A cost takes one that ships: {', '.join(known)}"
        )
    if extractor in (IDENTITY, "auto"):
        raise ValueError(
            f"extractor {extractor} is not for a cost: the raw values are cost: squared. Give {' or '.join(known)}"
        )
    raise ValueError(f"unknown extractor '{extractor}'. {suggest(extractor, known)}")


def extractor_misfit(extractor: str | None, shape: tuple[int, ...], bounds: tuple[float, float] | None) -> str | None:
    """Why a cost of these features is none of items of this shape and range; None where it is."""
    if extractor is None:
        return f"cost feature needs an extractor, {' or '.join([*names(), SPECTRUM])}. Or give cost: squared"
    if extractor == SPECTRUM:
        return None if len(shape) == 3 else "extractor spectrum takes images. Give cost: squared"
    wanted = tuple(card(extractor)["shape"])
    if wanted == shape and bounds == (0.0, 1.0):
        return None
    given = f"{shape} in {'any range' if bounds is None else list(bounds)}"
    cure = "Give extractor: spectrum, or cost: squared"
    return f"extractor {extractor} takes items of shape {wanted} in [0, 1], the data have {given}. {cure}"


def feature_network(extractor: str) -> torch.nn.Module:
    """A copy of the frozen network, on the CPU; it takes no random numbers, whether or not it was loaded before."""
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):  # also where a game is only outlined
        return copy.deepcopy(load_extractor(extractor).network)
