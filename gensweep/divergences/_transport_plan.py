"""The exact transport plan as one operation that torch's transforms take for a black box."""

from __future__ import annotations

from typing import Any

import torch

_MOST_PIVOTS = 10**7  # POT's own 10^5 stop short of the optimum at 2,000 points, with no more than a warning


@torch.library.custom_op("gensweep::transport_plan", mutates_args=())
def transport_plan(costs: torch.Tensor) -> torch.Tensor:
    """The plan [n, m] of least cost between uniform weights, for costs [n, m] on any device. It has no gradient."""
    import ot

    plan = ot.emd([], [], costs.detach().double().cpu().numpy(), numItermax=_MOST_PIVOTS)
    return torch.as_tensor(plan).to(costs)


@transport_plan.register_fake
def _(costs: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(costs)


def _no_gradient(_context: Any, _slope: torch.Tensor) -> None:
    return None


transport_plan.register_autograd(_no_gradient)


@transport_plan.register_vmap
def _(_info: Any, in_dims: tuple[int | None, ...], costs: torch.Tensor) -> tuple[torch.Tensor, int | None]:
    """Member by member: the solver is sequential."""
    if in_dims[0] is None:
        return transport_plan(costs), None
    return torch.stack([transport_plan(one) for one in costs.movedim(in_dims[0], 0)]), 0
