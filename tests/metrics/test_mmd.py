import math

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torchmetrics.image.kid import poly_mmd

from gensweep.datasets.digits import Digits
from gensweep.metrics._kernel_statistics import mmd_squared, polynomial, within
from gensweep.metrics._sample_metric import Reference
from gensweep.metrics.base import scorer
from gensweep.metrics.kid import KID
from gensweep.metrics.mmd import MMD

from .conftest import Drawn, normal

SEVEN = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
N = 2000
# Midpoint quantiles instead of draws: what is left is the cut tails and 1/n, no chance.
Z = torch.from_numpy(norm.ppf((np.arange(N) + 0.5) / N))[:, None]


def score(metric, x, y) -> float:
    return metric.statistic(Reference(y, y))(x).value


@pytest.mark.parametrize(
    ("fields", "shifted", "scaled"),
    [
        ({"length": 1.0}, 0.177268, 0.094187),
        ({"kernel": "imq", "length": math.sqrt(2)}, 0.144689, 0.073244),
        ({"kernel": "imq", "length": math.sqrt(2), "scales": SEVEN}, 0.815009, None),
    ],
)
def test_gaussians_on_the_line(fields, shifted, scaled):
    assert score(MMD(**fields), Z + 1, Z) == pytest.approx(shifted, abs=5e-3)
    if scaled:
        assert score(MMD(**fields), 2 * Z, Z) == pytest.approx(scaled, abs=2e-3)


@pytest.mark.parametrize(("other", "expected"), [(Z + 1, 22), (2 * Z, 27)])
def test_kids_kernel_on_the_line(other, expected):
    # MMD^2 = sum over j of binom(3, j) (m_j - m'_j)^2 of the moments: 3 + 3 + 16 and 3 * 9.
    assert score(KID(standardise=False, subset_size=N), other, Z) == pytest.approx(expected, rel=0.025)


def test_kid_is_torchmetrics_on_one_subset():
    x, y = normal(60, 5).float().double(), 1 + normal(60, 5, seed=1)
    expected = float(poly_mmd(y, x, degree=3, coef=1.0))
    assert score(KID(standardise=False), x, y) == pytest.approx(expected, rel=1e-9)


def test_kid_standardises_by_training_items_and_leaves_what_never_varies():
    train = 5 + 3 * normal(500, 4, seed=2)
    train[:, 3] = 1.0
    x, y = 5 + 3 * normal(50, 4), 6 + 3 * normal(50, 4, seed=1)
    scale = train.std(0)
    scale[3] = 1.0
    expected = mmd_squared((x - train.mean(0)) / scale, (y - train.mean(0)) / scale, polynomial)
    assert KID().statistic(Reference(y, train))(x).value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("fields", "standardises"),
    [
        ({}, True), ({"extractor": "identity"}, True), ({"extractor": "digits"}, True), ({"extractor": "file:n.pt2"}, True),
        ({"extractor": "inception"}, False), ({"extractor": "inception:i.pt"}, False),
        ({"extractor": "inception", "standardise": True}, True), ({"standardise": False}, False),
    ],
)  # fmt: skip
def test_kid_takes_the_features_of_inception_as_they_are(fields, standardises):
    """As published scores do."""
    train, x, y = 5 + 3 * normal(500, 4, seed=2), 5 + 3 * normal(50, 4), 6 + 3 * normal(50, 4, seed=1)
    reference, metric = Reference(y, train), KID(**fields)
    assert metric.settled(reference).standardise is standardises
    expected = KID(standardise=standardises).statistic(reference)(x).value
    assert metric.statistic(reference)(x).value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("metric", [MMD(length=1.0), KID(standardise=False)])
def test_it_is_unbiased_so_it_may_be_negative(metric):
    values = [score(metric, normal(30, 2, seed=i), normal(30, 2, seed=1000 + i)) for i in range(300)]
    mean, error = np.mean(values), np.std(values) / math.sqrt(len(values))
    assert abs(mean) < 4 * error  # a false alarm once in 16,000
    assert min(values) < 0


def test_blocks_give_the_sum_over_all_pairs():
    x, y = normal(2300, 3), normal(1100, 3, seed=1)
    gram = polynomial(x, x)
    n = len(x)
    assert within(x, polynomial) == pytest.approx(float((gram.sum() - gram.trace()) / (n * (n - 1))), rel=1e-10)
    expected = within(x, polynomial) + within(y, polynomial) - 2 * float(polynomial(x, y).mean())
    assert mmd_squared(x, y, polynomial) == pytest.approx(expected, rel=1e-9)


def test_kid_averages_subsets_and_tells_their_spread():
    found = scorer(KID(subsets=8, subset_size=100), Digits(), "validation").score(
        Drawn(lambda n: torch.rand(n, 1, 8, 8))
    )
    whole = scorer(KID(), Digits(), "validation").score(Drawn(lambda n: torch.rand(n, 1, 8, 8)))
    assert found.details["sd"] > 0
    assert "sd" not in whole.details
    assert found.value == pytest.approx(whole.value, rel=0.2)


def test_the_length_from_the_data_is_in_the_protocol():
    content = scorer(MMD(), Digits(), "validation").protocol.content
    assert 2 < content["length"] < 4
