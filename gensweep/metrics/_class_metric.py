"""Metrics of a classifier: what it is trained on, what it is asked of, and the classes of both."""

from __future__ import annotations

import hashlib
import math
from abc import abstractmethod
from typing import ClassVar, Literal, TypeAlias

import torch
from pydantic import Field

from gensweep.datasets.base import Dataset, SplitName, load
from gensweep.errors import ConfigError
from gensweep.metrics._classifiers import logistic_regression
from gensweep.metrics._samples import protocol, too_few
from gensweep.metrics.base import Metric, Model, Score, Scorer, subset

_DEFAULT_N = 5000
Views: TypeAlias = tuple[torch.Tensor, torch.Tensor]  # of training items and of the split's, each [n, d], float64


class ClassMetric(Metric):
    """The share of the split's items whose class a logistic regression tells, on what a model makes of them."""

    mode: ClassVar[Literal["min", "max"]] = "max"
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    estimator: ClassVar[str]

    n: int | None = Field(None, ge=2, description="items of the split; null: all, up to 5000")
    n_train: int | None = Field(None, ge=2, description="training items; null: all, up to 5000")
    penalty: float = Field(1e-3, gt=0, description="weight of half the squared weights beside the mean loss in nats")
    seed: int = Field(0, ge=0, description="seed of the choice of items")

    @abstractmethod
    def views(self, model: Model, trained: torch.Tensor, items: torch.Tensor) -> Views | None:
        """What the classifier is trained on and asked of, of training items and of the split's; None where there is none."""

    def misfit(self, dataset: Dataset) -> str | None:
        """There must be classes to tell."""
        if dataset.is_of_classes or getattr(dataset, "labels", None) is not None:
            return None
        return f"metric {self.name}: dataset {dataset.name} has no classes to tell. Leave the metric out, or give it labels."

    def shortage(self, n_items: int, split: SplitName) -> str | None:
        """See Metric."""
        return too_few(self, self.n, n_items, split)

    def against(self, dataset: Dataset, split: SplitName) -> Scorer:
        """The scorer."""
        if reason := self.misfit(dataset):
            raise ConfigError(reason)
        return _Scorer(self, dataset, split)


class _Scorer(Scorer):
    def __init__(self, metric: ClassMetric, dataset: Dataset, split: SplitName) -> None:
        splits = load(dataset)
        if reason := metric.shortage(len(splits.split(split)), split):
            raise ConfigError(reason)
        self.metric = metric
        self.items, self.classes = _chosen(metric, dataset, split, metric.n)
        self.trained, self.known = _chosen(metric, dataset, "train", metric.n_train)
        if bool((self.known == self.known[0]).all()):
            raise ConfigError(
                f"metric {metric.name}: the {len(self.known)} training items are of one class. Raise n_train."
            )
        digest = hashlib.sha256(torch.cat([self.known, self.classes]).numpy().tobytes()).hexdigest()[:8]
        self.protocol = protocol(
            metric, dataset, split, (len(self.items), 0), estimator=metric.estimator, n_train=len(self.trained), classes=digest,
        )  # fmt: skip

    def score(self, model: Model) -> Score:
        views = self.metric.views(model, self.trained, self.items)
        if views is None or not all(bool(torch.isfinite(view).all()) for view in views):
            return Score(math.nan)
        trained, asked = views
        found = logistic_regression(trained, self.known, torch.cat([asked, trained]), self.metric.penalty)
        n = len(asked)
        accuracy = float((found[:n] == self.classes).double().mean())
        commonest = self.known.mode().values
        return Score(
            accuracy,
            {
                "train_accuracy": float((found[n:] == self.known).double().mean()),
                "chance": float((self.classes == commonest).double().mean()),
                "standard_error": math.sqrt(accuracy * (1 - accuracy) / n),
            },
        )


def flat(values: torch.Tensor) -> torch.Tensor:
    """Values [n, ...] as rows [n, d], float64, on the CPU."""
    return values.detach().cpu().flatten(1).double()


def _chosen(
    metric: ClassMetric, dataset: Dataset, split: SplitName, n: int | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """At most n items of a split and the class of each."""
    classes = dataset.classes(split)
    assert classes is not None, "misfit told of it"
    size = min(n or _DEFAULT_N, len(classes))
    items = load(dataset).split(split)
    return subset(items, size, metric.seed, split), subset(classes, size, metric.seed, split)
