"""What every metric shares that asks a model about items of the data, rather than for samples."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from pydantic import Field

from gensweep.datasets.base import Dataset, SplitName, load
from gensweep.errors import ConfigError
from gensweep.metrics._samples import protocol, too_few
from gensweep.metrics.base import Metric, Model, Score, Scorer, subset


class ItemMetric(Metric, ABC):
    """A statistic of what a model says of n items of the split.

    Not a number where the family has no answer (no encoder, no likelihood): such a family cannot be ranked by it, and
    it does not end the trial unless it is the sweep's objective.
    """

    default_n: ClassVar[int] = 5000

    n: int | None = Field(None, ge=2, description="items of the split; null: all, up to a limit")
    seed: int = Field(0, ge=0, description="seed of the choice of items")

    @property
    @abstractmethod
    def estimate(self) -> str:
        """How the score is computed, for the protocol."""

    @property
    def n_fake(self) -> int:
        """How many samples of the model are drawn as well."""
        return 0

    @abstractmethod
    def of(self, model: Model, items: torch.Tensor, dataset: Dataset) -> Score:
        """The score on items [n, *shape] of the data."""

    def shortage(self, n_items: int, split: SplitName) -> str | None:
        """See Metric."""
        return too_few(self, self.n, n_items, split)

    def against(self, dataset: Dataset, split: SplitName) -> Scorer:
        """The scorer."""
        if reason := self.misfit(dataset):
            raise ConfigError(reason)
        return _Scorer(self, dataset, split)


class _Scorer(Scorer):
    def __init__(self, metric: ItemMetric, dataset: Dataset, split: SplitName) -> None:
        available = load(dataset).split(split)
        if reason := metric.shortage(len(available), split):
            raise ConfigError(reason)
        n = metric.n or min(metric.default_n, len(available))
        self.metric, self.dataset = metric, dataset
        self.items = subset(available, n, metric.seed, split)
        self.protocol = protocol(metric, dataset, split, (n, metric.n_fake), estimator=metric.estimate)

    def score(self, model: Model) -> Score:
        found = self.metric.of(model, self.items, self.dataset)
        return found if math.isfinite(found.value) else Score(math.nan)
