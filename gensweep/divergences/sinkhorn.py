"""The debiased Sinkhorn divergence."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field

from gensweep.component import Knob
from gensweep.divergences.base import Divergence, Knobs, Nets, Noise


class Sinkhorn(Divergence):
    """The Sinkhorn divergence: optimal transport blurred by entropy, less the blur of each sample with itself.

    S_eps(x, y) = OT_eps(x, y) - OT_eps(x, x) / 2 - OT_eps(y, y) / 2,
    OT_eps = min over couplings pi of <pi, C> + eps KL(pi | x (x) y),  C_ij = ||x_i - y_j||^2,  eps = blur^2.

    It goes to W_2^2 for a small blur and to ||E x - E y||^2 for a large one. The potentials come from a fixed number of
    log-domain steps whose eps falls geometrically from the largest cost; the gradient is <pi, dC>, as the
    envelope theorem has it, and is exact when the steps have converged. Gradients of it again are not defined.

    Fields:
        blur: length below which points are not told apart, in units of the data, > 0; a knob.
        iterations: steps for the potentials, >= 1. Small blurs need more.

    Source: J. Feydy et al., "Interpolating between Optimal Transport and MMD using Sinkhorn Divergences", 2019,
    arXiv:1810.08278, eq. 3 and section 3; G. Patrini et al., "Sinkhorn AutoEncoders", 2019, arXiv:1810.01118 (the use).
    Differs: geomloss has C = ||x - y||^2 / 2 and eps = blur^2. Our value at blur b is twice its value at b / sqrt(2).
    """

    name: Literal["sinkhorn"] = "sinkhorn"
    blur: Annotated[float, Knob(), Field(gt=0, description="length below which points are not told apart")] = 1.0
    iterations: int = Field(40, ge=1, description="steps for the potentials")

    def penalty(self, x: torch.Tensor, y: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> torch.Tensor:
        """S_eps of x [n, d] and y [m, d], 0-d."""
        return sinkhorn_divergence(x, y, knobs["blur"].square(), self.iterations)


def sinkhorn_divergence(x: torch.Tensor, y: torch.Tensor, eps: torch.Tensor, iterations: int) -> torch.Tensor:
    """S_eps of x [n, d] and y [m, d] with uniform weights and squared distances, 0-d; eps is a squared length."""
    from gensweep.divergences._kernels import squared_distances

    between = entropic_transport(squared_distances(x, y), eps, iterations)
    within = [self_transport(squared_distances(z, z), eps, iterations) for z in (x, y)]
    return between - (within[0] + within[1]) / 2


def entropic_transport(cost: torch.Tensor, eps: torch.Tensor, iterations: int) -> torch.Tensor:
    """OT_eps between uniform weights for cost [n, m], 0-d: the two potentials take turns."""
    fixed = cost.detach()
    g = fixed.new_zeros(fixed.shape[1])
    for temperature in _temperatures(fixed, eps, iterations):
        f = _softmin(fixed, g, temperature)
        g = _softmin(fixed.T, f, temperature)
    return _dual(cost, g, eps)


def self_transport(cost: torch.Tensor, eps: torch.Tensor, iterations: int) -> torch.Tensor:
    """OT_eps of a sample with itself for the symmetric cost [n, n], 0-d: one potential, stepped by halves."""
    fixed = cost.detach()
    f = fixed.new_zeros(fixed.shape[0])
    for temperature in _temperatures(fixed, eps, iterations):
        f = (f + _softmin(fixed, f, temperature)) / 2
    return _dual(cost, f, eps)


def _dual(cost: torch.Tensor, g: torch.Tensor, eps: torch.Tensor) -> torch.Tensor:
    """Mean f + mean g - eps (sum pi - 1) with f the best answer to g and both held fixed: a lower bound of OT_eps.

    The sum of pi = exp((f + g - C) / eps) / (n m) is 1, so the last term only carries the gradient <pi, dC>.
    """
    f = _softmin(cost.detach(), g, eps)
    mass = torch.exp((f[:, None] + g[None, :] - cost) / eps).mean()
    return f.mean() + g.mean() - eps * (mass - 1)


def _softmin(cost: torch.Tensor, g: torch.Tensor, eps: torch.Tensor) -> torch.Tensor:
    """-eps log mean_j exp((g_j - C_ij) / eps), [n]: the first marginal is then exact."""
    return -eps * (torch.logsumexp((g[None, :] - cost) / eps, 1) - math.log(cost.shape[1]))


def _temperatures(cost: torch.Tensor, eps: torch.Tensor, iterations: int) -> list[torch.Tensor]:
    """From the largest cost down to eps over the first half of the steps, then eps: a cold start at eps would stall."""
    ratio = torch.clamp(cost.amax() / eps, min=1)
    half = max(iterations // 2, 1)
    return [eps * ratio ** max(1 - step / half, 0) for step in range(iterations)]
