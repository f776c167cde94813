"""What the codes say of the classes of the data."""

from __future__ import annotations

import hashlib
import math
from typing import ClassVar, Literal

import torch
from pydantic import Field

from gensweep.datasets.base import Dataset, SplitName, load
from gensweep.errors import ConfigError
from gensweep.metrics._classifiers import logistic_regression
from gensweep.metrics._samples import protocol, too_few
from gensweep.metrics.base import Metric, Model, Score, Scorer, subset

_DEFAULT_N = 5000


class LinearProbe(Metric):
    """The share of the split's items whose class a logistic regression on their codes tells, trained on codes of training items.

    The code of an item is a draw from q(z|x), as `latent_gap` has it, brought to mean 0 and deviation 1 a dimension by the
    training codes. It says whether codes hold the classes so that a plane parts them, and nothing of samples: a model of the
    data need not have such codes. `train_accuracy` is that on the codes it was trained on; `chance` that of always answering with
    the commonest class of the training items; `standard_error` is (a (1 − a) / n)^(1/2). Not a number for a family without an
    encoder.

    Fields: `n` items of the split and `n_train` training items (null: all, up to 5000); `penalty` of the squared weights beside
    the mean loss; `seed` of the choice of items.

    Source: G. Alain, Y. Bengio, "Understanding Intermediate Layers Using Linear Classifier Probes", 2016, arXiv:1610.01644.
    """

    mode: ClassVar[Literal["min", "max"]] = "max"
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    name: Literal["linear_probe"] = "linear_probe"
    n: int | None = Field(None, ge=2, description="items of the split; null: all, up to 5000")
    n_train: int | None = Field(None, ge=2, description="training items; null: all, up to 5000")
    penalty: float = Field(1e-3, gt=0, description="weight of half the squared weights beside the mean loss in nats")
    seed: int = Field(0, ge=0, description="seed of the choice of items")

    def misfit(self, dataset: Dataset) -> str | None:
        """There must be classes to tell."""
        if dataset.is_of_classes or getattr(dataset, "labels", None) is not None:
            return None
        return f"metric linear_probe: dataset {dataset.name} has no classes to tell. Leave the metric out, or give it labels."

    def shortage(self, n_items: int, split: SplitName) -> str | None:
        """See Metric."""
        return too_few(self, self.n, n_items, split)

    def against(self, dataset: Dataset, split: SplitName) -> Scorer:
        """The scorer."""
        if reason := self.misfit(dataset):
            raise ConfigError(reason)
        return _Scorer(self, dataset, split)


class _Scorer(Scorer):
    def __init__(self, metric: LinearProbe, dataset: Dataset, split: SplitName) -> None:
        splits = load(dataset)
        if reason := metric.shortage(len(splits.split(split)), split):
            raise ConfigError(reason)
        self.metric = metric
        self.items, self.classes = _chosen(metric, dataset, split, metric.n)
        self.trained, self.known = _chosen(metric, dataset, "train", metric.n_train)
        if bool((self.known == self.known[0]).all()):
            raise ConfigError(
                f"metric linear_probe: the {len(self.known)} training items are of one class. Raise n_train."
            )
        digest = hashlib.sha256(torch.cat([self.known, self.classes]).numpy().tobytes()).hexdigest()[:8]
        self.protocol = protocol(
            metric, dataset, split, (len(self.items), 0), estimator="accuracy of a logistic regression on standardised codes",
            n_train=len(self.trained), classes=digest,
        )  # fmt: skip

    def score(self, model: Model) -> Score:
        codes, trained = _codes(model, self.items), _codes(model, self.trained)
        if codes is None or trained is None:
            return Score(math.nan)
        found = logistic_regression(trained, self.known, torch.cat([codes, trained]), self.metric.penalty)
        n = len(codes)
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


def _chosen(
    metric: LinearProbe, dataset: Dataset, split: SplitName, n: int | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """At most n items of a split and the class of each."""
    classes = dataset.classes(split)
    assert classes is not None, "misfit told of it"
    size = min(n or _DEFAULT_N, len(classes))
    items = load(dataset).split(split)
    return subset(items, size, metric.seed, split), subset(classes, size, metric.seed, split)


def _codes(model: Model, items: torch.Tensor) -> torch.Tensor | None:
    """Their codes [n, d], float64; None where there are none, or one is not finite."""
    found = model.codes(items)
    if found is None or not bool(torch.isfinite(found).all()):
        return None
    return found.detach().cpu().flatten(1).double()
