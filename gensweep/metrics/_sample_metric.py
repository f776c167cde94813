"""What every metric shares that compares n samples with n items of the data."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeAlias

import torch
from pydantic import Field

from gensweep.datasets.base import Dataset, SplitName, load
from gensweep.errors import ConfigError
from gensweep.extractors.frozen import IDENTITY, load_extractor
from gensweep.metrics._featured import Featured
from gensweep.metrics._samples import fakes, protocol, too_few
from gensweep.metrics.base import Metric, Model, Score, Scorer, subset

Statistic: TypeAlias = Callable[[torch.Tensor], Score]  # of n samples [n, d]
_TRAIN_ITEMS = 2000


@dataclass(frozen=True)
class Reference:
    """What samples are compared with: n items `real` [n, d] of the split, and at most 2000 of the `train` one [m, d]."""

    real: torch.Tensor
    train: torch.Tensor


class SampleMetric(Metric, ABC):
    """A statistic of n samples and n items of the data, all as vectors: raw values, or features of a `Featured`.

    Its score has the detail `floor`: the statistic of n training items instead of samples.
    """

    estimator: ClassVar[str]
    default_n: ClassVar[int] = 1000

    n: int | None = Field(None, ge=2, description="items on each side; null: what the split has, up to a limit")
    seed: int = Field(0, ge=0, description="seed of the choice of items, and of whatever else is drawn")

    @abstractmethod
    def statistic(self, reference: Reference) -> Statistic:
        """The function that scores samples; what depends on the reference only is computed here, once."""

    def n_wanted(self) -> int:
        """`n`, or the default, of which a small split may have fewer."""
        return self.n or self.default_n

    def shortage(self, n_items: int, split: SplitName) -> str | None:
        """See Metric."""
        return too_few(self, self.n, n_items, split)

    def settled(self, reference: Reference) -> Self:
        """This metric with a value for each field whose null means `from the data`."""
        return self

    def against(self, dataset: Dataset, split: SplitName) -> Scorer:
        """The scorer; computes the floor once."""
        if reason := self.misfit(dataset):
            raise ConfigError(reason)
        return _Scorer(self, dataset, split)


class _Scorer(Scorer):
    def __init__(self, metric: SampleMetric, dataset: Dataset, split: SplitName) -> None:
        splits = load(dataset)
        items = splits.split(split)
        if reason := metric.shortage(len(items), split):
            raise ConfigError(reason)
        self.n = metric.n or min(metric.default_n, len(items))
        self.extractor = metric.features(dataset) if isinstance(metric, Featured) else load_extractor(IDENTITY)
        floor_items = subset(splits.train, self.n, metric.seed, "floor")
        reference = Reference(
            self.extractor.features(subset(items, self.n, metric.seed, split)).double(),
            self.extractor.features(subset(splits.train, _TRAIN_ITEMS, metric.seed, "train")).double(),
        )
        metric = metric.settled(reference)
        described: dict[str, Any] = self.extractor.described if isinstance(metric, Featured) else {}
        self.protocol = protocol(metric, dataset, split, (self.n, self.n), **described, estimator=metric.estimator)
        self.statistic = metric.statistic(reference)
        self.floor: dict[str, float] = {}
        if len(floor_items) == self.n:
            self.floor = {"floor": self._of(floor_items).value}

    def score(self, model: Model) -> Score:
        drawn = fakes(model, self.n)
        found = Score(math.nan) if drawn is None else self._of(drawn)
        return Score(found.value, {**found.details, **self.floor})

    def _of(self, items: torch.Tensor) -> Score:
        features = self.extractor.features(items).double()
        return self.statistic(features) if bool(torch.isfinite(features).all()) else Score(math.nan)
