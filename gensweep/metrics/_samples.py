"""What the metrics share: samples of a model, the protocol, and a warning of too few items."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import torch

from gensweep.datasets.base import Dataset, SplitName, load
from gensweep.metrics.base import Metric, Model, ScoreProtocol


def too_few(metric: Metric, n: int | None, n_items: int, split: SplitName) -> str | None:
    """The message for a metric that takes n items, where the split has fewer."""
    if n is None or n <= n_items:
        return None
    return f"metric {metric.name}: n = {n} is more than the {n_items} items of the {split} split. Lower n."


def fakes(model: Model, n: int) -> torch.Tensor | None:
    """Samples of `model` on the CPU, float32 [n, *shape]; None where one of their values is not finite."""
    drawn = model.samples(n).detach().to("cpu", torch.float32)
    return drawn if bool(torch.isfinite(drawn).all()) else None


def reference(dataset: Dataset, split: SplitName) -> dict[str, Any]:
    """The part of a protocol that says against which data a score is taken. Where the files lie is no part of it."""
    return {"dataset": dataset.name, "data": load(dataset).digest, "split": split}


def protocol(
    metric: Metric, dataset: Dataset, split: SplitName, sizes: tuple[int, int], **resolved: Any
) -> ScoreProtocol:
    """Everything that a score of `metric` depends on: its own fields, the data, n_real and n_fake, and what `resolved` adds.

    A field that `resolved` names has its value from there.
    """
    own = metric.dump()
    for sized in ("n", "n_fake"):  # said by `sizes`, as numbers
        own.pop(sized, None)
    return ScoreProtocol({
        "metric": own.pop("name"), "version": 1, **own, **reference(dataset, split),
        "n_real": sizes[0], "n_fake": sizes[1], "values": list(dataset.bounds) if dataset.bounds else "unbounded",
        **resolved,
    })  # fmt: skip


def warn_of_few(metric: str, n: int, dimensions: int) -> None:
    """Say once a process that a covariance of n items in more dimensions has no full rank."""
    if n < dimensions:
        _warn(metric, n, dimensions)


@cache
def _warn(metric: str, n: int, dimensions: int) -> None:
    logging.getLogger("gensweep.metrics").warning(
        "%s: %d items in %d feature dimensions. The covariance has no full rank and the score is mostly bias: use "
        "more items, or the metric kid.",
        metric,
        n,
        dimensions,
    )
