"""Clusters and mixtures of Gaussians, fitted to a cloud of points; in float64, the same points give the same fit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from gensweep.families._fitted import chosen

_ROUNDS = 100
_ENOUGH = 1e-6  # gain in nats a point below which a fit has converged
_FLOOR = 1e-6  # added to each variance, as a share of the mean variance of the points: no component may collapse


@dataclass(frozen=True)
class Mixture:
    """sum_k weights[k] N(means[k], factors[k] factors[k]^T): [k], [k, d] and lower triangular [k, d, d], float64."""

    weights: torch.Tensor
    means: torch.Tensor
    factors: torch.Tensor

    def sample(self, normal: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        """Draws [n, d] from standard normal numbers [n, d] and uniform ones [n], in their precision."""
        k = chosen(uniform, self.weights)
        means, factors = self.means.to(normal.dtype), self.factors.to(normal.dtype)
        drawn: torch.Tensor = means[k] + (factors[k] @ normal[..., None])[..., 0]
        return drawn

    def log_parts(self, x: torch.Tensor) -> torch.Tensor:
        """log weights[k] N(x; k) for x [n, d], [n, k], in nats."""
        offsets = (x[None] - self.means[:, None]).mT
        whitened: torch.Tensor = torch.linalg.solve_triangular(self.factors, offsets, upper=False)
        log_root = self.factors.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        constant = self.weights.log() - log_root - 0.5 * x.shape[1] * math.log(2 * math.pi)
        return (constant[:, None] - 0.5 * whitened.square().sum(1)).T


def fit_mixture(points: torch.Tensor, n_components: int) -> Mixture:
    """The mixture of Gaussians with full covariances to which expectation maximisation leads from k-means, for [n, d].

    Source: A. Dempster, N. Laird, D. Rubin, "Maximum Likelihood from Incomplete Data via the EM Algorithm", 1977.
    """
    x = points.detach().double()
    centres = k_means(x, n_components)
    shares = torch.nn.functional.one_hot(_nearest(x, centres), len(centres)).double()
    before = -math.inf
    for _ in range(_ROUNDS):
        mixture = _maximised(x, shares)
        logs = mixture.log_parts(x)
        total = torch.logsumexp(logs, 1, keepdim=True)
        shares = torch.exp(logs - total)
        if float(total.mean()) - before < _ENOUGH:
            break
        before = float(total.mean())
    return mixture


def k_means(points: torch.Tensor, k: int) -> torch.Tensor:
    """Centres [at most k, d] of points [n, d], by Lloyd's rounds from k-means++ with a fixed seed.

    Source: D. Arthur, S. Vassilvitskii, "k-means++: The Advantages of Careful Seeding", 2007.
    """
    generator = torch.Generator().manual_seed(0)
    first = int(torch.randint(len(points), (), generator=generator))
    centres = points[first : first + 1]
    for _ in range(min(k, len(points)) - 1):
        squared = torch.cdist(points, centres).square().amin(1)
        if not float(squared.sum()):
            break  # every point is a centre already
        uniform = torch.rand(1, generator=generator, dtype=torch.float64).to(points.device, points.dtype)
        centres = torch.cat([centres, points[chosen(uniform, squared / squared.sum())]])
    for _ in range(_ROUNDS):
        shares = torch.nn.functional.one_hot(_nearest(points, centres), len(centres)).to(points.dtype)
        counts = shares.sum(0)[:, None]
        moved = torch.where(counts > 0, shares.T @ points / counts.clamp(min=1), centres)
        if torch.equal(moved, centres):
            break
        centres = moved
    return centres


def _nearest(points: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    return torch.cdist(points, centres).argmin(1)


def _maximised(x: torch.Tensor, shares: torch.Tensor) -> Mixture:
    """The likeliest mixture where point i belongs to component k by shares[i, k]."""
    counts = shares.sum(0).clamp(min=1e-9)
    means = shares.T @ x / counts[:, None]
    floor = _FLOOR * x.var(0, correction=0).mean() + torch.finfo(x.dtype).tiny
    eye = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    covariances = [((x - m) * s[:, None]).T @ (x - m) / c for m, s, c in zip(means, shares.T, counts, strict=True)]
    factors = torch.linalg.cholesky(torch.stack(covariances) + floor * eye)
    return Mixture(counts / counts.sum(), means, factors)
