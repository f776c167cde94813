"""The words of every loss: what it sees, what it asks for, what it gives.

A loss is a pure function of networks, a batch, noise and knobs. Families, divergences and constraints make losses of
one another's parts, so that the words stand below all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, TypeVar

import torch

Nets: TypeAlias = Mapping[str, Callable[..., torch.Tensor]]
Noise: TypeAlias = Mapping[str, torch.Tensor]
Knobs: TypeAlias = Mapping[str, torch.Tensor]
Parameters: TypeAlias = dict[str, torch.Tensor]  # `network.parameter` -> value

_T = TypeVar("_T")


@dataclass(frozen=True)
class Draw:
    """A request for random numbers: the loop draws a tensor of `shape` for every move, from the trial's own stream."""

    shape: tuple[int, ...]
    law: Literal["normal", "uniform"] = "normal"


class Loss(NamedTuple):
    """What is minimised, 0-d, and the named 0-d parts that are logged beside it and read by what corrects a move."""

    total: torch.Tensor
    parts: dict[str, torch.Tensor]


class PopulationObjective(NamedTuple):
    """What a constraint's game, a divergence or a family minimises over models once critics, encoders and batches are ideal.

    `name` is one of those that studies/gaussian_targets.py computes, or one without a target; `scale` is the kernel's width,
    alpha, p or lambda of those that have one; `bias` says why a real training stays beside it, where it is known to.
    """

    name: str
    scale: float = 1.0
    bias: str = ""


def scoped(values: Mapping[str, _T], prefix: str) -> dict[str, _T]:
    """The entries under `prefix.`, without it: how a family hands a part its own knobs and noise."""
    return {name.removeprefix(f"{prefix}."): v for name, v in values.items() if name.startswith(f"{prefix}.")}


def prefixed(prefix: str, values: Mapping[str, _T]) -> dict[str, _T]:
    """The entries of a part under the names of the whole, the inverse of `scoped`."""
    return {f"{prefix}.{name}": value for name, value in values.items()}
