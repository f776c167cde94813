"""Optimal transport between two samples of the same size: exactly, and sliced."""

from __future__ import annotations

import warnings
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import torch
from pydantic import Field, PlainSerializer

from gensweep.errors import GensweepError

_MAX_ITERATIONS = 10**7


def _written(p: float) -> int | float:
    return int(p) if p == int(p) else p


# A whole order is written without a point, as 1 and 2 always were, so that 1 and 1.0 are one protocol.
Order: TypeAlias = Annotated[float, Field(ge=1, le=100), PlainSerializer(_written, return_type=Any)]


def wasserstein_distance(x: torch.Tensor, y: torch.Tensor, p: float) -> float:
    """W_p, p >= 1, between the empirical laws of x [n, …] and y [m, …], flattened, for the Euclidean distance.

    W_p = (min over couplings of E |X − Y|^p)^(1/p), by sorting equally many numbers, else by POT's network simplex, and
    above p = 2 by an assignment of equally many points, in float64.

    Raises:
        GensweepError: the simplex stopped before the optimum.
    """
    x, y = x.flatten(1).double(), y.flatten(1).double()
    if x.shape[1] == 1 and len(x) == len(y):
        return sliced_distance(_in_order(x.T), _in_order(y.T), p)
    distances = torch.cdist(x, y)
    unit = _unit(distances, p)
    costs = (distances / unit) ** p
    if p > 2 and len(x) == len(y):  # the simplex stops short where costs span more orders than its tolerance knows
        from scipy.optimize import linear_sum_assignment  # late, as POT is

        rows, columns = linear_sum_assignment(costs.numpy())
        return unit * float(costs[rows, columns].mean() ** (1 / p))
    import ot  # here alone: POT's __init__ takes 2 s for scikit-learn and networkx, and `gensweep check` reads this file

    with warnings.catch_warnings():
        # With its default limit POT gives a value that is not optimal from about n = 2000 on, and only warns.
        warnings.simplefilter("error", UserWarning)
        try:
            cost = float(ot.emd2([], [], costs.numpy(), numItermax=_MAX_ITERATIONS))
        except UserWarning as warning:
            raise GensweepError(f"exact Wasserstein distance of n = {len(x)}: {warning}. Use a smaller n.") from warning
    return unit * float(cost ** (1 / p))


def _unit(distances: torch.Tensor, p: float) -> float:
    """What distances are divided by before they are raised to p: large powers leave the range of numbers."""
    return float(distances.max()) or 1.0 if p > 2 else 1.0


def directions(dimensions: int, projections: int, seed: int) -> torch.Tensor:
    """Independent uniform directions on the unit sphere, [dimensions, projections]."""
    normal = torch.randn(dimensions, projections, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(normal, dim=0).float()


def projected(x: torch.Tensor, along: torch.Tensor) -> torch.Tensor:
    """The rows of x [n, …] along each of the directions [d, projections], sorted: [projections, n]."""
    return _in_order(along.T @ x.flatten(1).T)


def _in_order(rows: torch.Tensor) -> torch.Tensor:
    """Each row of [k, n] from its least value to its largest; those that are not a number are last.

    On a CPU by NumPy, which sorts values with vector instructions: a thirtieth of the time of torch, which sorts indices along.
    """
    if rows.device.type != "cpu":
        return rows.sort(dim=1).values
    return torch.from_numpy(np.sort(rows.detach().numpy(), axis=1))


def sliced_distance(x_sorted: torch.Tensor, y_sorted: torch.Tensor, p: float) -> float:
    """(mean over directions of W_p^p)^(1/p) of two results of `projected` of the same shape.

    In one dimension the optimal coupling of equally many points is the sorted one.
    """
    gaps = (x_sorted - y_sorted).double().abs()
    unit = _unit(gaps, p)
    return unit * float((gaps / unit).pow(p).mean().pow(1 / p))


def steepest_direction(
    x: torch.Tensor, y: torch.Tensor, p: Literal[1, 2], climbs: tuple[int, int], seed: int
) -> tuple[float, torch.Tensor]:
    """The largest W_p(⟨u, x⟩, ⟨u, y⟩) met on gradient climbs over unit u, and that u [d], for x and y [n, d].

    `climbs` is (random starts, steps). For the sorted coupling σ the gradient of W_p^p is
    p E |δ|^(p−1) sign(δ) (x_i − y_σ(i)), δ = ⟨u, x_i − y_σ(i)⟩. A step turns u towards it, first far, then less.
    """
    starts, steps = climbs
    along = directions(x.shape[1], starts, seed).to(x.dtype)
    shift = x.mean(0) - y.mean(0)
    if float(shift.norm()) > 0:
        along = torch.cat([along, torch.nn.functional.normalize(shift, dim=0)[:, None]], dim=1)
    best, steepest = -1.0, along[:, 0]
    for step in range(steps + 1):
        (along_x, order_x), (along_y, order_y) = (x @ along).sort(0), (y @ along).sort(0)
        delta = along_x - along_y
        values = delta.abs().pow(p).mean(0).pow(1 / p)
        if float(values.max()) > best:
            best, steepest = float(values.max()), along[:, int(values.argmax())]
        weights = delta.abs().pow(p - 1) * delta.sign()
        # Σ_i w_i (x_i − y_σ(i)) as two products, with the weights put back at their items.
        weights_x = torch.zeros_like(weights).scatter_(0, order_x, weights)
        weights_y = torch.zeros_like(weights).scatter_(0, order_y, weights)
        uphill = torch.nn.functional.normalize(x.T @ weights_x - y.T @ weights_y, dim=0)
        along = torch.nn.functional.normalize(along + uphill * (4 * (1 - step / (steps + 1)) ** 2), dim=0)
    return best, steepest
