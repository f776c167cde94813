import math

import ot
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import wasserstein_distance
from torch.func import grad, vmap

from gensweep.component import build


def distance(x, y, **fields):
    return build("divergences", {"name": "exact_transport", **fields}).penalty(x, y, {}, {}, {})


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


@pytest.mark.parametrize("p", [1.0, 1.5, 3.0])
def test_of_any_order_it_is_scipys_distance_on_the_line_and_the_best_assignment_beyond_it(p):
    x, y = torch.randn(40, 1, dtype=torch.float64), 2 * torch.randn(40, 1, dtype=torch.float64) + 1
    sorted_gaps = (x.sort(0).values - y.sort(0).values).abs()
    assert float(distance(x, y, p=p)) == pytest.approx(float(sorted_gaps.pow(p).mean()), rel=1e-10)
    if p == 1:
        assert float(distance(x, y, p=p)) == pytest.approx(wasserstein_distance(x[:, 0], y[:, 0]), rel=1e-10)
    x, y = torch.randn(2, 30, 3, dtype=torch.float64)
    costs = torch.cdist(x, y).numpy() ** p
    assert float(distance(x, y, p=p)) == pytest.approx(costs[linear_sum_assignment(costs)].mean(), rel=1e-10)
    assert float(distance(x + 2, x, p=p)) == pytest.approx(math.sqrt(12) ** p, rel=1e-9)


@pytest.mark.parametrize("p", [1.0, 1.5, 3.0])
def test_the_slope_is_finite_where_points_coincide_and_that_of_differences_elsewhere(p):
    x, y = torch.randn(2, 8, 2, dtype=torch.float64)
    x[0] = y[0]  # these two go together in the best plan of p = 1
    slope = grad(lambda x: distance(x, y, p=p))(x)
    assert torch.isfinite(slope).all()
    assert not grad(lambda x: distance(x, x.detach(), p=p))(x).any()
    step = 1e-6 * torch.eye(16, dtype=torch.float64)[-1].reshape(8, 2)
    difference = (distance(x + step, y, p=p) - distance(x - step, y, p=p)) / 2e-6
    assert float(slope[-1, -1]) == pytest.approx(float(difference), rel=1e-5, abs=1e-8)
    # in float32 too, near a point far from the origin, where an expanded square would cancel
    near = torch.tensor([[1000.0, 0.0]])
    assert float(distance(near + 0.25, near, p=p)) == pytest.approx(math.sqrt(0.125) ** p, rel=1e-4)


def test_the_plan_of_a_high_order_does_not_hang_on_the_unit():
    x = torch.randn(100, 2, dtype=torch.float64)
    for unit in (1.0, 1e-3):  # a shift by (1, 1) costs the sixth power of its length, 8
        assert float(distance(unit * (x + 1), unit * x, p=6)) / unit**6 == pytest.approx(8, rel=1e-9)


def test_what_it_minimises_has_the_name_of_its_order():
    names = {p: build("divergences", {"name": "exact_transport", "p": p}).population_objective()[:2] for p in (1, 2, 3)}
    assert names == {1: ("wasserstein_1", 1.0), 2: ("wasserstein_2", 1.0), 3: ("wasserstein_p", 3.0)}
    wae = {p: build("families", {"name": "wae", "divergence": {"name": "exact_transport", "p": p}}) for p in (1, 2)}
    assert (
        wae[1].population_objective().name == "wasserstein_2"
    )  # the limit; W_1 of the codes is not relaxed in closed form
    assert wae[2].population_objective().name == "relaxed_wasserstein_2"


def test_the_second_order_is_written_as_before_there_were_others():
    assert build("divergences", {"name": "exact_transport", "p": 2}).dump() == {"name": "exact_transport"}
    assert build("divergences", {"name": "exact_transport", "p": 1}).dump() == {"name": "exact_transport", "p": 1.0}


def test_a_stack_of_plans_is_solved_member_by_member_wherever_its_axis_is():
    x, y = torch.randn(2, 10, 4, 3, dtype=torch.float64)
    together = vmap(distance, in_dims=(1, 1))(x, y)
    for i in range(4):
        assert float(together[i]) == pytest.approx(float(distance(x[:, i], y[:, i])), rel=1e-12)
        one = distance(x[:, i], y[:, i], p=1)
        assert float(vmap(lambda a, b: distance(a, b, p=1), in_dims=(1, 1))(x, y)[i]) == pytest.approx(
            float(one), rel=1e-12
        )
    against_one = vmap(distance, in_dims=(1, None))(x, y[:, 0])
    assert float(against_one[2]) == pytest.approx(float(distance(x[:, 2], y[:, 0])), rel=1e-12)
