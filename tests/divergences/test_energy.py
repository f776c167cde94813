import numpy as np
import pytest
import torch
from scipy import stats

from gensweep.component import build


def energy(x, y):
    return float(build("divergences", "energy").penalty(x, y, {}, {}, {}))


def test_it_is_the_mean_of_distances_between_less_those_within():
    x, y = torch.randn(2, 7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    off = ~torch.eye(7, dtype=torch.bool)
    expected = 2 * torch.cdist(x, y).mean() - torch.cdist(x, x)[off].mean() - torch.cdist(y, y)[off].mean()
    assert energy(x, y) == pytest.approx(expected.item(), abs=1e-9)


def test_in_one_dimension_it_is_twice_the_squared_cramer_distance():
    """scipy's energy distance is the root of the biased estimate: both go to 0.541807 for N(0, 1) against N(1, 1)."""
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(2, 4000, 1, generator=generator, dtype=torch.float64) + torch.tensor([0.0, 1.0])[:, None, None]
    biased = stats.energy_distance(x[:, 0].numpy(), y[:, 0].numpy()) ** 2
    bias = sum(float(torch.cdist(z, z).mean()) / 3999 for z in (x, y))  # n / (n - 1) - 1 of each mean within
    assert energy(x, y) == pytest.approx(biased - bias, abs=1e-9)
    grid = np.linspace(-10, 11, 20_001)
    exact = 2 * np.trapezoid((stats.norm.cdf(grid) - stats.norm.cdf(grid - 1)) ** 2, grid)
    assert exact == pytest.approx(0.541807, abs=1e-6)
    assert energy(x, y) == pytest.approx(exact, abs=0.08)  # five standard errors at n = 4000


def test_the_mean_over_equal_laws_is_zero():
    generator = torch.Generator().manual_seed(2)
    values = [energy(*torch.randn(2, 20, 2, generator=generator, dtype=torch.float64)) for _ in range(400)]
    assert abs(np.mean(values)) < 4 * np.std(values) / 20
    assert min(values) < 0
