"""Sliced Wasserstein distance to the data."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field

from gensweep.datasets.base import Dataset, SplitName, load
from gensweep.errors import ConfigError
from gensweep.metrics._samples import fakes, protocol, too_few
from gensweep.metrics._transport import Order, directions, projected, sliced_distance
from gensweep.metrics.base import Metric, Model, Score, Scorer, subset
from gensweep.seeding import derive

_DEFAULT_N = 5000


class SlicedWasserstein(Metric):
    """The root mean of the one-dimensional Wasserstein distances along fixed random directions, in units of the data.

    SW_p = (E_u W_p(⟨u, X⟩, ⟨u, Y⟩)^p)^(1/p), u uniform on the sphere. Cheap, so n can be large and the bias small; it
    is not W_p, not even up to a constant. `floor` is the same number for n training items instead of samples.

    Fields: `p` the order, >= 1; `projections`, how many directions; `n` items on each side (null: 5000, or as many as the
    split has); `seed` of the directions and of the choice of items.

    Source: N. Bonneel, J. Rabin, G. Peyré, H. Pfister, "Sliced and Radon Wasserstein barycenters of measures", 2015,
    doi:10.1007/s10851-014-0506-3, equation 8.
    """

    mode: ClassVar[Literal["min", "max"]] = "min"
    is_ratio: ClassVar[bool] = True

    name: Literal["sliced_wasserstein"] = "sliced_wasserstein"
    p: Order = Field(2, description="order of the distance")
    projections: int = Field(128, ge=1, le=10_000, description="random directions")
    n: int | None = Field(None, ge=2, description="items on each side; null: min(5000, what the split has)")
    seed: int = Field(0, ge=0, description="seed of the directions and of the choice of reference items")

    def shortage(self, n_items: int, split: SplitName) -> str | None:
        """See Metric."""
        return too_few(self, self.n, n_items, split)

    def against(self, dataset: Dataset, split: SplitName) -> Scorer:
        """The scorer; projects and sorts the reference, and computes the floor, once."""
        return _Scorer(self, dataset, split)


class _Scorer(Scorer):
    def __init__(self, metric: SlicedWasserstein, dataset: Dataset, split: SplitName) -> None:
        splits = load(dataset)
        items = splits.split(split)
        if reason := metric.shortage(len(items), split):
            raise ConfigError(reason)
        self.n, self.p = metric.n or min(_DEFAULT_N, len(items)), metric.p
        self.along = directions(math.prod(dataset.shape), metric.projections, derive(metric.seed, "projections"))
        self.reference = projected(subset(items, self.n, metric.seed, split), self.along)
        self.protocol = protocol(
            metric, dataset, split, (self.n, self.n), estimator="fixed directions, biased upwards by the finite n"
        )
        real = subset(splits.train, self.n, metric.seed, "floor")
        enough = len(real) == self.n
        self.details = {"floor": sliced_distance(projected(real, self.along), self.reference, self.p)} if enough else {}

    def score(self, model: Model) -> Score:
        drawn = fakes(model, self.n)
        if drawn is None:
            return Score(math.nan, self.details)
        return Score(sliced_distance(projected(drawn, self.along), self.reference, self.p), self.details)
