"""Bounded data as unbounded data: grey levels filled with noise, then a logit. What exact densities are fitted to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

_MARGIN = 1e-6  # keeps the logit of a value on a bound finite in float32 where there is no alpha


@dataclass(frozen=True)
class Unbounded:
    """The map from items x [n, *shape] to y [n, d] in R^d, its inverse, and the log of its Jacobian's determinant.

    Without bounds y is x. Within them, with L grey levels one step w = (high - low) / (L - 1) apart, an item stands for
    the cell of side w above it: x + w u with u uniform, mapped onto (0, 1), then y = logit(alpha + (1 - 2 alpha) v).
    Densities are per unit of x. L = 0 is for continuous data: no noise.
    """

    shape: tuple[int, ...]
    bounds: tuple[float, float] | None
    levels: int = 0
    alpha: float = 0.05

    @property
    def takes_noise(self) -> bool:
        """Whether `forward` needs uniform noise of the items' shape."""
        return self.bounds is not None and self.levels > 0

    def forward(self, x: torch.Tensor, u: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """y [n, d] and log |det dy/dx| [n] of x [n, *shape], with noise u of its shape where it takes noise."""
        flat = x.flatten(1)
        if self.bounds is None:
            return flat, torch.zeros_like(flat[:, 0])
        low, width = self.bounds[0], self._width
        filled = flat - low if u is None else flat - low + self._step * u.flatten(1)
        p = self._alpha + (1 - 2 * self._alpha) * filled / width
        # dy/dx = (1 - 2 alpha) / width / (p (1 - p))
        log_slope = math.log((1 - 2 * self._alpha) / width) - torch.log(p) - torch.log1p(-p)
        return torch.log(p) - torch.log1p(-p), log_slope.sum(1)

    def inverse(self, y: torch.Tensor) -> torch.Tensor:
        """The items [n, *shape] of y [n, d]: on the nearest lower grey level where there are levels, within bounds."""
        if self.bounds is not None:
            low, high = self.bounds
            filled = (torch.sigmoid(y) - self._alpha) / (1 - 2 * self._alpha) * self._width
            if self.levels:
                filled = torch.floor(filled / self._step) * self._step
            y = (low + filled).clamp(low, high)
        return y.reshape(-1, *self.shape)

    @property
    def _alpha(self) -> float:
        return max(self.alpha, _MARGIN)

    @property
    def _step(self) -> float:
        assert self.bounds is not None
        return (self.bounds[1] - self.bounds[0]) / max(1, self.levels - 1)

    @property
    def _width(self) -> float:
        """Of the filled range: the data's own, and one step above it where there are levels."""
        assert self.bounds is not None
        return self.bounds[1] - self.bounds[0] + (self._step if self.levels else 0.0)
