"""The max-sliced Wasserstein-2 distance."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field

from gensweep.divergences.base import Divergence
from gensweep.losses import Draw, Knobs, Nets, Noise, PopulationObjective


class MaxSlicedWasserstein(Divergence):
    """The squared one-dimensional Wasserstein-2 distance along the direction that shows the largest.

    max-SW_2^2 = max over unit u of W_2^2(<u, x>, <u, y>). A shift by m gives ||m||^2, d times its sliced distance.

    For the pairs of points that sorting along u makes, W_2^2 is u^T M u with M = E (x - y)(x - y)^T. A step is
    u <- M u / ||M u||, a power step, which is also a gradient step of unbounded length; the best direction met counts.
    On n points it is a lower bound of their maximum, and above the laws' own by about the root of d / n.

    The gradient is that of the value along the direction found, which is held fixed. Where that is the one best direction,
    up to its sign, it is the maximum's own (Danskin's envelope theorem). Where two are equally good, or two projections
    tie, the maximum has a kink and no one gradient: this is then the slope for the direction and the order that were met.

    Fields:
        steps: power steps from each start, >= 0.
        starts: directions drawn afresh for each move to start from, >= 1.

    Source: I. Deshpande et al., "Max-Sliced Wasserstein Distance and its use for GANs", 2019, arXiv:1904.05877, eq. 8.
    Differs: the direction is in the space of the samples, and found by steps on each batch; theirs comes from a
    discriminator.
    """

    name: Literal["max_sliced_wasserstein"] = "max_sliced_wasserstein"
    steps: int = Field(10, ge=0, le=1000, description="power steps from each start")
    starts: int = Field(2, ge=1, description="directions drawn for each move to start from")

    def noise(self, n: int, dimensions: int) -> dict[str, Draw]:
        """Normal vectors, whose directions are uniform on the sphere."""
        return {"starts": Draw((self.starts, dimensions))}

    def population_objective(self) -> PopulationObjective:
        """W_2^2, which it is on the line."""
        return PopulationObjective("wasserstein_2")

    def penalty(self, x: torch.Tensor, y: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> torch.Tensor:
        """W_2^2 of the projections of x [n, d] and y [n, d] on the direction found, 0-d."""
        direction = steepest(x.detach(), y.detach(), noise["starts"], self.steps)
        return _gaps(x, y, direction[None])[0].square().mean()


def steepest(x: torch.Tensor, y: torch.Tensor, starts: torch.Tensor, steps: int) -> torch.Tensor:
    """The direction [d] of the largest W_2^2 among those that `steps` power steps meet from starts [k, d].

    x [n, d] and y [n, d] are samples of one size.

    Raises:
        ValueError: the samples differ in size.

    """
    if x.shape != y.shape:
        raise ValueError(f"the sorted formula needs samples of one size, given {tuple(x.shape)} and {tuple(y.shape)}")
    met = [_unit(starts)]
    for _ in range(steps):
        met.append(_unit(_pulls(x, y, met[-1])))
    directions = torch.cat(met)
    best: torch.Tensor = _gaps(x, y, directions).square().mean(-1).argmax()
    return directions.index_select(0, best[None])[0]


def _gaps(x: torch.Tensor, y: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """x_(i) - y_(i) of the sorted projections on directions [k, d], [k, n]."""
    return (directions @ x.T).sort(-1).values - (directions @ y.T).sort(-1).values


def _pulls(x: torch.Tensor, y: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """M u for each of the directions u [k, d], [k, d], with the pairs that sorting along u makes."""
    pairs = x[(directions @ x.T).argsort(-1)] - y[(directions @ y.T).argsort(-1)]
    return ((pairs @ directions[..., None]) * pairs).mean(-2)


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    """Vectors [k, d] at length 1; where the samples are one, a step is 0 and stays so."""
    lengths: torch.Tensor = vectors.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(vectors.dtype).tiny ** 0.5)
    return vectors / lengths
