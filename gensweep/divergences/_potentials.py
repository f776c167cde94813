"""The potentials of entropic transport between two samples and of each with itself."""

from __future__ import annotations

import math
from typing import Any

import torch

from gensweep.mathematics.fixed_point import fixed_point

_COOLING = 0.65  # eps falls to this part of itself at each step of the annealing
_FEWEST, _MOST = 1000, 3000  # the cap at a small and at a large ratio of cost to eps
_RATIO_PER_STEP = 10
_LOWEST = -60.0  # exp of it is nothing beside 1, in float64 too


def scaled_cap(ratio: float) -> int:
    """The most steps where the largest cost is `ratio` times eps: 1000 + ratio / 10, at most 3000."""
    return min(_FEWEST + math.ceil(ratio / _RATIO_PER_STEP), _MOST)


@torch.library.custom_op("gensweep::sinkhorn_potentials", mutates_args=())
def potentials(
    costs: torch.Tensor, eps: torch.Tensor, tolerance: float, most: int | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The second potential g [3, n] of each problem for costs [3, n, n]: x with y, x with x, y with y.

    Also whether, 1 or 0, 0-d, `most` steps (None: `scaled_cap`) ended before the mean change of the potentials in a step
    was at most `tolerance` eps, which is the error of the second marginal. It has no gradient.
    """
    ratio = max(1.0, float(costs.amax() / eps))
    if not math.isfinite(ratio):
        return torch.full_like(costs[:, 0], math.nan), torch.zeros_like(costs[0, 0, 0])
    cap = scaled_cap(ratio) if most is None else most
    n_cooling = min(math.ceil(math.log(ratio) / -math.log(_COOLING)), (cap + 1) // 2)
    cooled = _cooled(costs, eps, ratio, n_cooling) / eps
    costs = costs / eps
    back = costs[0].T.contiguous()
    between = fixed_point(lambda g: _softmin(back, _softmin(costs[0], g)), cooled[0], tolerance, cap - n_cooling)
    within = fixed_point(lambda g: _half_step(costs[1:], g), cooled[1:], tolerance, cap - n_cooling)
    is_short = not (between.is_reached and within.is_reached)
    return torch.cat([between.point[None], within.point]) * eps, torch.full_like(costs[0, 0, 0], float(is_short))


@potentials.register_fake
def _(costs: torch.Tensor, eps: torch.Tensor, tolerance: float, most: int | None) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.empty_like(costs[:, 0]), torch.empty_like(costs[0, 0, 0])


def _no_gradient(_context: Any, *_slopes: torch.Tensor) -> tuple[None, ...]:
    return None, None, None, None


potentials.register_autograd(_no_gradient)


@potentials.register_vmap
def _(
    info: Any,
    in_dims: tuple[int | None, ...],
    costs: torch.Tensor,
    eps: torch.Tensor,
    tolerance: float,
    most: int | None,
) -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[int, int]]:
    """Member by member: each has as many steps as it needs."""
    members = [
        [one] * info.batch_size if dim is None else one.movedim(dim, 0)
        for one, dim in zip((costs, eps), in_dims, strict=False)
    ]
    found = [potentials(*member, tolerance, most) for member in zip(*members, strict=True)]
    return (torch.stack([g for g, _ in found]), torch.stack([flag for _, flag in found])), (0, 0)


def _cooled(costs: torch.Tensor, eps: torch.Tensor, ratio: float, n_steps: int) -> torch.Tensor:
    """g [3, n] after `n_steps` in which the eps of the steps falls from the largest cost: a cold start would stall."""
    g = torch.zeros_like(costs[:, 0])
    for number in range(n_steps):
        temperature = eps * ratio ** (1 - number / n_steps)
        own, scaled = costs / temperature, g / temperature
        between = _softmin(own[0].T, _softmin(own[0], scaled[0]))
        g = torch.cat([between[None], _half_step(own[1:], scaled[1:])]) * temperature
    return g


def _half_step(costs: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """A sample with itself has one potential: half steps halve its error at least, where full ones could swing."""
    return (g + _softmin(costs, g)) / 2


def _softmin(costs: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """-log mean_j exp(g_j - C_ij), [..., n], for costs and potentials in units of eps: the first marginal made exact."""
    exponents = g[..., None, :] - costs
    largest = exponents.amax(-1, keepdim=True)
    # Without the bound most are below what exp can hold, which it computes several times slower.
    total = exponents.sub_(largest).clamp_(min=_LOWEST).exp_().mean(-1)
    return -(largest.squeeze(-1) + total.log_())
