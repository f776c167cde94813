"""The best Gaussian for a one-dimensional mixture, by each objective that a family may minimise: computed, not looked up.

`best_gaussian(objective, mixture)` minimises the objective over mean and deviation of Q, with integrals by quadrature.
Letters are those of gaussian_pair.py.

Source: S. Nowozin, B. Cseke, R. Tomioka, "f-GAN", 2016, arXiv:1606.00709, section 2.5 (the experiment, for
f-divergences).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from scipy import optimize

from gensweep.studies.gaussian_pair import Array, Mixture, Pair

_SAME = 0.01  # of the deviation: optima closer than this are one
Objective: TypeAlias = Callable[[Pair, float], float]  # of P and Q, and of the objective's own scale where it has one


def _least_squares(on: Pair, _scale: float) -> float:
    p, q = np.exp(on.log_p), np.exp(on.log_q)
    return on.integral((p - q) ** 2 / np.maximum(p + q, 1e-300)) / 4


def _wasserstein_2_squared(on: Pair, _scale: float) -> float:
    m = on.mixture
    return (m.mean - on.mu) ** 2 + m.variance + on.sigma**2 - 2 * on.sigma * m.quantile_covariance


def _wasserstein_p(on: Pair, p: float) -> float:
    """W_p^p: on the line each point goes to the point of its rank."""
    x, normal, share = on.mixture.ranks
    return float(share @ np.abs(x - on.mu - on.sigma * normal) ** p)


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
    "wasserstein_p": _wasserstein_p,
    "relaxed_wasserstein_2": _relaxed_wasserstein_2,
    "sobolev": lambda on, _: math.sqrt(on.integral(np.exp(2 * np.log(np.abs(on.gap)) - on.log_middle))),
    "cramer": lambda on, _: on.integral(on.gap**2),
    "mmd_rbf": _mmd_squared_rbf,
}


def _sobolev_force(on: Pair) -> Array:
    """E df*(Y)/dtheta up to a factor, by mu and sigma: the generator sees f*' = (G - F) / ((p + q) / 2) as fixed."""
    slope = -on.gap * np.exp(on.log_q - on.log_middle) / on.sigma
    return np.array([on.integral(slope), on.integral(slope * on.z)])


def _fisher_force(on: Pair) -> Array:
    """The same for f* = (p - q) / ((p + q) / 2): int f* dq/dtheta, by mu and sigma."""
    witness = np.exp(on.log_q) * (np.exp(on.log_p - on.log_middle) - np.exp(on.log_q - on.log_middle))
    return np.array([on.integral(witness * on.z), on.integral(witness * (on.z**2 - 1))])


# A game whose constraint moves with the model does not minimise its own value. It rests where the generator's force is
# zero, and pulls back on all sides.
FORCES: dict[str, Callable[[Pair], Array]] = {
    "sobolev_fixed_point": _sobolev_force,
    "fisher_fixed_point": _fisher_force,
}
# What is often taken for the objective, and is near: name -> the value of the game, or the limit of a large scale.
NEIGHBOURS = {
    "sobolev_fixed_point": "sobolev",
    "fisher_fixed_point": "least_squares",
    "relaxed_wasserstein_2": "wasserstein_2",
}


@dataclass(frozen=True)
class BestGaussian:
    """The mean and deviation of the best Gaussian, and the objective there (where a game rests, that of its neighbour).

    `others` are further optima that were found, the best first: local ones, or as good by symmetry.
    """

    mu: float
    sigma: float
    value: float
    others: tuple[BestGaussian, ...] = ()


def known() -> list[str]:
    """The names that `best_gaussian` takes."""
    return [*OBJECTIVES, *FORCES]


