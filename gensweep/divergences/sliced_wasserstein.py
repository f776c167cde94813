"""The sliced Wasserstein-2 distance."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field

from gensweep.divergences.base import Divergence
from gensweep.losses import Draw, Knobs, Nets, Noise, PopulationObjective


class SlicedWasserstein(Divergence):
    """The squared sliced Wasserstein-2 distance: the mean of squared one-dimensional distances over directions.

    SW_2^2 = mean over directions theta on the sphere of W_2^2(<theta, x>, <theta, y>), and in one dimension W_2^2 of
    two samples of n points is the mean of (x_(i) - y_(i))^2 over sorted points. It is not W_2^2: a shift by m in d
    dimensions gives ||m||^2 / d.

    Fields:
        projections: number of directions, drawn afresh for each move, >= 1.

    Source: S. Kolouri, P. Pope, C. Martin, G. Rohde, "Sliced-Wasserstein Autoencoder", 2018, arXiv:1804.01947, eq. 14.
    """

    name: Literal["sliced_wasserstein"] = "sliced_wasserstein"
    projections: int = Field(50, ge=1, description="directions drawn for each move")

    def noise(self, n: int, dimensions: int) -> dict[str, Draw]:
        """Normal vectors, whose directions are uniform on the sphere."""
        return {"directions": Draw((self.projections, dimensions))}

    def population_objective(self) -> PopulationObjective:
        """W_2^2, which it is on the line."""
        return PopulationObjective("wasserstein_2")

    def penalty(self, x: torch.Tensor, y: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> torch.Tensor:
        """The mean over directions of W_2^2 of the projections of x [n, d] and y [n, d], 0-d."""
        return sliced_wasserstein_squared(x, y, noise["directions"])


def sliced_wasserstein_squared(x: torch.Tensor, y: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """SW_2^2 of x [n, d] and y [n, d] along directions [k, d] of any length but zero, 0-d.

    Raises:
        ValueError: the samples differ in size.

    """
    if x.shape != y.shape:
        raise ValueError(f"the sorted formula needs samples of one size, given {tuple(x.shape)} and {tuple(y.shape)}")
    unit = directions / directions.norm(dim=-1, keepdim=True)
    (sorted_x, _), (sorted_y, _) = (unit @ x.T).sort(-1), (unit @ y.T).sort(-1)
    gaps: torch.Tensor = sorted_x - sorted_y
    return gaps.square().mean()
