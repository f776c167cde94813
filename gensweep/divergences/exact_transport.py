"""Exact optimal transport between two samples."""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import Field

from gensweep.divergences.base import Divergence
from gensweep.losses import Knobs, Nets, Noise, PopulationObjective
from gensweep.mathematics.kernels import squared_distances

_MOST_PIVOTS = 10**7  # POT's own 10^5 stop short of the optimum at 2,000 points, with no more than a warning


class ExactTransport(Divergence):
    """The Wasserstein distance of two samples to its own power: W_p^p(x, y) = min over plans pi of <pi, C>.

    C_ij = ||x_i - y_j||^p, of the Euclidean norm; by default it is W_2^2. The best plan comes from POT's network simplex,
    on the CPU; its gradient holds it fixed, which is exact wherever the best plan is unique (the envelope theorem). The
    distance between two samples of one law is not zero but falls as n^(-p/d): in high dimension a model trained on
    minibatches shrinks, for which `sinkhorn` corrects. A batch of 64 takes a millisecond, of 1000 about 0.1 s; a batch on
    a GPU moves to the CPU and back. At p = 1 the slope at two points that coincide is taken to be 0.

    Fields:
        p: the order, in [1, 6]: of higher powers the solver does not tell small distances apart. The value is of lengths to
            the power p, so a weight beside it is of another unit for each p.

    Source: N. Bonneel et al., "Displacement Interpolation Using Lagrangian Mass Transport", 2011 (the solver); K. Fatras
    et al., "Learning with Minibatch Wasserstein", 2020, arXiv:1910.04091 (plans of minibatches, and their bias).
    """

    name: Literal["exact_transport"] = "exact_transport"
    p: float = Field(
        2.0,
        ge=1,
        le=6,
        exclude_if=lambda p: p == 2,  # a sweep that names none is what it was before there were others
        description="order: the cost is the Euclidean distance to the power p",
    )

    def population_objective(self) -> PopulationObjective:
        """W_p^p, for batches without end."""
        name = {1.0: "wasserstein_1", 2.0: "wasserstein_2"}.get(self.p, "wasserstein_p")
        bias = "two batches of one law are not at distance 0, so the fit is narrower"
        return PopulationObjective(name, self.p if name == "wasserstein_p" else 1.0, bias)

    def penalty(self, x: torch.Tensor, y: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> torch.Tensor:
        """W_p^p of x [n, d] and y [m, d], 0-d."""
        costs = squared_distances(x, y) if self.p == 2 else _distances(x, y).pow(self.p)
        # The best plan is that of any multiple of the costs, and the solver's tolerance is of costs near 1.
        plan: torch.Tensor = transport_plan(costs.detach() if self.p <= 2 else costs.detach() / costs.detach().amax())
        return (plan * costs).sum()


def _distances(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """||x_i - y_j|| of x [n, d] and y [m, d], [n, m], exact also near 0, where its slope is taken to be 0."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


@torch.library.custom_op("gensweep::transport_plan", mutates_args=())
def transport_plan(costs: torch.Tensor) -> torch.Tensor:
    """The plan [n, m] of least cost between uniform weights, for costs [n, m] on any device. It has no gradient."""
    import ot  # here alone: it takes seconds, and `gensweep check` of a sweep with this divergence reads this file

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
