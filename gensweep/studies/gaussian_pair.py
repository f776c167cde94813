"""A one-dimensional mixture P and one Gaussian Q, with what integrals over both of them need.

P has the density p and the distribution function F, Q has q and G. Integrals are Gauss-Legendre sums on panels that
follow the components of P and Q itself, each as fine as that is narrow, so that a Gaussian between the components or far
narrower than them is seen as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Array: TypeAlias = NDArray[np.float64]

_NODES, _WEIGHTS = legendre.leggauss(8)
# Edges of the panels in deviations of a Gaussian; far out they only show whether an integral converges, and how slowly.
_NEAR, _FAR = np.arange(-14.0, 14.1, 0.5), 14 * 1.25 ** np.arange(1, 13)
_EDGES = np.concatenate([-_FAR[::-1], _NEAR, _FAR])
_LINES = 2000  # a panel, where the sign changes within it
_BETWEEN = legendre.legvander(np.linspace(-1.0, 1.0, _LINES + 1), len(_NODES) - 1)
_ONTO = _BETWEEN @ np.linalg.inv(
    legendre.legvander(_NODES, len(_NODES) - 1)
)  # values at the nodes to interpolated ones


@dataclass(frozen=True)
class Mixture:
    """sum_k w_k N(m_k, s_k^2) in one dimension."""

    weights: tuple[float, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]

    @cached_property
    def components(self) -> list[tuple[float, float, float]]:
        """w_k, m_k and s_k of each."""
        return list(zip(self.weights, self.means, self.deviations, strict=True))

    @cached_property
    def mean(self) -> float:
        """E X."""
        return math.fsum(w * m for w, m, _ in self.components)

    @cached_property
    def variance(self) -> float:
        """Var X."""
        return math.fsum(w * (s * s + (m - self.mean) ** 2) for w, m, s in self.components)

    @cached_property
    def deviation(self) -> float:
        """The standard deviation of X."""
        return math.sqrt(self.variance)

    @cached_property
    def places(self) -> list[tuple[float, float]]:
        """Where to integrate: the mean and deviation of each component and of the whole."""
        return [*((m, s) for _, m, s in self.components), (self.mean, self.deviation)]

    def log_density(self, x: Array) -> Array:
        """log p(x)."""
        return np.asarray(
            np.logaddexp.reduce([math.log(w) + log_normal((x - m) / s, s) for w, m, s in self.components])
        )

    def tails(self, x: Array) -> tuple[Array, Array]:
        """F(x) and 1 - F(x), each exact where it is small."""
        each = [(w, *normal_tails((x - m) / s)) for w, m, s in self.components]
        return np.asarray(sum(w * below for w, below, _ in each)), np.asarray(sum(w * above for w, _, above in each))

    @cached_property
    def ranks(self) -> tuple[Array, Array, Array]:
        """Points x, the standard normal's point of the rank of each, and the share p(x) dx of each in an integral."""
        x, weights = panels(self.places)
        lower, upper = self.tails(x)
        normal = np.where(lower < 0.5, ndtri(lower), -ndtri(upper))
        # where F is 0 or 1 to the last digit its quantile is infinite, and p is 0
        is_finite = np.isfinite(normal)
        return x[is_finite], normal[is_finite], (weights * np.exp(self.log_density(x)))[is_finite]

    @cached_property
    def quantile_covariance(self) -> float:
        """The covariance of X and the standard normal that has X's rank: the deviation of the best Gaussian in W_2."""
        x, normal, share = self.ranks
        return float(share @ ((x - self.mean) * normal))


@dataclass(frozen=True)
class Pair:
    """P, and Q = N(mu, sigma^2), at the points of their integrals."""

    mixture: Mixture
    mu: float
    sigma: float

    @cached_property
    def quadrature(self) -> tuple[Array, Array]:
        """Points and their weights."""
        return panels([*self.mixture.places, (self.mu, self.sigma)])

    def integral(self, values: Array) -> float:
        """int values dx; infinite where it does not converge within the reach of the points."""
        total = float(self.quadrature[1] @ values)
        ends = max(abs(values[0]), abs(values[-1])) * self.mixture.deviation
        return total if math.isfinite(total) and ends <= 1e-6 * max(1.0, abs(total)) else math.inf

    def absolute_integral(self, values: Array) -> float:
        """int |values| dx. A panel with a change of sign, hence a kink, is cut into many along its interpolating polynomial."""
        rows, weights = values.reshape(-1, len(_NODES)), self.quadrature[1].reshape(-1, len(_NODES))
        parts = (np.abs(rows) * weights).sum(1)
        noise = 1e-14 * np.abs(values).max()
        kinked = (rows.min(1) < -noise) & (rows.max(1) > noise)
        along = rows[kinked] @ _ONTO.T
        a, b = along[:, :-1], along[:, 1:]
        total = np.abs(a) + np.abs(b) + np.finfo(float).tiny
        means = np.where(a * b < 0, (a**2 + b**2) / total, total) / 2  # of |.| on a straight line from a to b
        parts[kinked] = means.mean(1) * weights[kinked].sum(1)
        return float(parts.sum())

    @cached_property
    def z(self) -> Array:
        """(x - mu) / sigma."""
        return np.asarray((self.quadrature[0] - self.mu) / self.sigma)

    @cached_property
    def log_p(self) -> Array:
        """log p."""
        return self.mixture.log_density(self.quadrature[0])

    @cached_property
    def log_q(self) -> Array:
        """log q."""
        return log_normal(self.z, self.sigma)

    @cached_property
    def log_middle(self) -> Array:
        """log (p + q) / 2."""
        return np.logaddexp(self.log_p, self.log_q) - math.log(2)

    @cached_property
    def gap(self) -> Array:
        """F - G, exact in both tails."""
        lower, upper = self.mixture.tails(self.quadrature[0])
        below, above = normal_tails(self.z)
        return np.asarray(np.where(lower < 0.5, lower - below, above - upper))

    def kl(self, first: Array, second: Array) -> float:
        """KL of two densities, given by their logarithms."""
        return self.integral(np.exp(first) * (first - second))


def panels(places: Iterable[tuple[float, float]]) -> tuple[Array, Array]:
    """Gauss-Legendre points and weights on panels around each place, a (mean, deviation), in units of its deviation."""
    edges = np.unique(np.concatenate([m + s * _EDGES for m, s in places]))
    half = np.diff(edges) / 2
    points = (edges[:-1] + half)[:, None] + half[:, None] * _NODES
    return points.ravel(), (half[:, None] * _WEIGHTS).ravel()


def log_normal(z: Array, deviation: float) -> Array:
    """The logarithm of a normal density of this deviation, z deviations from its mean."""
    return np.asarray(-0.5 * z**2 - math.log(deviation * math.sqrt(2 * math.pi)))


def normal_tails(z: Array) -> tuple[Array, Array]:
    """The probabilities of a standard normal below and above z, each exact where it is small."""
    beyond = ndtr(-np.abs(z))
    return np.where(z < 0, beyond, 1 - beyond), np.where(z < 0, 1 - beyond, beyond)
