"""The best Gaussian for a one-dimensional mixture, by each objective that a family may minimise: computed, not looked up.

`best_gaussian(objective, mixture)` minimises the objective over mean and deviation, with integrals by Gauss-Legendre
quadrature on panels that follow the components. P is the mixture with density p and distribution function F, Q the
Gaussian with q and G.

Source: S. Nowozin, B. Cseke, R. Tomioka, "f-GAN", 2016, arXiv:1606.00709, section 2.5 (the experiment, for
f-divergences).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.special import logsumexp, ndtr, ndtri

Array: TypeAlias = NDArray[np.float64]

_REACH = 14.0  # deviations on each side of each component that the integrals cover
_PANEL = 0.25  # deviations a panel
_SAME = 0.01  # of the mixture's deviation: optima closer than this are one
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_BETWEEN = np.linspace(-1.0, 1.0, 2001)
_ONTO = np.polynomial.legendre.legvander(_BETWEEN, 7) @ np.linalg.inv(np.polynomial.legendre.legvander(_NODES, 7))


@dataclass(frozen=True)
class Mixture:
    """sum_k w_k N(m_k, s_k^2) in one dimension."""

    weights: tuple[float, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]

    @property
    def mean(self) -> float:
        """E X."""
        return math.fsum(w * m for w, m in zip(self.weights, self.means, strict=True))

    @property
    def variance(self) -> float:
        """Var X."""
        parts = zip(self.weights, self.means, self.deviations, strict=True)
        return math.fsum(w * (s * s + (m - self.mean) ** 2) for w, m, s in parts)

    @property
    def deviation(self) -> float:
        """The standard deviation of X."""
        return math.sqrt(self.variance)

    @cached_property
    def quadrature(self) -> tuple[Array, Array]:
        """Points and their weights, on panels as fine as the narrowest component where it is."""
        steps = np.arange(-_REACH, _REACH + _PANEL / 2, _PANEL)
        centres = (*zip(self.means, self.deviations, strict=True), (self.mean, self.deviation))
        edges = np.unique(np.concatenate([m + s * steps for m, s in centres]))
        edges = edges[np.concatenate([[True], np.diff(edges) > 1e-9 * self.deviation])]
        half = np.diff(edges) / 2
        points = (edges[:-1] + half)[:, None] + half[:, None] * _NODES
        return points.ravel(), (half[:, None] * _WEIGHTS).ravel()

    @cached_property
    def log_density(self) -> Array:
        """log p at the points."""
        x = self.quadrature[0]
        logs = [
            math.log(w) + _log_normal(x, m, s)
            for w, m, s in zip(self.weights, self.means, self.deviations, strict=True)
        ]
        return np.asarray(logsumexp(logs, axis=0))

    @cached_property
    def tails(self) -> tuple[Array, Array]:
        """F and 1 - F at the points, each exact where it is small."""
        x = self.quadrature[0]
        parts = list(zip(self.weights, self.means, self.deviations, strict=True))
        return (
            np.asarray(sum(w * ndtr((x - m) / s) for w, m, s in parts)),
            np.asarray(sum(w * ndtr((m - x) / s) for w, m, s in parts)),
        )

    @cached_property
    def quantile_covariance(self) -> float:
        """The covariance of X and the standard normal that has X's rank: the deviation of the best Gaussian in W_2."""
        x, weights = self.quadrature
        lower, upper = self.tails
        normal = np.where(lower < 0.5, ndtri(lower), -ndtri(upper))
        return float(weights @ (np.exp(self.log_density) * (x - self.mean) * normal))


