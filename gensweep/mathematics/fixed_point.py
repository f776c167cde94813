"""Fixed points of slow iterations."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

_REMEMBERED = 5
_EXTRAPOLATED_EVERY = 3
_CHECKED_EVERY = 5  # a check waits for the device
_RIDGE = 1e-10  # of the mean square: differences of late steps are nearly parallel


class FixedPoint(NamedTuple):
    """Where an iteration stands, and whether a step from there is shorter than the tolerance."""

    point: torch.Tensor
    is_reached: bool


def fixed_point(
    step: Callable[[torch.Tensor], torch.Tensor], start: torch.Tensor, tolerance: float, most: int
) -> FixedPoint:
    """x <- step(x) from `start` until the mean of |step(x) - x| is at most `tolerance`, with at most `most` steps.

    Two of three steps are plain. The third goes to the combination of the last six images whose residual
    r = step(x) - x would be shortest, were `step` affine: x <- step(x) - sum_k gamma_k (y_k - y_k-1) for images y, where
    gamma minimises |r - sum_k gamma_k (r_k - r_k-1)|. Values that are not finite end it: they have no future.

    Source: D. Anderson, "Iterative Procedures for Nonlinear Integral Equations", 1965, doi:10.1145/321296.321305;
    P. Pratapa, P. Suryanarayana, J. Pask, "Anderson acceleration of the Jacobi iterative method", 2016, J. Comput. Phys.
    306, doi:10.1016/j.jcp.2015.11.018 (extrapolating at intervals, which stalls less than at every step).
    """
    x, memory = start, _Memory(start)
    for number in range(1, most + 1):
        image = step(x)
        residual = image - x
        is_checked = number % _CHECKED_EVERY == 0 or number == most
        if is_checked and not float(residual.abs().mean()) > tolerance:
            return FixedPoint(image, True)
        if number == most:
            return FixedPoint(image, False)
        memory.add(image, residual)
        x = memory.extrapolated() if number % _EXTRAPOLATED_EVERY == 0 else image
    return FixedPoint(start, False)


class _Memory:
    """The newest image and residual, and how the last few differ from those before them."""

    def __init__(self, like: torch.Tensor) -> None:
        self._images = like.new_zeros(_REMEMBERED, like.numel())
        self._residuals = torch.zeros_like(self._images)
        self._newest: tuple[torch.Tensor, torch.Tensor] | None = None
        self._count = 0

    def add(self, image: torch.Tensor, residual: torch.Tensor) -> None:
        if self._newest is not None:
            row = self._count % _REMEMBERED
            self._images[row] = (image - self._newest[0]).flatten()
            self._residuals[row] = (residual - self._newest[1]).flatten()
            self._count += 1
        self._newest = image, residual

    def extrapolated(self) -> torch.Tensor:
        assert self._newest is not None, "add() first"
        image, residual = self._newest
        differences = self._residuals.double()
        gram = differences @ differences.T
        ridge = _RIDGE * gram.diagonal().mean() + torch.finfo(gram.dtype).tiny
        gram.diagonal().add_(ridge)
        # solve_ex does not wait for the device to say whether the matrix was singular, which the ridge rules out
        gamma = torch.linalg.solve_ex(gram, differences @ residual.flatten().double()).result
        change: torch.Tensor = gamma.to(image) @ self._images
        return image - change.reshape(image.shape)
