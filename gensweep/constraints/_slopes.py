"""The slopes of a critic, point by point, for the constraints that hold them."""

from __future__ import annotations

from collections.abc import Callable

import torch


def squared_slopes(critic: Callable[..., torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """||grad f(x_i)||^2 of a critic [n, *shape] -> [n, 1] at x [n, *shape], [n]; itself differentiable.

    The gradient of the sum is the gradients of the terms, since f(x_i) depends on x_i alone.
    """
    gradient: torch.Tensor = torch.func.grad(lambda points: critic(points).sum())(x)
    return gradient.flatten(1).square().sum(-1)


def interpolates(real: torch.Tensor, fake: torch.Tensor, mixing: torch.Tensor) -> torch.Tensor:
    """Points u x + (1 - u) y between pairs of data and samples [n, *shape] for mixing u [n], [n, *shape]."""
    u = mixing.reshape(-1, *[1] * (real.dim() - 1))
    return u * real + (1 - u) * fake
