"""The unbiased estimate of the squared maximum mean discrepancy, a block of rows at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch

KernelOf: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # of x [n, d] and y [m, d], [n, m]
_ROWS = 1000  # blocks keep memory at 1000 × m numbers, where all pairs of 10,000 would take 800 MB


def mmd_squared(x: torch.Tensor, y: torch.Tensor, kernel: KernelOf, within_y: float | None = None) -> float:
    """E' k(x, x') + E' k(y, y') − 2 E k(x, y) of x [n, d] and y [m, d], where E' leaves out i = j.

    `within_y` is the second term where it is known already.

    Source: A. Gretton, K. Borgwardt, M. Rasch, B. Schölkopf, A. Smola, "A Kernel Two-Sample Test", 2012, equation 3.
    """
    between = math.fsum(float(kernel(rows, y).sum()) for rows in torch.split(x, _ROWS)) / (len(x) * len(y))
    return within(x, kernel) + (within(y, kernel) if within_y is None else within_y) - 2 * between


def within(x: torch.Tensor, kernel: KernelOf) -> float:
    """The mean of k(x_i, x_j) over i ≠ j for x [n, d]: the diagonal would make the estimate biased."""
    total = 0.0
    for begin in range(0, len(x), _ROWS):
        values = kernel(x[begin : begin + _ROWS], x)
        total += float(values.sum() - values.diagonal(begin).sum())
    return total / (len(x) * (len(x) - 1))


def polynomial(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """(⟨x, y⟩/d + 1)³ of x [n, d] and y [m, d], [n, m]: KID's kernel."""
    return (x @ y.T / x.shape[1] + 1) ** 3