@dataclass(frozen=True)
class Pair:
    """P and one Gaussian Q at the points of the quadrature."""

    mixture: Mixture
    mu: float
    sigma: float

    def integral(self, values: Array) -> float:
        """int values dx; infinite where it does not converge within the reach of the points."""
        total = float(self.mixture.quadrature[1] @ values)
        ends = max(abs(values[0]), abs(values[-1])) * self.mixture.deviation
        return total if math.isfinite(total) and ends <= 1e-6 * max(1.0, abs(total)) else math.inf

    def absolute_integral(self, values: Array) -> float:
        """int |values| dx. A panel with a change of sign, hence a kink, is integrated along its interpolating polynomial."""
        panels, weights = values.reshape(-1, len(_NODES)), self.mixture.quadrature[1].reshape(-1, len(_NODES))
        parts = (np.abs(panels) * weights).sum(1)
        for i in np.flatnonzero((panels.min(1) < -1e-14) & (panels.max(1) > 1e-14)):
            parts[i] = np.trapezoid(np.abs(_ONTO @ panels[i]), _BETWEEN) * weights[i].sum() / 2
        return float(parts.sum())

    @cached_property
    def log_p(self) -> Array:
        """log p."""
        return self.mixture.log_density

    @cached_property
    def log_q(self) -> Array:
        """log q."""
        return _log_normal(self.mixture.quadrature[0], self.mu, self.sigma)

    @cached_property
    def log_middle(self) -> Array:
        """log (p + q) / 2."""
        return np.logaddexp(self.log_p, self.log_q) - math.log(2)

    @cached_property
    def gap(self) -> Array:
        """F - G, exact in both tails."""
        z = (self.mixture.quadrature[0] - self.mu) / self.sigma
        lower, upper = self.mixture.tails
        return np.asarray(np.where(lower < 0.5, lower - ndtr(z), ndtr(-z) - upper))

    def kl(self, first: Array, second: Array) -> float:
        """KL of two densities, given by their logarithms."""
        return self.integral(np.exp(first) * (first - second))


Objective: TypeAlias = Callable[[Pair, float], float]  # of P and Q, and of the objective's own scale where it has one


def _least_squares(on: Pair, _scale: float) -> float:
    p, q = np.exp(on.log_p), np.exp(on.log_q)
    return on.integral((p - q) ** 2 / np.maximum(p + q, 1e-300)) / 4


def _wasserstein_2_squared(on: Pair, _scale: float) -> float:
    m = on.mixture
    return (m.mean - on.mu) ** 2 + m.variance + on.sigma**2 - 2 * on.sigma * m.quantile_covariance


def _relaxed_wasserstein_2(on: Pair, scale: float) -> float:
    """min over encoders e of E (X - mu - sigma e(X))^2 + lambda W_2^2(e(X), N(0, 1)): for each rank a parabola in e."""
    return scale / (on.sigma**2 + scale) * _wasserstein_2_squared(on, 1.0)


def _mmd_squared_rbf(on: Pair, scale: float) -> float:
    """E k(X, X') - 2 E k(X, Y) + E k(Y, Y') with k(x, y) = exp(-(x - y)^2 / 2 scale^2), in closed form."""
    m = on.mixture
    parts = [
        *zip(m.weights, m.means, (s * s for s in m.deviations), strict=True),
        (-1.0, on.mu, on.sigma**2),
    ]
    return math.fsum(
        w * u * scale / math.sqrt(scale**2 + v + r) * math.exp(-((a - b) ** 2) / (2 * (scale**2 + v + r)))
        for w, a, v in parts
        for u, b, r in parts
    )


def _alpha(on: Pair, alpha: float) -> float:
    return (on.integral(np.exp(alpha * on.log_p + (1 - alpha) * on.log_q)) - 1) / (alpha * (alpha - 1))


OBJECTIVES: dict[str, Objective] = {
    "kl": lambda on, _: on.kl(on.log_p, on.log_q),
    "reverse_kl": lambda on, _: on.kl(on.log_q, on.log_p),
    "jensen_shannon": lambda on, _: on.kl(on.log_p, on.log_middle) + on.kl(on.log_q, on.log_middle),  # 2 JSD
    "non_saturating": lambda on, _: 2 * on.kl(on.log_middle, on.log_p),
    "jeffrey": lambda on, _: on.kl(on.log_p, on.log_q) + on.kl(on.log_q, on.log_p),
    "pearson": lambda on, _: on.integral(np.exp(2 * on.log_p - on.log_q)) - 1,
    "neyman": lambda on, _: on.integral(np.exp(2 * on.log_q - on.log_p)) - 1,
    "squared_hellinger": lambda on, _: 2 - 2 * on.integral(np.exp((on.log_p + on.log_q) / 2)),
    "total_variation": lambda on, _: on.absolute_integral(np.exp(on.log_p) - np.exp(on.log_q)) / 2,
    "alpha": _alpha,
    "root": lambda on, _: on.integral(np.exp(np.logaddexp(2 * on.log_p, 2 * on.log_q) / 2)) - math.sqrt(2),
    "least_squares": _least_squares,
    "wasserstein_1": lambda on, _: on.absolute_integral(on.gap),
    "wasserstein_2": _wasserstein_2_squared,
    "relaxed_wasserstein_2": _relaxed_wasserstein_2,
    "sobolev": lambda on, _: math.sqrt(on.integral(on.gap**2 * np.exp(-on.log_middle))),
    "cramer": lambda on, _: on.integral(on.gap**2),
    "mmd_rbf": _mmd_squared_rbf,
}


