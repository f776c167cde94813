import numpy as np
import ot
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.stats import norm

from gensweep.datasets.digits import Digits
from gensweep.metrics._sample_metric import Reference
from gensweep.metrics.base import scorer
from gensweep.metrics.sinkhorn_divergence import SinkhornDivergence

from .conftest import normal


def score(x, y, epsilon: float, iterations: int = 200) -> float:
    return SinkhornDivergence(epsilon=epsilon, iterations=iterations).statistic(Reference(y, y))(x).value


def quantiles(n: int) -> torch.Tensor:
    return torch.from_numpy(norm.ppf((np.arange(n) + 0.5) / n))[:, None]


@pytest.mark.parametrize(
    ("epsilon", "expected"), [(0.1, 1.999922), (0.5, 1.998055), (2, 1.970579), (10, 1.650977), (100, 1.089554)]
)
def test_gaussians_have_the_closed_form(epsilon, expected):
    # N(0, 1) and N(1, 2^2) by midpoint quantiles, whose cut tails cost about 1 % of the variances.
    z = quantiles(400)
    assert score(z, 1 + 2 * z, epsilon) == pytest.approx(expected, rel=0.01)


def by_pot(x, y, epsilon: float) -> float:
    def regularised(a, b):
        costs = cdist(a, b, "sqeuclidean")
        n, m = costs.shape
        plan = ot.sinkhorn(
            np.full(n, 1 / n),
            np.full(m, 1 / m),
            costs,
            epsilon,
            method="sinkhorn_log",
            numItermax=20_000,
            stopThr=1e-13,
        )
        return (plan * costs).sum() + epsilon * (plan * np.log(plan * n * m)).sum()

    return regularised(x, y) - regularised(x, x) / 2 - regularised(y, y) / 2


@pytest.mark.parametrize("epsilon", [pytest.param(2.0, marks=pytest.mark.slow), 10.0])
def test_it_is_pots_plan_with_the_entropy_counted(epsilon):
    x, y = normal(40, 3), 1 + 1.5 * normal(40, 3, seed=1)
    assert score(x, y, epsilon, 2000) == pytest.approx(by_pot(x.numpy(), y.numpy(), epsilon), rel=1e-4)


def test_its_limits_are_the_means_and_the_exact_distance():
    x, y = normal(80, 3), 1 + 2 * normal(80, 3, seed=1)
    between_means = float((x.mean(0) - y.mean(0)).square().sum())
    assert score(x, y, 1e6) == pytest.approx(between_means, rel=1e-3)
    assert score(x, y, 0.01, 3000) == pytest.approx(float(ot.emd2([], [], cdist(x, y, "sqeuclidean"))), rel=0.02)


def test_equal_samples_score_zero_and_too_few_steps_less_which_the_bounds_allow():
    x = torch.cat([normal(60, 1), 5 + normal(60, 1, seed=1)])
    assert score(x, x, 1.0, 1000) == pytest.approx(0, abs=1e-9)
    assert SinkhornDivergence.bounds[0] < score(x, x, 1.0, 1) < -0.1


def test_the_protocol_says_cost_and_epsilon():
    content = scorer(SinkhornDivergence(), Digits(), "validation").protocol.content
    assert content["cost"] == "squared_euclidean"
    assert 0.1 < content["epsilon"] < 2
    other = scorer(SinkhornDivergence(epsilon=content["epsilon"]), Digits(), "validation").protocol
    assert other.content == content
