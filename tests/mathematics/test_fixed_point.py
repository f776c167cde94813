"""Fixed points: where an iteration ends, and after how many steps."""

import math

import pytest
import torch

from gensweep.mathematics.fixed_point import fixed_point


class Steps:
    """x -> a x + b for each value of x on its own, counting how often it is asked."""

    def __init__(self, rates, offset=1.0):
        self.rates, self.offset, self.count = torch.as_tensor(rates, dtype=torch.float64), offset, 0

    def __call__(self, x):
        self.count += 1
        return self.rates * x + self.offset

    @property
    def end(self):
        return self.offset / (1 - self.rates)


def test_a_slow_affine_iteration_ends_at_its_fixed_point_soon():
    steps = Steps(torch.linspace(-0.5, 0.9999, 20))
    found = fixed_point(steps, torch.zeros(20, dtype=torch.float64), 1e-9, 1000)
    assert found.is_reached
    assert steps.count < 300  # alone the slowest value takes 200,000
    torch.testing.assert_close(found.point, steps.end, rtol=1e-3, atol=0)


def test_what_has_a_shape_keeps_it():
    steps = Steps(torch.linspace(0, 0.99, 12).reshape(3, 4))
    found = fixed_point(steps, torch.zeros(3, 4, dtype=torch.float64), 1e-10, 500)
    torch.testing.assert_close(found.point, steps.end, rtol=1e-6, atol=0)


def test_the_tolerance_is_on_the_mean_step_and_its_end_is_the_image():
    steps = Steps([0.5, 0.5])
    found = fixed_point(steps, torch.zeros(2, dtype=torch.float64), math.inf, 500)
    assert (found.is_reached, steps.count) == (True, 5)  # looked at every fifth step, as looking waits for a GPU
    tight = fixed_point(Steps([0.5, 0.5]), torch.zeros(2, dtype=torch.float64), 1e-3, 500).point
    assert float((tight - 2).abs().mean()) <= 1e-3


@pytest.mark.parametrize("most", [1, 4, 5, 7])
def test_the_most_steps_are_made_and_no_more(most):
    steps = Steps(torch.linspace(0.9, 0.9999, 20))
    found = fixed_point(steps, torch.zeros(20, dtype=torch.float64), 1e-12, most)
    assert (found.is_reached, steps.count) == (False, most)
    assert bool((found.point > 0).all())


def test_no_steps_give_the_start():
    start = torch.ones(2)
    found = fixed_point(Steps([0.5, 0.5]), start, 1e-3, 0)
    assert not found.is_reached
    assert torch.equal(found.point, start)


def test_an_iteration_that_stands_still_stays():
    found = fixed_point(lambda x: x, torch.ones(3), 0.0, 100)
    assert found.is_reached
    assert torch.equal(found.point, torch.ones(3))


def test_what_is_not_finite_ends_at_the_next_look():
    steps = Steps([0.5], math.nan)
    assert bool(fixed_point(steps, torch.zeros(1, dtype=torch.float64), 1e-3, 10_000).point.isnan())
    assert steps.count == 5
