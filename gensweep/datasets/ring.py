"""Gaussians on a circle."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field

from gensweep.datasets._toy import Toy, around

_SCALE = 1.414


class Ring(Toy):
    """Equal parts of N(c_k, σ²I) in the plane, with c_k = r (cos 2πk/K, sin 2πk/K), all divided by 1.414.

    With the defaults, the toy that shows mode collapse best, each coordinate has standard deviation 1.000.

    Fields: `n_modes` K; `radius` r and `sigma` σ, both before the division; `n_train`, `n_validation`, `n_test`; `seed`
    of the draws.

    Source: I. Gulrajani, F. Ahmed, M. Arjovsky, V. Dumoulin, A. Courville, "Improved training of Wasserstein GANs",
    2017, arXiv:1704.00028, figure 1; sizes from the authors' code.
    """

    name: Literal["ring"] = "ring"
    n_modes: int = Field(8, ge=1, le=1000, description="Gaussians")
    radius: float = Field(2.0, gt=0, description="of the circle of their centres, before the division by 1.414")
    sigma: float = Field(0.02, gt=0, description="standard deviation of each coordinate of a Gaussian, likewise")

    def modes(self) -> tuple[torch.Tensor, float]:
        """The centres [n_modes, 2] and the standard deviation, as they are in the data."""
        angle = torch.arange(self.n_modes, dtype=torch.float64) * (2 * math.pi / self.n_modes)
        centres = torch.stack([angle.cos(), angle.sin()], dim=1) * (self.radius / _SCALE)
        return centres.float(), self.sigma / _SCALE

    def draw(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """Draws [n, 2]."""
        return around(*self.modes(), n, generator)
