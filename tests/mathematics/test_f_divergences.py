"""Every f-divergence by quadrature between Gaussians: the primal, the dual at its optimum, and the conjugate as a supremum."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from gensweep.mathematics.f_divergences import (
    F_DIVERGENCES,
    FDivergence,
    Name,
    alpha_divergence,
    f_divergence,
    jeffrey_conjugate,
    objective_of,
)  # fmt: skip

X = torch.linspace(-40, 40, 800_001, dtype=torch.float64)
MEMBERS = {**F_DIVERGENCES, "alpha=0.5": alpha_divergence(0.5), "alpha=2": alpha_divergence(2.0),
           "alpha=-0.5": alpha_divergence(-0.5), "alpha=1.5": alpha_divergence(1.5),
           "alpha=0.9": alpha_divergence(0.9)}  # fmt: skip

# D(N(0, 1) || N(1, 1)) and D(N(0, 1) || N(1, 2^2))
SHIFTED = {
    "kl": 0.5, "reverse_kl": 0.5, "jeffrey": 1.0, "pearson": math.e - 1, "neyman": math.e - 1,
    "squared_hellinger": 2 - 2 * math.exp(-1 / 8), "twice_jensen_shannon": 0.222843, "gan": -1.163451,
    "total_variation": 0.382925, "alpha=0.5": 0.470012, "alpha=2": 0.859141,
}  # fmt: skip
WIDER = {
    "kl": 0.443147, "reverse_kl": 1.306853, "jeffrey": 1.75, "pearson": 0.744026, "squared_hellinger": 0.298389,
    "twice_jensen_shannon": 0.256350, "gan": 0.256350 - math.log(4), "total_variation": 0.390066,
}  # fmt: skip
every = pytest.mark.parametrize("name", MEMBERS)


def log_density(mean: float, deviation: float) -> torch.Tensor:
    return torch.tensor(stats.norm(mean, deviation).logpdf(X.numpy()))


def primal_and_dual(divergence: FDivergence, deviation: float) -> tuple[float, float]:
    p, q = log_density(0, 1), log_density(1, deviation)
    # Densities below e^-120 are left out: what they add is below 1e-9, and f' of their ratio rounds out of its range.
    kept = (p > -120) & (q > -120)
    u = (p - q)[kept].exp().requires_grad_()
    f = divergence.f(u)
    (optimum,) = torch.autograd.grad(f.sum(), u)
    values = f.detach() * q[kept].exp(), optimum * p[kept].exp() - divergence.conjugate(optimum) * q[kept].exp()
    return tuple(float(integrate.trapezoid(v.numpy(), X[kept].numpy())) for v in values)  # type: ignore[return-value]


@pytest.mark.parametrize(("deviation", "known"), [(1.0, SHIFTED), (2.0, WIDER)], ids=["shifted", "wider"])
@every
def test_the_primal_is_the_known_value_and_the_dual_reaches_it(
    name: str, deviation: float, known: dict[str, float]
) -> None:
    if (name, deviation) in (("neyman", 2.0), ("alpha=-0.5", 2.0)):
        return  # neyman is infinite there, and so may the other be
    primal, dual = primal_and_dual(MEMBERS[name], deviation)
    assert dual == pytest.approx(primal, abs=1e-6)
    if name in known:
        assert primal == pytest.approx(known[name], abs=1e-6)


def slope_range(name: str) -> torch.Tensor:
    u = torch.logspace(-3, 3, 41, dtype=torch.float64).requires_grad_()
    return torch.autograd.grad(MEMBERS[name].f(u).sum(), u)[0]


@every
def test_the_conjugate_is_the_supremum(name: str) -> None:
    """Over a grid of u that is fine in log u: the error of a missed maximum is second order in its step of 1e-4."""
    u = torch.logspace(-5, 5, 100_001, dtype=torch.float64)
    for t in slope_range(name)[::4]:
        supremum = (u * t - MEMBERS[name].f(u)).max()
        assert MEMBERS[name].conjugate(t).item() == pytest.approx(supremum.item(), rel=1e-6, abs=1e-6)


@every
def test_the_composite_is_the_conjugate_of_the_activation_which_increases(name: str) -> None:
    v = torch.linspace(-6, 6, 201, dtype=torch.float64)
    t = MEMBERS[name].activation(v)
    assert (t.diff() > 0).all()
    torch.testing.assert_close(MEMBERS[name].composite(v), MEMBERS[name].conjugate(t), rtol=1e-9, atol=1e-11)


@every
def test_the_activation_reaches_every_slope_of_f_and_leaves_the_threshold_where_it_belongs(name: str) -> None:
    slopes = slope_range(name)
    v = torch.tensor([-400.0, 400.0], dtype=torch.float64)
    low, high = MEMBERS[name].activation(v)
    assert low <= slopes.min().clamp(min=-390) + 1e-9
    assert high >= slopes.max().clamp(max=390) - 1e-9
    one = torch.ones((), dtype=torch.float64, requires_grad=True)
    if name != "total_variation":  # which has a corner there
        (slope,) = torch.autograd.grad(MEMBERS[name].f(one), one)
        assert slope.item() == pytest.approx(MEMBERS[name].threshold, abs=1e-12)
    assert MEMBERS[name].f(one).item() == pytest.approx(-math.log(4) if name == "gan" else 0.0, abs=1e-12)


@every
def test_in_single_precision_value_and_gradient_stay_finite_for_large_outputs(name: str) -> None:
    v = torch.tensor([-60.0, -20.0, 0.0, 20.0, 60.0], requires_grad=True)
    for function in (MEMBERS[name].composite, MEMBERS[name].activation):
        value = function(v)
        (slope,) = torch.autograd.grad(value.sum(), v)
        assert torch.isfinite(value).all()
        assert torch.isfinite(slope).all()


def test_jeffreys_conjugate_is_that_of_lamberts_function() -> None:
    t = torch.linspace(-500, 60, 400, dtype=torch.float64, requires_grad=True)
    w = special.lambertw(np.exp(1 - t.detach().numpy())).real
    np.testing.assert_allclose(jeffrey_conjugate(t).detach().numpy(), w + 1 / w + t.detach().numpy() - 2, rtol=1e-10)
    (slope,) = torch.autograd.grad(jeffrey_conjugate(t).sum(), t)
    np.testing.assert_allclose(slope.numpy(), 1 / w, rtol=1e-10)  # the u that attains the supremum
    far = torch.tensor([-1e4, -1e6, -1e12], dtype=torch.float64)  # e^(1-t) overflows here; s + e^s = 1 - t by bisection
    low, high = torch.zeros(3, dtype=torch.float64), torch.full((3,), 40.0, dtype=torch.float64)
    for _ in range(80):
        middle = (low + high) / 2
        above = middle + middle.exp() > 1 - far
        low, high = torch.where(above, low, middle), torch.where(above, middle, high)
    torch.testing.assert_close(jeffrey_conjugate(far), (-low).exp() - low - 1, rtol=1e-12, atol=0)


@pytest.mark.parametrize("alpha", [0.05, 0.5, 0.9, 0.99, 1.01, 1.5, 2.0])
def test_above_zero_a_critic_that_knows_nothing_is_at_the_ratio_1(alpha: float) -> None:
    zero = torch.zeros(1, requires_grad=True)
    value = alpha_divergence(alpha).composite(zero)
    assert value.item() == pytest.approx(0, abs=1e-6)
    assert torch.autograd.grad(value, zero)[0].item() == pytest.approx(1, abs=1e-4)


def test_every_name_that_may_be_written_has_a_divergence() -> None:
    assert set(get_args(Name)) == {*F_DIVERGENCES, "alpha"}
    assert all(f_divergence(name, 0.5) is divergence for name, divergence in F_DIVERGENCES.items())
    u = torch.tensor([0.3, 2.0])
    torch.testing.assert_close(f_divergence("alpha", 2.0).f(u), F_DIVERGENCES["pearson"].f(u) / 2)


@pytest.mark.parametrize(
    ("name", "alpha", "expected"),
    [("gan", 0.5, ("jensen_shannon", 1.0)), ("kl", 2.0, ("kl", 1.0)), ("alpha", 2.0, ("pearson", 1.0)),
     ("alpha", 0.3, ("alpha", 0.3))],
)  # fmt: skip
def test_a_divergence_of_two_names_has_one_objective(name: Name, alpha: float, expected: tuple[str, float]) -> None:
    assert objective_of(name, alpha)[:2] == expected
