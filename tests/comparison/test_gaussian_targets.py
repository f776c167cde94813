"""The best Gaussian for a mixture: against published and independently computed numbers, and against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr

from gensweep.comparison.gaussian_targets import FIXED_POINTS, Mixture, Pair, best_gaussian, known

NOMINAL = Mixture((0.33, 0.67), (-1.0, 2.0), (0.25, math.sqrt(2)))
SMOOTHED = Mixture((0.33, 0.67), (-1.0, 2.0), (math.sqrt(0.0650), math.sqrt(2.0025)))  # with N(0, 0.05^2) added


@pytest.mark.parametrize(
    ("objective", "value", "mu", "sigma"),
    [
        ("kl", 0.28809, 1.0100, 1.8304),
        ("reverse_kl", 0.25067, 1.5841, 1.6294),
        ("jensen_shannon", 0.12983, 1.3125, 1.7525),
        ("non_saturating", 0.10865, 1.7431, 1.5646),
        ("jeffrey", 0.57910, 1.3249, 1.7023),
        ("pearson", 0.66162, 0.5663, 1.9268),
        ("neyman", 0.40719, 1.8286, 1.5171),
        ("squared_hellinger", 0.13658, 1.3175, 1.7316),
        ("total_variation", 0.24106, 1.3398, 1.8782),
        ("wasserstein_1", 0.31433, 1.0785, 1.8843),
        ("wasserstein_2", 0.21575, 1.0100, 1.7705),
        ("sobolev", 0.48475, 0.9772, 1.7903),
        ("cramer", 0.01985, 0.9587, 2.0149),
        ("mmd_rbf", 0.02405, 0.8539, 2.1180),
    ],
)
def test_every_row_of_the_cross_family_table(objective: str, value: float, mu: float, sigma: float) -> None:
    """Computed apart from this code, on a uniform grid."""
    best = best_gaussian(objective, NOMINAL)
    assert (best.mu, best.sigma) == pytest.approx((mu, sigma), abs=1e-3)
    assert best.value == pytest.approx(value, abs=2e-5)


@pytest.mark.parametrize(
    ("objective", "value", "mu", "sigma"),
    [
        ("kl", 0.2831, 1.0100, 1.8308),
        ("reverse_kl", 0.2480, 1.5782, 1.6319),
        ("jensen_shannon", 0.1280, 1.3070, 1.7542),
        ("jeffrey", 0.5705, 1.3218, 1.7034),
        ("pearson", 0.6457, 0.5737, 1.9274),
    ],
)
def test_the_f_gan_papers_table(objective: str, value: float, mu: float, sigma: float) -> None:
    """Nowozin et al. 2016, the rows D*, mu*, sigma*; they are those of the mixture with N(0, 0.05^2) added."""
    best = best_gaussian(objective, SMOOTHED)
    assert (best.value, best.mu, best.sigma) == pytest.approx((value, mu, sigma), abs=4e-4)


def test_the_fixed_point_of_the_sobolev_game() -> None:
    rest = best_gaussian("sobolev_fixed_point", NOMINAL)
    assert (rest.mu, rest.sigma) == pytest.approx((1.0215, 1.7566), abs=1e-3)


@pytest.mark.parametrize("objective", known())
def test_a_gaussian_is_its_own_best_fit(objective: str) -> None:
    scale = {"alpha": 0.5, "relaxed_wasserstein_2": 1e9}.get(objective, 1.0)
    best = best_gaussian(objective, Mixture((1.0,), (0.4,), (1.3,)), scale)
    assert (best.mu, best.sigma) == pytest.approx((0.4, 1.3), abs=2e-3)
    if objective not in FIXED_POINTS:
        assert best.value == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("objective", [name for name in known() if name != "mmd_rbf"])
def test_a_fit_moves_and_stretches_with_the_data(objective: str) -> None:
    """x -> 3 x + 5 takes the best Gaussian with it, by every objective without a scale of its own."""
    scale = {"alpha": 1.5, "relaxed_wasserstein_2": 2.0}.get(objective, 1.0)
    moved = Mixture(NOMINAL.weights, tuple(3 * m + 5 for m in NOMINAL.means), tuple(3 * s for s in NOMINAL.deviations))
    there = best_gaussian(objective, moved, scale * (9 if objective == "relaxed_wasserstein_2" else 1))
    here = best_gaussian(objective, NOMINAL, scale)
    assert (there.mu, there.sigma) == pytest.approx((3 * here.mu + 5, 3 * here.sigma), abs=1e-3)


def test_the_family_of_alpha_holds_its_named_members() -> None:
    for alpha, name in (
        (0.5, "squared_hellinger"),
        (2.0, "pearson"),
        (-1.0, "neyman"),
        (1 + 1e-4, "kl"),
        (1e-4, "reverse_kl"),
    ):
        one, other = best_gaussian("alpha", NOMINAL, alpha), best_gaussian(name, NOMINAL)
        assert (one.mu, one.sigma) == pytest.approx((other.mu, other.sigma), abs=1e-3)


@pytest.mark.parametrize(("weight", "expected"), [(1.0, 1.8642), (10.0, 1.8001), (100.0, 1.7742)])
def test_the_relaxed_transport_tends_to_the_exact_one(weight: float, expected: float) -> None:
    """The stationary sigma solves c s^2 + (lambda - Var) s - lambda c = 0, with c the W_2 deviation 1.77053."""
    c, variance = 1.77053, NOMINAL.variance
    root = (variance - weight + math.sqrt((weight - variance) ** 2 + 4 * c * c * weight)) / (2 * c)
    assert root == pytest.approx(expected, abs=1e-3)
    assert best_gaussian("relaxed_wasserstein_2", NOMINAL, weight).sigma == pytest.approx(root, abs=1e-4)


def test_narrow_components_far_apart_are_integrated() -> None:
    mixture = Mixture((0.5, 0.5), (-10.0, 10.0), (0.01, 0.01))
    best = best_gaussian("kl", mixture)
    assert (best.mu, best.sigma) == pytest.approx((0, math.sqrt(100.0001)), abs=1e-3)
    x = np.linspace(-60, 60, 2_400_001)
    f = 0.5 * (ndtr((x + 10) / 0.01) + ndtr((x - 10) / 0.01))
    grid = np.abs(f - ndtr(x / 8)).sum() * (x[1] - x[0])
    on = Pair(mixture, 0.0, 8.0)
    assert on.absolute_integral(on.gap) == pytest.approx(grid, abs=1e-3)


def test_a_divergence_that_is_infinite_says_so() -> None:
    from gensweep.comparison.gaussian_targets import OBJECTIVES

    one = Mixture((1.0,), (0.0,), (1.0,))
    assert OBJECTIVES["pearson"](Pair(one, 0.0, 0.7), 1.0) == math.inf  # needs sigma^2 > 1/2
    assert OBJECTIVES["neyman"](Pair(one, 0.0, 1.45), 1.0) == math.inf  # needs sigma^2 < 2
    assert OBJECTIVES["pearson"](Pair(one, 0.0, 0.75), 1.0) < math.inf


def test_reverse_kl_has_a_second_optimum_on_one_component() -> None:
    best = best_gaussian("reverse_kl", NOMINAL)
    (second,) = best.others
    assert (second.mu, second.sigma, second.value) == pytest.approx((-0.958, 0.3085, 0.9931), abs=1e-3)


def test_a_mixture_of_two_far_halves_has_two_best_gaussians_by_reverse_kl() -> None:
    best = best_gaussian("reverse_kl", Mixture((0.5, 0.5), (-5.0, 5.0), (0.3, 0.3)))
    assert abs(best.mu) == pytest.approx(5, abs=1e-3)
    assert best.others[0].mu == pytest.approx(-best.mu, abs=1e-3)
    assert best.value == pytest.approx(math.log(2), abs=1e-6)
    assert best.others[0].value == pytest.approx(best.value, abs=1e-6)
