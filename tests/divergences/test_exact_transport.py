import ot
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torch.func import grad, vmap

from gensweep.component import build


def distance(x, y):
    return build("divergences", "exact_transport").penalty(x, y, {}, {}, {})


def test_it_is_the_best_assignment():
    x, y = torch.randn(60, 3, dtype=torch.float64), 2 * torch.randn(60, 3, dtype=torch.float64) + 1
    costs = torch.cdist(x, y).square().numpy()
    rows, columns = linear_sum_assignment(costs)
    assert float(distance(x, y)) == pytest.approx(costs[rows, columns].mean(), rel=1e-10)


def test_samples_may_differ_in_size():
    x, y = torch.randn(30, 2, dtype=torch.float64), torch.randn(45, 2, dtype=torch.float64)
    expected = ot.emd2([], [], ot.dist(x.numpy(), y.numpy()))
    assert float(distance(x, y)) == pytest.approx(expected, rel=1e-10)


def test_in_one_dimension_the_gradient_pulls_each_point_to_its_rank_in_the_other_sample():
    x, y = torch.randn(2, 25, 1, dtype=torch.float64)
    target = y.sort(0).values[x[:, 0].argsort().argsort()]
    torch.testing.assert_close(grad(distance)(x, y), 2 * (x - target) / 25, rtol=1e-9, atol=1e-12)


def test_a_shift_is_its_square():
    x = torch.randn(40, 5, dtype=torch.float64)
    assert float(distance(x + 0.1, x)) == pytest.approx(5 * 0.01, rel=1e-9)


def test_a_stack_of_plans_is_solved_member_by_member_wherever_its_axis_is():
    x, y = torch.randn(2, 10, 4, 3, dtype=torch.float64)
    together = vmap(distance, in_dims=(1, 1))(x, y)
    for i in range(4):
        assert float(together[i]) == pytest.approx(float(distance(x[:, i], y[:, i])), rel=1e-12)
    against_one = vmap(distance, in_dims=(1, None))(x, y[:, 0])
    assert float(against_one[2]) == pytest.approx(float(distance(x[:, 2], y[:, 0])), rel=1e-12)
