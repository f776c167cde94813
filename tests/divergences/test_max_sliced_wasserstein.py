import pytest
import torch

from gensweep.component import build
from gensweep.divergences.max_sliced_wasserstein import steepest
from gensweep.divergences.sliced_wasserstein import sliced_wasserstein_squared
from gensweep.metrics._transport import steepest_direction


def value(x, y, steps=10, starts=2, seed=0):
    member = build("divergences", {"name": "max_sliced_wasserstein", "steps": steps, "starts": starts})
    directions = torch.randn(starts, x.shape[1], generator=torch.Generator().manual_seed(seed), dtype=x.dtype)
    return member.penalty(x, y, {}, {"starts": directions}, {})


def gaussian(n, d, seed):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_shift_gives_its_squared_length_after_one_step():
    x, shift = gaussian(20, 8, 0), torch.linspace(-1, 2, 8, dtype=torch.float64)
    # Every direction pairs a point with its own image, so M is shift shift^T and one power step is exact.
    assert float(value(x + shift, x, steps=1)) == pytest.approx(float(shift.square().sum()), rel=1e-12)


@pytest.mark.parametrize("steps", [0, 10])
def test_on_the_line_it_is_the_squared_wasserstein_2_distance(steps):
    x, y = gaussian(50, 1, 1) + 1, gaussian(50, 1, 2)
    expected = sliced_wasserstein_squared(x, y, torch.ones(1, 1, dtype=torch.float64))
    assert float(value(x, y, steps=steps)) == pytest.approx(float(expected), rel=1e-12)


def test_between_gaussians_of_two_dimensions_it_is_that_of_the_axis_on_which_they_differ_most():
    # N(0, R diag(9, 1) R^T) and N(0, I): W_2^2 along u is (s(u) - 1)^2, largest where the deviation s is 3, and there 4.
    # 20,000 points: a deviation of 3 has a standard error of 0.015, so (s - 1)^2 one of 0.06 with the other's.
    angle = torch.tensor(0.7, dtype=torch.float64)
    axis = torch.stack([angle.cos(), angle.sin()])
    y = gaussian(20_000, 2, 3)
    x = gaussian(20_000, 2, 4) + 2 * (gaussian(20_000, 2, 4) @ axis)[:, None] * axis
    direction = steepest(x, y, gaussian(2, 2, 5), 10)
    assert float((direction @ axis).abs()) == pytest.approx(1, abs=1e-3)
    assert float(value(x, y)) == pytest.approx(4, abs=0.25)


def test_it_comes_near_to_the_maximum_that_gradient_ascent_from_many_starts_finds():
    x, y = gaussian(100, 5, 6) * torch.tensor([3.0, 1, 1, 1, 0.5]) + 0.3, gaussian(100, 5, 7)
    best = steepest_direction(x.float(), y.float(), 2, (8, 200), 0)[0] ** 2
    assert 0.97 * best < float(value(x, y, steps=20, starts=4)) < 1.001 * best


def test_more_steps_never_find_less():
    x, y = gaussian(60, 6, 8) * 1.5 + 0.5, gaussian(60, 6, 9)
    values = [float(value(x, y, steps=steps)) for steps in (0, 1, 3, 10, 30)]
    assert values == sorted(values)
    assert values[0] < 0.9 * values[-1]


def test_its_gradient_is_that_of_the_maximum():
    """The envelope theorem: a difference quotient of the whole, search included, is the gradient with u held."""
    # Points near an axis and apart on it, so that no pair changes near the best direction: there the maximum is smooth.
    y = torch.arange(12, dtype=torch.float64)[:, None] * torch.tensor([1.0, 0, 0]) + 0.1 * gaussian(12, 3, 10)
    x, way = 3 * y + 0.1 * gaussian(12, 3, 11), gaussian(12, 3, 12)
    slope = (torch.func.grad(lambda x: value(x, y, steps=200))(x) * way).sum()
    h = 1e-5
    quotient = (value(x + h * way, y, steps=200) - value(x - h * way, y, steps=200)) / (2 * h)
    assert float(quotient) == pytest.approx(float(slope), rel=1e-4)


def test_where_two_directions_are_equally_good_the_gradient_is_that_of_the_one_that_was_met():
    # Four points of a cross against the origin: W_2^2 along any u is 1/2, and its slope 2 <x_i, u> u / 4 turns with u.
    x = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]], dtype=torch.float64)
    y, slopes = torch.zeros_like(x), []
    for seed in range(2):
        slope, found = torch.func.grad_and_value(lambda x, seed=seed: value(x, y, starts=1, seed=seed))(x)
        start = torch.randn(1, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        u = steepest(x, y, start, 10)
        assert float(found) == pytest.approx(0.5)
        torch.testing.assert_close(slope, (x @ u)[:, None] * u / 2)
        slopes.append(slope)
    assert (slopes[0] - slopes[1]).abs().max() > 0.1


def test_the_direction_is_a_constant_to_the_gradient_even_far_from_the_best_one():
    x, y, starts = gaussian(8, 3, 13).requires_grad_(), gaussian(8, 3, 14), gaussian(2, 3, 16)
    member = build("divergences", {"name": "max_sliced_wasserstein", "steps": 1})
    member.penalty(x, y, {}, {"starts": starts}, {}).backward()
    found = x.detach()
    u = steepest(found, y, starts, 1)
    expected = torch.empty_like(found)
    expected[(found @ u).argsort()] = 2 / 8 * ((found @ u).sort().values - (y @ u).sort().values)[:, None] * u
    torch.testing.assert_close(x.grad, expected)


def test_samples_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match="one size"):
        value(gaussian(5, 2, 0), gaussian(6, 2, 0))
