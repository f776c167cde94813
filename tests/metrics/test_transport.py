import math
import warnings

import numpy as np
import ot
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.stats import norm
from sklearn.datasets import load_digits

from gensweep.errors import GensweepError
from gensweep.metrics import _transport
from gensweep.metrics._transport import directions, projected, sliced_distance, wasserstein_distance

from .conftest import normal


def sliced(x, y, along, p=2):
    return sliced_distance(projected(x.float(), along), projected(y.float(), along), p)


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
def test_the_exact_distance_is_the_best_assignment(p):
    x, y = normal(200, 5), 1 + 2 * normal(200, 5, seed=1)
    costs = cdist(x, y) ** p
    expected = costs[linear_sum_assignment(costs)].mean() ** (1 / p)
    assert wasserstein_distance(x, y, p) == pytest.approx(expected, rel=1e-9)


def test_samples_of_different_sizes_are_pots_linear_programme():
    x, y = normal(30, 2), normal(45, 2, seed=1) + 1
    assert wasserstein_distance(x, y, 1) == pytest.approx(ot.emd2([], [], cdist(x, y)), rel=1e-9)
    # 1-D: the quantile functions of two and three points differ by 0, 1, 2, 1 on steps of 1/3, 1/6, 1/6, 1/3.
    assert wasserstein_distance(torch.tensor([[0.0], [3.0]]), torch.tensor([[0.0], [2.0], [1.0]]), 1) == pytest.approx(
        1 / 6 * 1 + 1 / 6 * 2 + 1 / 3 * 1
    )


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, 100])
@pytest.mark.parametrize("d", [1, 2, 64])
def test_a_translation_costs_its_length(p, d):
    x = normal(100, d)
    shift = normal(1, d, seed=7)
    assert wasserstein_distance(x, x + shift, p) == pytest.approx(float(shift.norm()), rel=1e-6)


@pytest.mark.parametrize(("mean", "sd", "w1"), [(0, 2, 0.797885), (1, 2, 1.166631)])
def test_one_dimensional_gaussians_by_their_quantiles(mean, sd, w1):
    # Midpoint quantiles: the error of the mean of |Δm + Δs z| over n of them is O(log n / n).
    z = torch.from_numpy(norm.ppf((np.arange(20_000) + 0.5) / 20_000))[:, None]
    assert wasserstein_distance(z, mean + sd * z, 1) == pytest.approx(w1, abs=2e-4)
    assert wasserstein_distance(z, mean + sd * z, 2) ** 2 == pytest.approx(mean**2 + (sd - 1) ** 2, abs=2e-3)


@pytest.mark.parametrize("p", [1.5, 3, 4])
def test_one_dimensional_gaussians_of_any_order(p):
    # W_p^p = E |m + (s - 1) z|^p: of the same mean (s - 1)^p E |z|^p, E |z|^p = 2^(p/2) Γ((p + 1) / 2) / √π.
    z = torch.from_numpy(norm.ppf((np.arange(20_000) + 0.5) / 20_000))[:, None]
    moment = 2 ** (p / 2) * math.gamma((p + 1) / 2) / math.sqrt(math.pi)
    assert wasserstein_distance(z, 3 * z, p) == pytest.approx(2 * moment ** (1 / p), rel=3e-3)
    x, y = normal(50, 1), normal(50, 1, seed=1) * 2
    expected = np.mean(np.abs(np.sort(x[:, 0]) - np.sort(y[:, 0])) ** p) ** (1 / p)
    assert wasserstein_distance(x, y, p) == pytest.approx(expected, rel=1e-12)


