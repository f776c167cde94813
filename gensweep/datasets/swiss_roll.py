"""A spiral in the plane."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field

from gensweep.datasets._toy import Toy, angles, normal

_SCALE = 7.5


class SwissRoll(Toy):
    """(t cos t, t sin t) + noise N(0, I) with t uniform between 1.5π and 4.5π, all divided by 7.5.

    It is scikit-learn's swiss roll without its depth. With the defaults the coordinates have standard deviations 0.883
    and 0.925.

    Fields: `noise`, the standard deviation added to each coordinate, before the division; `n_train`, `n_validation`,
    `n_test`; `seed` of the draws.

    Source: I. Gulrajani, F. Ahmed, M. Arjovsky, V. Dumoulin, A. Courville, "Improved training of Wasserstein GANs",
    2017, arXiv:1704.00028, figure 1; sizes from the authors' code.
    """

    name: Literal["swiss_roll"] = "swiss_roll"
    noise: float = Field(0.25, ge=0, description="standard deviation of the noise, before the division by 7.5")

    def draw(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """Draws [n, 2]."""
        t = angles(n, 1.5, 4.5, generator)
        roll = t[:, None] * torch.stack([t.cos(), t.sin()], dim=1)
        return (roll + self.noise * normal(roll.shape, generator)) / _SCALE
