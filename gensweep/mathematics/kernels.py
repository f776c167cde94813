"""Kernels of squared distances, and the maximum mean discrepancy that they give."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

Kernel = Callable[[torch.Tensor], torch.Tensor]


def squared_distances(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """||x_i - y_j||^2 of x [n, d] and y [m, d], [n, m]; may round to just below zero."""
    # The expansion cancels badly far from the origin; distances do not change when both samples are moved there.
    centre = y.mean(0).detach()
    a = x - centre
    b = a if x is y else y - centre
    of_a = a.square().sum(-1)
    of_b = of_a if a is b else b.square().sum(-1)
    return of_a[:, None] + of_b[None, :] - 2 * a @ b.T


def inverse_multiquadric(widths: torch.Tensor) -> Kernel:
    """The kernel sum over C in `widths` [s] of C / (C + ||x - y||^2), of squared distances [n, m]; C is one itself."""
    c = widths[:, None, None]
    return lambda squared: (c / (c + squared)).sum(0)


def gaussian(widths: torch.Tensor) -> Kernel:
    """The kernel sum over C in `widths` [s] of exp(-||x - y||^2 / C), of squared distances [n, m]; C is twice a variance."""
    c = widths[:, None, None]
    return lambda squared: torch.exp(-squared / c).sum(0)


def mmd_squared_unbiased(x: torch.Tensor, y: torch.Tensor, kernel: Kernel) -> torch.Tensor:
    """The unbiased estimate of MMD^2 between the laws of x [n, d] and y [m, d], 0-d; below zero by chance near zero.

    sum_{i != j} k(x_i, x_j) / (n (n-1)) + sum_{i != j} k(y_i, y_j) / (m (m-1)) - 2 sum_{i, j} k(x_i, y_j) / (n m).

    Source: A. Gretton et al., "A Kernel Two-Sample Test", JMLR 13, 2012, eq. 3.
    """
    return mean_of_pairs(kernel, x) + mean_of_pairs(kernel, y) - 2 * kernel(squared_distances(x, y)).mean()


def mean_of_pairs(kernel: Kernel, x: torch.Tensor) -> torch.Tensor:
    """The mean of k(x_i, x_j) over i != j: the diagonal would add a constant and make the estimate biased."""
    n = x.shape[0]
    values = kernel(squared_distances(x, x))
    return (values.sum() - values.diagonal().sum()) / (n * (n - 1))


def rational_quadratic(alphas: Sequence[float], length: torch.Tensor | float) -> Kernel:
    """The kernel sum over alpha in `alphas` of (1 + ||x - y||^2 / (2 alpha length^2))^-alpha."""
    return lambda squared: torch.stack(
        [torch.exp(-alpha * torch.log1p(squared.clamp(min=0) / (2 * alpha * length**2))) for alpha in alphas]
    ).sum(0)


def negative_distance(squared: torch.Tensor) -> torch.Tensor:
    """The kernel -||x - y||, whose MMD^2 is the energy distance; its slope is 0 where two points coincide."""
    return -squared.clamp(min=1e-12).sqrt()  # the slope of the root is infinite at 0
