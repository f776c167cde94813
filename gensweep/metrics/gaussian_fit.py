"""The mean and deviation of the samples, where those of the data are known exactly."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field

from gensweep.datasets.base import Dataset, SplitName
from gensweep.datasets.gaussian_mixture import GaussianMixture
from gensweep.errors import ConfigError
from gensweep.metrics._samples import fakes, protocol
from gensweep.metrics.base import Metric, Model, Score, Scorer

_MISFIT = (
    "metric gaussian_fit needs data of one dimension whose law is known. Use dataset: {name: gaussian_mixture} with "
    "numbers as means"
)


class GaussianFit(Metric):
    """How far the Gaussian with the samples' mean and deviation is from the one with those of the mixture, exact.

    value = sqrt((m - mean)^2 + (s - deviation)^2), which is W_2 between the two Gaussians. The details `mean` and
    `deviation` are m and s: what a model with an affine decoder is, whole.

    The best Gaussian has the mixture's own moments by the Kullback-Leibler divergence alone. By other divergences it has
    others, so a family that minimises one of those is right to score above 0; after a sweep on such data the table
    `ground truth` says where it should be.

    Fields: `n` samples, whose moments have a standard error of about s / sqrt(n).

    Source: D. Dowson, B. Landau, "The Frechet distance between multivariate normal distributions", 1982, equation 4.
    """

    mode: ClassVar[Literal["min", "max"]] = "min"

    name: Literal["gaussian_fit"] = "gaussian_fit"
    n: int = Field(200_000, ge=2, description="samples of the model")

    def misfit(self, dataset: Dataset) -> str | None:
        """Any data but a one-dimensional mixture."""
        known = isinstance(dataset, GaussianMixture) and dataset.components() is not None
        return None if known else _MISFIT

    def against(self, dataset: Dataset, split: SplitName) -> Scorer:
        """The scorer. The split is not looked at: the law is known."""
        if reason := self.misfit(dataset):
            raise ConfigError(reason)
        assert isinstance(dataset, GaussianMixture)
        return _Scorer(self, dataset, split)


class _Scorer(Scorer):
    def __init__(self, metric: GaussianFit, dataset: GaussianMixture, split: SplitName) -> None:
        weights, means, deviations = dataset.components() or ((), (), ())
        self.n, self.mean = metric.n, math.fsum(w * m for w, m in zip(weights, means, strict=True))
        spread = zip(weights, means, deviations, strict=True)
        self.deviation = math.sqrt(math.fsum(w * (s * s + (m - self.mean) ** 2) for w, m, s in spread))
        self.protocol = protocol(metric, dataset, split, (0, metric.n), estimator="sample moments against exact ones")

    def score(self, model: Model) -> Score:
        drawn = fakes(model, self.n)
        if drawn is None:
            return Score(math.nan)
        mean, deviation = float(drawn.double().mean()), float(drawn.double().std())
        value = math.hypot(mean - self.mean, deviation - self.deviation)
        return Score(value, {"mean": mean, "deviation": deviation})
