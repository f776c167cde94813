"""What the metrics share: how a model is asked for samples, and which fixed part of the data is the reference."""

from __future__ import annotations

from typing import Any

import torch

from gensweep.datasets.base import Dataset, SplitName, load
from gensweep.metrics.base import Model
from gensweep.seeding import derive


def fakes(model: Model, n: int) -> torch.Tensor | None:
    """Samples of `model` on the CPU, float32 [n, *shape]; None where one of their values is not finite."""
    drawn = model.samples(n).detach().to("cpu", torch.float32)
    return drawn if bool(torch.isfinite(drawn).all()) else None


def subset(data: torch.Tensor, n: int, seed: int, name: str) -> torch.Tensor:
    """At most n items of data [N, *shape], by a permutation that depends on `seed`, `name` and N only."""
    generator = torch.Generator().manual_seed(derive(seed, "subset", name))
    return data[torch.randperm(len(data), generator=generator)[:n]]


def reference(dataset: Dataset, split: SplitName) -> dict[str, Any]:
    """The part of a protocol that says against which data a score is taken. Where the files lie is no part of it."""
    return {"dataset": dataset.dump()["name"], "data": load(dataset).digest, "split": split}
