"""The debiased Sinkhorn divergence."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field

from gensweep.component import Knob
from gensweep.divergences._kernels import squared_distances
from gensweep.divergences.base import Divergence
from gensweep.losses import Knobs, Nets, Noise


class Sinkhorn(Divergence):
    """The Sinkhorn divergence: optimal transport blurred by entropy, less the blur of each sample with itself.

    S_eps(x, y) = OT_eps(x, y) - OT_eps(x, x) / 2 - OT_eps(y, y) / 2,
    OT_eps = min over couplings pi of <pi, C> + eps KL(pi | x (x) y),  C_ij = ||x_i - y_j||^2,  eps = blur^2.

    It goes to W_2^2 for a small blur and to ||E x - E y||^2 for a large one. The potentials come from a fixed number of
    log-domain steps. The gradient holds them fixed: it is <pi, dC>, by the envelope theorem, and exact once the steps
    have converged. Between N(0, I) and near Gaussians, 64 to 300 points in 2 to 16 dimensions, the defaults err by up
    to 5e-5 of the value and 0.7 % of the gradient; at blur 0.3 by 2 % and 19 %. There is no second derivative.

    Fields:
        blur: length below which points are not told apart, in units of the data, > 0; a knob.
        iterations: steps for the potentials, >= 1. Small blurs need more; eps falls to its value over the first half.

    Source: J. Feydy et al., "Interpolating between Optimal Transport and MMD using Sinkhorn Divergences", 2019,
    arXiv:1810.08278, eq. 3 and section 3; G. Patrini et al., "Sinkhorn AutoEncoders", 2019, arXiv:1810.01118 (the use).
    Differs: geomloss has C = ||x - y||^2 / 2 and eps = blur^2. Our value at blur b is twice its value at b / sqrt(2).
    """

    name: Literal["sinkhorn"] = "sinkhorn"
    blur: Annotated[float, Knob(), Field(gt=0, description="length below which points are not told apart")] = 1.0
    iterations: int = Field(30, ge=1, description="steps for the potentials")

    def penalty(self, x: torch.Tensor, y: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> torch.Tensor:
        """S_eps of x [n, d] and y [n, d], 0-d."""
        return sinkhorn_divergence(x, y, knobs["blur"].square(), self.iterations)


def sinkhorn_divergence(x: torch.Tensor, y: torch.Tensor, eps: torch.Tensor, iterations: int) -> torch.Tensor:
    """S_eps of x [n, d] and y [n, d] with uniform weights and squared distances, 0-d; eps is a squared length.

    Raises:
        ValueError: the samples differ in size.

    """
    if x.shape != y.shape:
        raise ValueError(f"the three problems are solved as one, given sizes {tuple(x.shape)} and {tuple(y.shape)}")
    costs = torch.stack([squared_distances(x, y), squared_distances(x, x), squared_distances(y, y)])
    g = _potentials(costs.detach(), eps, iterations)
    f = _softmin(costs.detach(), g, eps)
    # A lower bound of OT_eps for any g. The mass is 1, since f answers g, so its term only carries the gradient.
    mass = torch.exp((f[:, :, None] + g[:, None, :] - costs) / eps).mean((1, 2))
    between, within_x, within_y = (f.mean(1) + g.mean(1) - eps * (mass - 1)).unbind()
    return between - (within_x + within_y) / 2


def _potentials(costs: torch.Tensor, eps: torch.Tensor, iterations: int) -> torch.Tensor:
    """The second potential g [3, n] of each problem for costs [3, n, n]: x with y, x with x, y with y.

    The eps of the steps falls from the largest cost over their first half, as a cold start at a small eps would stall.
    """
    ratio = torch.clamp(costs.amax() / eps, min=1)
    g = torch.zeros_like(costs[:, 0])
    for step in range(iterations):
        temperature = eps * ratio ** max(1 - 2 * step / iterations, 0)
        f = _softmin(costs, g, temperature)
        between = _softmin(costs[0].T, f[0], temperature)
        # A sample with itself has one potential: half steps halve its error at least, where full ones could swing.
        g = torch.cat([between[None], (f[1:] + g[1:]) / 2])
    return g


def _softmin(costs: torch.Tensor, g: torch.Tensor, eps: torch.Tensor) -> torch.Tensor:
    """-eps log mean_j exp((g_j - C_ij) / eps), [..., n]: the f that makes the first marginal exact."""
    return -eps * (torch.logsumexp((g[..., None, :] - costs) / eps, -1) - math.log(costs.shape[-1]))