@lru_cache(maxsize=256)
def best_gaussian(objective: str, mixture: Mixture, scale: float = 1.0) -> BestGaussian | None:
    """The Gaussian at which `objective` is smallest, or at which a game of that name rests; None where none was found.

    Starts at the mixture's moments, narrower and wider, and at each component, because some objectives have a second, local
    optimum on one component; a game also starts at its neighbour's optima. `scale` is the kernel's width of mmd_rbf,
    alpha, p of wasserstein_p, or lambda of relaxed_wasserstein_2.
    """
    starts = [(mixture.mean, factor * mixture.deviation) for factor in (0.7, 1.4)]
    starts += [(m, s) for _, m, s in mixture.components]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if objective not in FORCES:
            optima = _minima(OBJECTIVES[objective], mixture, scale, starts)
        else:
            near = best_gaussian(NEIGHBOURS[objective], mixture)
            starts += [(one.mu, one.sigma) for one in (near, *near.others)] if near else []
            optima = _rests(FORCES[objective], OBJECTIVES[NEIGHBOURS[objective]], mixture, starts)
    return replace(optima[0], others=tuple(optima[1:])) if optima else None


Place: TypeAlias = tuple[float, float]  # mean and deviation
# by which it is tried whether an optimum or a rest is one
_AROUND = np.array([[0.03, 0.0], [-0.03, 0.0], [0.0, 0.03], [0.0, -0.03]])


def _minima(objective: Objective, mixture: Mixture, scale: float, starts: list[Place]) -> list[BestGaussian]:
    """The local minima near `starts`, the best first; none where the lowest value is that of many Gaussians.

    So it is of total variation between components far apart: every Gaussian above one of them all along is as good.
    """

    def value(place: Place) -> float:
        return objective(Pair(mixture, *place), scale)

    def rise(at: BestGaussian) -> float:
        return min(value(_moved((at.mu, at.sigma), step)) for step in _AROUND) - at.value

    finite = [start for start in starts if math.isfinite(value(start))]
    found = _distinct(_lowest(value, start) for start in finite)
    optima = [one for one in found if rise(one) > 1e-6 * abs(one.value)]
    is_flat = bool(optima) and found[0].value < optima[0].value - 1e-6 * abs(optima[0].value)
    return [] if is_flat else optima


def _lowest(value: Callable[[Place], float], start: Place) -> BestGaussian:
    """Where a search from `start` ends."""
    options = {"xatol": 1e-5, "fatol": 1e-11 * abs(value(start)), "initial_simplex": [(0, 0), (0.3, 0), (0, 0.2)]}
    found = optimize.minimize(lambda step: value(_moved(start, step)), (0, 0), method="Nelder-Mead", options=options)
    return BestGaussian(*_moved(start, found.x), float(found.fun))


def _rests(
    force: Callable[[Pair], Array], value: Objective, mixture: Mixture, starts: list[Place]
) -> list[BestGaussian]:
    """The places without force near `starts`, to which small steps lead back."""

    def forces(place: Place) -> Array:
        return force(Pair(mixture, *place))

    def pull(place: Place) -> float:
        """The largest real part of an eigenvalue of the force's slope: below 0 where every step is pulled back."""
        right, left, wider, narrower = (forces(_moved(place, step)) for step in _AROUND)
        return float(np.linalg.eigvals(np.stack([right - left, wider - narrower], 1) / 0.06).real.max())

    found = [
        _moved(start, optimize.root(lambda step, start=start: forces(_moved(start, step)), (0, 0), tol=1e-10).x)
        for start in starts
    ]
    held = [place for place in found if np.abs(forces(place)).max() < 1e-8 and pull(place) < -1e-6]
    return _distinct(BestGaussian(*place, value(Pair(mixture, *place), 1.0)) for place in held)


def _moved(place: Place, step: Array) -> Place:
    """`place` after a step, of the mean in units of the deviation and of the logarithm of the deviation."""
    return place[0] + place[1] * float(step[0]), place[1] * math.exp(np.clip(step[1], -20, 20))


def _distinct(found: Iterable[BestGaussian]) -> list[BestGaussian]:
    """Each once, the best first."""
    optima: list[BestGaussian] = []
    for one in sorted(found, key=lambda one: one.value):
        if all(math.hypot(one.mu - o.mu, one.sigma - o.sigma) > _SAME * o.sigma for o in optima):
            optima.append(one)
    return optima
