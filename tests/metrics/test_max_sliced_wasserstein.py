import math

import pytest
import torch

from gensweep.metrics._sample_metric import Reference
from gensweep.metrics._transport import steepest_direction, wasserstein_distance
from gensweep.metrics.max_sliced_wasserstein import MaxSlicedWasserstein

from .conftest import normal


def score(x, y, **fields) -> float:
    return MaxSlicedWasserstein(**fields).statistic(Reference(y, y))(x).value


@pytest.mark.parametrize("p", [1, 2])
def test_a_shift_is_its_whole_length(p):
    # The mean over directions shows 1.0 of it, the largest of random directions about 2.56.
    x = normal(1000, 8)
    assert score(x + 1, x, p=p) == pytest.approx(math.sqrt(8), rel=1e-9)
    assert score(normal(2000, 8, seed=1) + 1, normal(2000, 8), p=p) == pytest.approx(math.sqrt(8), abs=0.15)


def test_doubling_shows_the_widest_axis():
    # x and 2x couple item by item along any u: W_2^2 = u' (X'X/n) u, largest at the first eigenvector. Its law's is 1,
    # where W_2 itself is the root of 8.
    x = normal(1000, 8)
    expected = math.sqrt(float(torch.linalg.eigvalsh(x.T @ x / len(x))[-1]))
    assert score(2 * x, x) == pytest.approx(expected, rel=1e-3)
    assert expected == pytest.approx(1, abs=0.15)
    assert wasserstein_distance(2 * x, x, 2) == pytest.approx(math.sqrt(8), abs=0.15)


@pytest.mark.parametrize("p", [1, 2])
def test_no_direction_of_the_plane_shows_more(p):
    x = normal(300, 2)
    y = normal(300, 2, seed=1) @ torch.tensor([[1.0, 1.5], [0.0, 0.3]], dtype=torch.float64)
    angle = torch.linspace(0, math.pi, 4000, dtype=torch.float64)
    along = torch.stack([angle.cos(), angle.sin()])
    gaps = ((x @ along).sort(0).values - (y @ along).sort(0).values).abs().pow(p).mean(0).pow(1 / p)
    assert score(x, y, p=p) == pytest.approx(float(gaps.max()), rel=2e-4)


def test_it_climbs_where_the_means_say_nothing():
    x, y = normal(1000, 20), normal(1000, 20)
    x, y = x - x.mean(0), y - y.mean(0)
    y[:, 7] *= 4
    value, along = steepest_direction(x, y, 2, (4, 50), seed=0)
    assert abs(float(along[7])) > 0.99
    assert value == pytest.approx(3, abs=0.15)


def test_equal_samples_score_zero():
    assert score(normal(100, 4), normal(100, 4)) == pytest.approx(0, abs=1e-12)
