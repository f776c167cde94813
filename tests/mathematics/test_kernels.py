import pytest
import torch

from gensweep.mathematics.kernels import gaussian, inverse_multiquadric, mmd_squared_unbiased, squared_distances


def population(kernel, shift, variance):
    """MMD^2 between N(0, 1) and N(shift, variance): differences of draws are Gaussian, so each term is an integral.

    The trapezoidal rule converges exponentially for these integrands; its tails beyond 40 are below 1e-80.
    """

    def expected(mean, var):
        u = torch.linspace(-40, 40, 200_001, dtype=torch.float64)
        density = torch.exp(-(u - mean).square() / (2 * var)) / (2 * torch.pi * var) ** 0.5
        return torch.trapezoid(kernel(u.square()) * density, u)

    return float(expected(0, 2) + expected(0, 2 * variance) - 2 * expected(shift, 1 + variance))


@pytest.mark.parametrize(
    ("kernel", "shift", "variance", "value"),
    [
        (gaussian(torch.tensor([2.0])), 1, 1, 0.177268),
        (gaussian(torch.tensor([2.0])), 0, 4, 0.094187),
        (inverse_multiquadric(torch.tensor([2.0])), 1, 1, 0.144689),
        (inverse_multiquadric(torch.tensor([2.0])), 0, 4, 0.073244),
        (inverse_multiquadric(2 * torch.tensor([0.1, 0.2, 0.5, 1, 2, 5, 10])), 1, 1, 0.815009),
    ],
)
def test_population_values(kernel, shift, variance, value):
    assert population(kernel, shift, variance) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_the_estimate_is_unbiased(shift):
    kernel = gaussian(torch.tensor([2.0]))
    generator = torch.Generator().manual_seed(0)
    pairs = torch.randn(4000, 2, 6, 1, generator=generator, dtype=torch.float64)
    estimates = torch.stack([mmd_squared_unbiased(x, y + shift, kernel) for x, y in pairs])
    # Within 4 standard errors: a right estimate fails once in 16,000 seeds; keeping the diagonal is off by 0.14.
    error = 4 * float(estimates.std()) / len(pairs) ** 0.5
    assert error < 0.02
    assert float(estimates.mean()) == pytest.approx(population(kernel, shift, 1), abs=error)
    assert estimates.min() < 0


def test_the_estimate_is_its_formula_over_pairs():
    x, y = torch.randn(5, 2, dtype=torch.float64), torch.randn(7, 2, dtype=torch.float64) + 1
    k = lambda a, b: float(sum(C / (C + (a - b).square().sum()) for C in (0.5, 3.0)))  # noqa: E731
    xx = sum(k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j) / 20
    yy = sum(k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j) / 42
    xy = sum(k(a, b) for a in x for b in y) / 35
    estimate = mmd_squared_unbiased(x, y, inverse_multiquadric(torch.tensor([0.5, 3.0])))
    assert float(estimate) == pytest.approx(xx + yy - 2 * xy, abs=1e-12)


def test_distances_far_from_the_origin_keep_their_digits():
    x, y = torch.randn(50, 3) + 1000, torch.randn(40, 3) + 1000
    exact = torch.cdist(x.double(), y.double()).square()
    # The plain expansion in float32 errs by 0.8 here: a square is 3e6, with 2^-24 of it lost.
    assert (squared_distances(x, y) - exact).abs().max() < 1e-4
