"""Exact Wasserstein distance to the data."""

from __future__ import annotations

import math
import statistics
from typing import ClassVar, Literal

import torch
from pydantic import Field

from gensweep.datasets.base import Dataset, SplitName, load
from gensweep.errors import ConfigError
from gensweep.metrics._samples import fakes, reference, subset
from gensweep.metrics._transport import wasserstein_distance
from gensweep.metrics.base import Metric, Model, Score, ScoreProtocol, Scorer

_DEFAULT_N = 1000


class Wasserstein(Metric):
    """The exact Wasserstein distance between n samples and n items of the data, in units of the data.

    W_p = (min over couplings π of E_π |X − Y|^p)^(1/p), |·| Euclidean over all values of an item.

    In many dimensions nearly all of the number is the finite n, so look at the distance above `floor`: the same number
    for n training items instead of samples. It also rewards averages (class means beat a full Gaussian on digits): do
    not rank by it alone.

    Fields: `p` 1 or 2; `n` items on each side (null: 1000, or as many as the split has); `replicates`, disjoint groups
    of n whose mean is the score and whose standard deviation is `sd`; `seed` of the choice of items.

    Source: G. Peyré, M. Cuturi, "Computational Optimal Transport", 2019, arXiv:1803.00567, equation 2.15.
    """

    mode: ClassVar[Literal["min", "max"]] = "min"

    name: Literal["wasserstein"] = "wasserstein"
    p: Literal[1, 2] = Field(1, description="order of the distance")
    n: int | None = Field(
        None, ge=2, description="items on each side, at a cost of about n^2.5; null: min(1000, what the split has)"
    )
    replicates: int = Field(1, ge=1, le=100, description="disjoint groups of n whose mean is the score")
    seed: int = Field(0, ge=0, description="seed of the choice of reference items")

    def against(self, dataset: Dataset, split: SplitName) -> Scorer:
        """The scorer; computes the floor once."""
        return _Scorer(self, dataset, split)


class _Scorer(Scorer):
    def __init__(self, metric: Wasserstein, dataset: Dataset, split: SplitName) -> None:
        splits = load(dataset)
        items = splits.split(split)
        n = metric.n or min(_DEFAULT_N, len(items) // metric.replicates)
        if n * metric.replicates > len(items) or n < 2:
            raise ConfigError(
                f"metric wasserstein: {metric.replicates} disjoint groups of {n} do not fit in the {len(items)} items "
                f"of the {split} split. Lower n or replicates."
            )
        self.n, self.metric = n, metric
        self.references = subset(items, n * metric.replicates, metric.seed, split).chunk(metric.replicates)
        self.protocol = ScoreProtocol({
            "metric": "wasserstein", "version": 1,
            "estimator": "exact, biased upwards by the finite n",
            **reference(dataset, split),
            "n": n, "replicates": metric.replicates, "p": metric.p, "cost": "euclidean", "seed": metric.seed,
        })  # fmt: skip
        real = subset(splits.train, n, metric.seed, "floor")
        self.floor = self._mean_and_sd((real,) * metric.replicates)[0] if len(real) == n else math.nan

    def score(self, model: Model) -> Score:
        drawn = fakes(model, self.n * self.metric.replicates)
        details = {} if math.isnan(self.floor) else {"floor": self.floor}
        mean, sd = (math.nan, math.nan) if drawn is None else self._mean_and_sd(drawn.chunk(self.metric.replicates))
        return Score(mean, details | ({"sd": sd} if self.metric.replicates > 1 else {}))

    def _mean_and_sd(self, groups: tuple[torch.Tensor, ...]) -> tuple[float, float]:
        pairs = zip(groups, self.references, strict=True)
        values = [wasserstein_distance(x, y, self.metric.p) for x, y in pairs]
        return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0
