"""The mean and deviation of samples against those of a mixture that is known exactly."""

from __future__ import annotations

import math

import pytest
import torch

from gensweep.datasets.digits import Digits
from gensweep.datasets.gaussian_mixture import GaussianMixture
from gensweep.metrics.base import scorer
from gensweep.metrics.gaussian_fit import GaussianFit

MIXTURE = GaussianMixture(n_train=10, n_validation=10, n_test=10)


class Normal:
    """N(mean, deviation^2)."""

    def __init__(self, mean: float, deviation: float) -> None:
        self.mean, self.deviation = mean, deviation

    def samples(self, n: int) -> torch.Tensor:
        return self.mean + self.deviation * torch.randn(n, 1, generator=torch.Generator().manual_seed(0))


def test_it_is_the_distance_between_the_two_gaussians() -> None:
    """W_2^2(N(m, s^2), N(a, b^2)) = (m - a)^2 + (s - b)^2; the mixture has mean 1.01 and variance 3.350525."""
    score = scorer(GaussianFit(), MIXTURE, "validation").score(Normal(1.31, 1.4304439))
    assert score.value == pytest.approx(math.hypot(0.3, 0.4), abs=0.015)  # 4 standard errors of 200,000 samples
    assert score.details["mean"] == pytest.approx(1.31, abs=0.013)
    assert score.details["deviation"] == pytest.approx(1.4304, abs=0.01)


def test_the_mixtures_own_moments_score_best() -> None:
    bound = scorer(GaussianFit(), MIXTURE, "validation")
    best = bound.score(Normal(1.01, math.sqrt(3.350525))).value
    others = [bound.score(Normal(*at)).value for at in ((1.1, 1.8304), (1.01, 1.7), (0.9, 1.8304), (1.01, 1.95))]
    assert best < 0.02 < min(others)


@pytest.mark.parametrize("dataset", [Digits(), GaussianMixture(means=((0.0, 0.0), (1.0, 1.0)))])
def test_other_data_have_no_such_score(dataset) -> None:
    assert "gaussian_mixture" in (GaussianFit().misfit(dataset) or "")
