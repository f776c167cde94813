import math

import pytest
import torch

from gensweep.datasets.base import load
from gensweep.datasets.digits import Digits
from gensweep.datasets.gaussian_mixture import GaussianMixture
from gensweep.datasets.grid import Grid
from gensweep.datasets.ring import Ring
from gensweep.metrics.base import scorer
from gensweep.metrics.mode_coverage import ModeCoverage

from .conftest import Drawn


def score(dataset, items):
    return scorer(ModeCoverage(), dataset, "validation").score(Drawn(lambda n: items[torch.arange(n) % len(items)]))


@pytest.mark.parametrize(("dataset", "k"), [(Ring(), 8), (Grid(), 25)])
def test_the_data_reach_every_mode(dataset, k):
    found = score(dataset, load(dataset).train)
    assert found.value == 1
    assert found.details["modes"] == k
    # In the plane |z| <= 3 with probability 1 - exp(-9/2); four standard errors of 2500 draws.
    assert found.details["high_quality"] == pytest.approx(1 - math.exp(-4.5), abs=0.0084)
    assert found.details["evenness"] > 0.99


def test_a_dropped_mode_and_a_collapse_are_seen():
    centres, sigma = Ring().modes()
    seven = score(Ring(), centres[1:])
    assert (seven.value, seven.details["modes"], seven.details["high_quality"]) == (7 / 8, 7, 1)
    one = score(Ring(), centres[:1] + 0.5 * sigma)
    assert (one.value, one.details["evenness"]) == (1 / 8, 0)


def test_three_standard_deviations_are_the_limit():
    centres, sigma = Ring().modes()
    along = torch.tensor([[1.0, 0.0]])
    assert score(Ring(), centres[:1] + 2.99 * sigma * along).value == 1 / 8
    beyond = score(Ring(), centres[:1] + 3.01 * sigma * along)
    assert (beyond.value, beyond.details["high_quality"]) == (0, 0)


@pytest.mark.parametrize("dataset", [Digits(), GaussianMixture()])
def test_data_without_such_modes_are_a_misfit(dataset):
    assert "density_coverage" in ModeCoverage().misfit(dataset)
