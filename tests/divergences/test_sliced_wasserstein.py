import ot
import pytest
import torch

from gensweep.component import build
from gensweep.divergences.sliced_wasserstein import sliced_wasserstein_squared


def test_it_is_the_square_of_pots_value_on_the_same_directions():
    x, y, directions = torch.randn(40, 5).double(), 2 * torch.randn(40, 5).double() + 1, torch.randn(13, 5).double()
    unit = (directions / directions.norm(dim=1, keepdim=True)).T
    expected = ot.sliced_wasserstein_distance(x.numpy(), y.numpy(), projections=unit.numpy()) ** 2
    assert float(sliced_wasserstein_squared(x, y, directions)) == pytest.approx(expected, rel=1e-12)


def test_directions_may_have_any_length():
    x, y, directions = torch.randn(3, 20, 4, dtype=torch.float64)
    scaled = directions * torch.linspace(0.1, 9, 20, dtype=torch.float64)[:, None]
    torch.testing.assert_close(sliced_wasserstein_squared(x, y, scaled), sliced_wasserstein_squared(x, y, directions))


def test_a_shift_gives_its_square_over_the_dimensions():
    x, shift = torch.randn(10, 8, dtype=torch.float64), torch.ones(8, dtype=torch.float64)
    directions = torch.randn(20_000, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    # <theta, 1>^2 has mean 1 and variance 2 (d - 1) / (d + 2) = 1.4: four standard errors are 0.034.
    value = sliced_wasserstein_squared(x + shift, x, directions)
    assert float(value) == pytest.approx(1.0, abs=0.034)


def test_the_order_of_points_does_not_matter_and_equal_samples_are_at_zero():
    x, directions = torch.randn(30, 2, dtype=torch.float64), torch.randn(5, 2, dtype=torch.float64)
    assert float(sliced_wasserstein_squared(x, x[torch.randperm(30)], directions)) < 1e-30


def test_the_number_of_projections_is_the_number_of_directions_drawn():
    draws = build("divergences", {"name": "sliced_wasserstein", "projections": 7}).noise(64, 3)
    assert [(draw.shape, draw.law) for draw in draws.values()] == [((7, 3), "normal")]


def test_samples_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match="one size"):
        sliced_wasserstein_squared(torch.zeros(4, 2), torch.zeros(5, 2), torch.ones(1, 2))


def test_the_gradient_is_right():
    x, y, directions = (
        torch.randn(6, 2).double().requires_grad_(),
        torch.randn(6, 2).double(),
        torch.randn(4, 2).double(),
    )
    assert torch.autograd.gradcheck(lambda x: sliced_wasserstein_squared(x, y, directions), (x,))