def _sobolev_force(on: Pair) -> Array:
    """-E d/dtheta f*(Y) up to a factor, by mu and sigma: the generator sees f*' = (G - F) / ((p + q) / 2) as fixed."""
    slope = -on.gap * np.exp(on.log_q - on.log_middle)
    z = (on.mixture.quadrature[0] - on.mu) / on.sigma
    return np.array([on.integral(slope), on.integral(slope * z)])


def _fisher_force(on: Pair) -> Array:
    """The same for f* = (p - q) / ((p + q) / 2): int dq/dtheta f*, by mu and sigma."""
    witness = np.exp(on.log_q) * (np.exp(on.log_p - on.log_middle) - np.exp(on.log_q - on.log_middle))
    z = (on.mixture.quadrature[0] - on.mu) / on.sigma
    return np.array([on.integral(witness * z), on.integral(witness * (z**2 - 1))])


# A game whose constraint moves with the model does not minimise its own value. It rests where the generator's force is
# zero: name -> the force, and the objective whose best Gaussian is near.
FIXED_POINTS: dict[str, tuple[Callable[[Pair], Array], str]] = {
    "sobolev_fixed_point": (_sobolev_force, "sobolev"),
    "fisher_fixed_point": (_fisher_force, "least_squares"),
}


@dataclass(frozen=True)
class BestGaussian:
    """The mean and deviation of the best Gaussian, and the objective there (of a fixed point, not a number).

    `others` are further optima that were found, the best first: local ones, or as good by symmetry.
    """

    mu: float
    sigma: float
    value: float
    others: tuple[BestGaussian, ...] = ()


def known() -> list[str]:
    """The names that `best_gaussian` takes."""
    return [*OBJECTIVES, *FIXED_POINTS]


@lru_cache(maxsize=256)
def best_gaussian(objective: str, mixture: Mixture, scale: float = 1.0) -> BestGaussian:
    """The Gaussian at which `objective` is smallest, or at which a game of that name rests.

    Starts at the mixture's moments, narrower, wider, and at each component, because some objectives have a second, local
    optimum on one component. `scale` is the kernel's width of mmd_rbf, alpha, or lambda of relaxed_wasserstein_2.
    """
    if objective in FIXED_POINTS:
        return _fixed_point(*FIXED_POINTS[objective], mixture)
    unit = mixture.deviation

    def value(at: Array) -> float:
        sigma = unit * math.exp(at[1])
        return (
            OBJECTIVES[objective](Pair(mixture, float(at[0]) * unit, sigma), scale)
            if 1e-3 < sigma / unit < 5
            else math.inf
        )

    starts = [(mixture.mean / unit, math.log(factor)) for factor in (0.6, 1.0, 1.4)]
    starts += [(m / unit, math.log(s / unit)) for m, s in zip(mixture.means, mixture.deviations, strict=True)]
    with np.errstate(over="ignore", invalid="ignore"):
        options = {"xatol": 1e-7, "fatol": 1e-12, "maxiter": 2000}
        found = [
            optimize.minimize(value, start, method="Nelder-Mead", options=options)
            for start in starts
            if math.isfinite(value(np.array(start)))
        ]
    optima: list[BestGaussian] = []
    for result in sorted(found, key=lambda one: float(one.fun)):
        at = BestGaussian(float(result.x[0]) * unit, unit * math.exp(result.x[1]), float(result.fun))
        if all(math.hypot(at.mu - o.mu, at.sigma - o.sigma) > _SAME * unit for o in optima):
            optima.append(at)
    return replace(optima[0], others=tuple(optima[1:]))


def _fixed_point(force: Callable[[Pair], Array], near: str, mixture: Mixture) -> BestGaussian:
    start, unit = best_gaussian(near, mixture), mixture.deviation

    def forces(at: Array) -> Array:
        return force(Pair(mixture, float(at[0]) * unit, unit * math.exp(at[1])))

    with np.errstate(over="ignore", invalid="ignore"):
        found = optimize.root(forces, [start.mu / unit, math.log(start.sigma / unit)], tol=1e-10)
    return BestGaussian(float(found.x[0]) * unit, unit * math.exp(found.x[1]), math.nan)


def _log_normal(x: Array, mean: float, deviation: float) -> Array:
    return np.asarray(-0.5 * ((x - mean) / deviation) ** 2 - math.log(deviation * math.sqrt(2 * math.pi)))