def test_the_known_values_of_the_digits():
    digits = torch.tensor(load_digits().data) / 16
    mixed = digits[torch.randperm(1797, generator=torch.Generator().manual_seed(3))]
    train, test = mixed[:1000], mixed[1000:]
    # Measured once on one split: 1.265, 1.329, 2.163, 3.670. Another split moves the floor by about 0.02.
    assert wasserstein_distance(train, test, 1) == pytest.approx(1.265, abs=0.04)
    assert wasserstein_distance(train, test, 2) == pytest.approx(1.329, abs=0.05)
    assert wasserstein_distance(train.mean(0, keepdim=True), test, 1) == pytest.approx(2.163, abs=0.03)
    noise = torch.rand(1000, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert wasserstein_distance(noise, test, 1) == pytest.approx(3.670, abs=0.03)


def test_two_thousand_points_are_solved_where_pots_default_stops_short():
    x, y = normal(2000, 64), normal(2000, 64, seed=1)
    costs = cdist(x, y)
    best = costs[linear_sum_assignment(costs)].mean()
    assert wasserstein_distance(x, y, 1) == pytest.approx(best, rel=1e-9)
    with pytest.warns(UserWarning, match="numItermax"):
        assert ot.emd2([], [], costs) > best + 1e-3


def test_a_warning_that_says_nothing_of_the_optimum_is_none_of_ours(monkeypatch):
    def old(*arguments, **named):
        warnings.warn("an argument is going to change", DeprecationWarning, stacklevel=1)
        return 2.0

    monkeypatch.setattr(ot, "emd2", old)
    assert wasserstein_distance(normal(5, 2), normal(5, 2), 1) == 2


def test_a_value_that_is_not_optimal_is_an_error(monkeypatch):
    monkeypatch.setattr(_transport, "_MAX_ITERATIONS", 10)
    with pytest.raises(GensweepError, match=r"n = 200.*smaller n"):
        wasserstein_distance(normal(200, 3), normal(200, 3, seed=1), 1)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_the_sliced_distance_is_pots_along_the_same_directions(p):
    x, y = normal(300, 8), 1 + normal(300, 8, seed=1)
    along = directions(8, 40, seed=5)
    expected = ot.sliced_wasserstein_distance(x.numpy(), y.numpy(), projections=along.double().numpy(), p=p)
    assert sliced(x, y, along, p) == pytest.approx(expected, rel=1e-5)


def test_directions_are_uniform_on_the_sphere_and_fixed_by_their_seed():
    along = directions(3, 20_000, seed=1)
    assert torch.allclose(along.norm(dim=0), torch.ones(20_000), atol=1e-6)
    # E u uᵀ = I/3; the variance of u_i² is 4/45, so 0.01 is about five standard errors.
    assert torch.allclose(along @ along.T / 20_000, torch.eye(3) / 3, atol=0.01)
    assert torch.equal(along, directions(3, 20_000, seed=1))
    assert not torch.equal(along, directions(3, 20_000, seed=2))


def test_sliced_shift_and_scale():
    x, along = normal(2000, 8), directions(8, 2000, seed=0)
    # A shift v costs |⟨u, v⟩|, whose mean square is |v|²/d = 1. Relative error of the root: 1.5 % at most.
    assert sliced(x, x + 1, along) == pytest.approx(1, abs=0.05)
    # Doubling costs |⟨u, x⟩| along every direction: mean square 1, where W_2 is √8.
    assert sliced(x, 2 * x, along) == pytest.approx(1, abs=0.05)
    assert sliced(x, x, along) == 0


@pytest.mark.parametrize(("n", "floor"), [(500, 0.108), (2000, 0.060), (10_000, 0.026)])
def test_the_sliced_floor_falls_as_the_root_of_n(n, floor):
    along = directions(8, 100, seed=0)
    assert sliced(normal(n, 8), normal(n, 8, seed=1), along) == pytest.approx(floor, rel=0.25)


def test_a_one_dimensional_sliced_distance_is_the_exact_one():
    x, y = normal(400, 1), 2 + normal(400, 1, seed=1)
    assert sliced(x, y, directions(1, 3, seed=0)) == pytest.approx(wasserstein_distance(x, y, 2), rel=1e-6)
    assert math.isclose(wasserstein_distance(x, y, 1), wasserstein_distance(y, x, 1), rel_tol=1e-12)


def test_numbers_are_put_in_order_as_torch_does():
    rows = torch.cat([torch.randn(3, 50), torch.tensor([[1.0, math.inf, math.nan, -math.inf, 1.0] * 10])])
    for given in (rows, rows.double(), rows.T.contiguous().T):
        ordered = _transport._in_order(given)
        assert torch.equal(ordered.nan_to_num(7), given.sort(dim=1).values.nan_to_num(7))
        assert ordered.isnan()[3].tolist() == [False] * 40 + [True] * 10
        assert ordered.dtype == given.dtype
