"""Two half circles that reach into each other."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field

from gensweep.datasets._toy import Toy, angles, normal


class TwoMoons(Toy):
    """Equal parts of (cos t, sin t) and (1 − cos t, ½ − sin t) with t uniform between 0 and π, plus noise N(0, I).

    The law of scikit-learn's `make_moons`, with random instead of evenly spaced angles.

    Fields: `noise`, the standard deviation added to each coordinate; `n_train`, `n_validation`, `n_test`; `seed` of the
    draws.

    Source: F. Pedregosa et al., "Scikit-learn: machine learning in Python", 2011, JMLR 12, `make_moons`.
    """

    name: Literal["two_moons"] = "two_moons"
    noise: float = Field(0.05, ge=0, description="standard deviation of the noise, in units of the circles' radius")

    def draw(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """Draws [n, 2]."""
        t = angles(n, 0, 1, generator)
        lower = torch.randint(2, (n,), generator=generator).bool()[:, None]
        outer = torch.stack([t.cos(), t.sin()], dim=1)
        inner = torch.stack([1 - t.cos(), 0.5 - t.sin()], dim=1)
        return torch.where(lower, inner, outer) + self.noise * normal(outer.shape, generator)
