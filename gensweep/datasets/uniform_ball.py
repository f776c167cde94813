"""A ball that is filled evenly."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field

from gensweep.datasets._toy import Toy, normal


class UniformBall(Toy):
    """The uniform law on the ball |x| ≤ r in d dimensions: a direction g/|g| of a Gaussian g times r U^(1/d).

    Bounded, smooth inside and with a sharp edge; E|x|² = r² d/(d + 2).

    Fields: `dimensions` d; `radius` r; `n_train`, `n_validation`, `n_test`; `seed` of the draws.

    Source: L. Devroye, "Non-uniform random variate generation", 1986, doi:10.1007/978-1-4613-8643-8, section V.4.
    """

    name: Literal["uniform_ball"] = "uniform_ball"
    dimensions: int = Field(2, ge=1, le=4096, description="of the space")
    radius: float = Field(1.0, gt=0, description="of the ball")

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of dimensions."""
        return (self.dimensions,)

    @property
    def bounds(self) -> tuple[float, float]:
        """No coordinate leaves the ball."""
        return (-self.radius, self.radius)

    def draw(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """Draws [n, dimensions]."""
        direction = torch.nn.functional.normalize(normal((n, self.dimensions), generator), dim=1)
        uniform = torch.rand(n, 1, dtype=torch.float64, generator=generator)
        return (self.radius * uniform ** (1 / self.dimensions) * direction).clamp(-self.radius, self.radius)
