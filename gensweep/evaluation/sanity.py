"""What the scores on a dataset mean: the data themselves, and models that learn nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch

from gensweep.cache import cached
from gensweep.configuration import TrialConfiguration
from gensweep.datasets.base import Dataset, SplitName, load
from gensweep.evaluation.given import GivenSamples, TooFew
from gensweep.metrics.base import Metric, Model, Score, Scorer, scorer, subset
from gensweep.trial import TrainedModel, build_game

_BASELINES: dict[str, dict[str, Any]] = {
    "memoriser": {"name": "memoriser"},
    "class means": {"name": "class_means"},
    "PCA Gaussian": {"name": "pca_gaussian"},
    "uniform noise": {"name": "uniform_noise"},
}
ROWS = ("floor", "training items", *_BASELINES)  # their names, in order
_SANITY = 1  # raised when a baseline changes
_VALUE = ""  # the score itself, among its details


def sanity_rows(
    dataset: Dataset, metrics: Sequence[Metric], split: SplitName = "validation"
) -> list[dict[str, float | str]]:
    """What the scores on a dataset mean: one row each for the floor, training items, and models that learn nothing.

    A row maps `row` to its name and each metric to its value; a metric that cannot be computed has none. Computed once
    per protocol, and kept in GENSWEEP_CACHE.
    """
    return list(sanity(dataset, metrics, split))


def sanity(dataset: Dataset, metrics: Sequence[Metric], split: SplitName) -> Iterator[dict[str, float | str]]:
    """The rows of `sanity_rows`, each as soon as it is known."""
    scorers = {m.name: scorer(m, dataset, split) for m in metrics if m.misfit(dataset) is None}
    train = load(dataset).train
    real = _scores("training items", GivenSamples(subset(train, len(train), 0, "sanity")), scorers)
    yield {"row": "floor", **{name: s.details["floor"] for name, s in real.items() if "floor" in s.details}}
    yield {"row": "training items", **_values(real)}
    for row, node in _BASELINES.items():
        yield {"row": row, **_values(_scores(row, _baseline(dataset, node), scorers, node))}


def _scores(
    row: str, model: Model, scorers: Mapping[str, Scorer], node: Mapping[str, Any] | None = None
) -> dict[str, Score]:
    found = {}
    for name, bound in scorers.items():
        content = {"sanity": _SANITY, "row": row, "family": node, "protocol": dict(bound.protocol.content)}
        kept = cached(content, partial(_scored, bound, model))
        values = {detail: float(value) for detail, value in kept.items()}
        found[name] = Score(values.pop(_VALUE), values)
    return found


def _scored(bound: Scorer, model: Model) -> dict[str, torch.Tensor]:
    """The score as the cache keeps it."""
    try:
        score = bound.score(model)
    except TooFew:
        score = Score(math.nan)
    return {name: torch.tensor(v, dtype=torch.float64) for name, v in {_VALUE: score.value, **score.details}.items()}


def _values(scores: Mapping[str, Score]) -> dict[str, float]:
    return {name: score.value for name, score in scores.items() if not math.isnan(score.value)}


def _baseline(dataset: Dataset, family: Mapping[str, Any]) -> TrainedModel:
    configuration = TrialConfiguration.model_validate({
        "dataset": dataset, "network": "mlp", "family": family, "training": {"batch_size": 2, "epochs": 1},
        "evaluation": {"metrics": ["wasserstein"]},
    })  # fmt: skip
    return TrainedModel(build_game(configuration), configuration, torch.device("cpu"))
