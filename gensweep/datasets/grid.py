"""Gaussians on a square grid."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field

from gensweep.datasets._toy import Toy, around

_SCALE = 2.828


class Grid(Toy):
    """Equal parts of N(c, σ²I) in the plane over the K × K grid of c = spacing · {−(K−1)/2, …, (K−1)/2}², divided by 2.828.

    With the defaults, 25 Gaussians, each coordinate has standard deviation 1.000.

    Fields: `side` K; `spacing` and `sigma` σ, both before the division; `n_train`, `n_validation`, `n_test`; `seed` of
    the draws.

    Source: I. Gulrajani, F. Ahmed, M. Arjovsky, V. Dumoulin, A. Courville, "Improved training of Wasserstein GANs",
    2017, arXiv:1704.00028, figure 1; sizes from the authors' code.
    """

    name: Literal["grid"] = "grid"
    side: int = Field(5, ge=1, le=100, description="Gaussians along each axis")
    spacing: float = Field(2.0, gt=0, description="between neighbouring centres, before the division by 2.828")
    sigma: float = Field(0.05, gt=0, description="standard deviation of each coordinate of a Gaussian, likewise")

    def modes(self) -> tuple[torch.Tensor, float]:
        """The centres [side², 2] and the standard deviation, as they are in the data."""
        ticks = (torch.arange(self.side, dtype=torch.float64) - (self.side - 1) / 2) * (self.spacing / _SCALE)
        return torch.cartesian_prod(ticks, ticks).float(), self.sigma / _SCALE

    def draw(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """Draws [n, 2]."""
        return around(*self.modes(), n, generator)
