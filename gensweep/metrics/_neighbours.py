"""Distances to nearest neighbours, a block of rows at a time, in float64."""

from __future__ import annotations

import torch

_ROWS = 1000


def radii(x: torch.Tensor, k: int) -> torch.Tensor:
    """The distance of each row of x [n, d] to its k-th nearest other row, [n]. It needs n > k."""
    # The nearest of all is the row itself, so the k-th other one is the (k + 1)-th.
    return torch.cat([torch.cdist(rows, x).kthvalue(k + 1, dim=1).values for rows in torch.split(x, _ROWS)])


def nearest(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The distance of each row of x [n, d] to its nearest row of y [m, d], [n]."""
    return torch.cat([torch.cdist(rows, y).min(dim=1).values for rows in torch.split(x, _ROWS)])


def balls_around(x: torch.Tensor, centres: torch.Tensor, radius: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How many balls (centres [m, d], radius [m]) each row of x [n, d] lies in, [n]; whether each ball has a row, [m]."""
    counts, hit = [], torch.zeros(len(centres), dtype=torch.bool)
    for rows in torch.split(x, _ROWS):
        inside = torch.cdist(rows, centres) <= radius
        counts.append(inside.sum(1))
        hit |= inside.any(0)
    return torch.cat(counts), hit
