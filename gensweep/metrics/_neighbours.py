"""Distances to nearest neighbours, a block of rows at a time, in float64."""

from __future__ import annotations

import torch

_ROWS = 1000


def radii(x: torch.Tensor, k: int) -> torch.Tensor:
    """The distance of each row of x [n, d] to its k-th nearest other row, [n]. It needs n > k."""
    # The nearest of all is the row itself, so the k-th other one is the (k + 1)-th. `kthvalue` takes up to ten times as long.
    found = [torch.cdist(rows, x).topk(k + 1, largest=False, sorted=False).values for rows in torch.split(x, _ROWS)]
    return torch.cat(found).amax(1)


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


def reached(
    x: torch.Tensor, x_radius: torch.Tensor, y: torch.Tensor, y_radius: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Whether each row of x [n, d] lies in a ball around y [m, d], [n]; whether each row of y lies in one around x, [m].

    The balls are closed, with the radii [n] and [m]. Every distance is computed once.
    """
    x_lies, y_lies = [], torch.zeros(len(y), dtype=torch.bool)
    for rows, radius in zip(torch.split(x, _ROWS), torch.split(x_radius, _ROWS), strict=True):
        distance = torch.cdist(rows, y)
        x_lies.append((distance <= y_radius).any(1))
        y_lies |= (distance <= radius[:, None]).any(0)
    return torch.cat(x_lies), y_lies
