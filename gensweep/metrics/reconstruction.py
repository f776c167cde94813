"""How far an auto-encoder's reconstructions are from the data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Literal

import torch

from gensweep.datasets.base import Dataset
from gensweep.metrics._item_metric import ItemMetric
from gensweep.metrics.base import Model, Score


class Reconstruction(ItemMetric):
    """The mean over n items of the squared error of their reconstruction, summed over the values of an item.

    E |x − ψ(φ(x))|², in squared units of the data. `share` is the same as a share of the items' total variance: 1 is no
    better than always the mean item. A stochastic encoder's code is here the mean of q(z|x), not a draw. Not a number for
    a family without an encoder.

    Fields: `n` items of the split (null: all, up to 5000); `seed` of their choice.

    Source: P. Baldi, K. Hornik, "Neural networks and principal component analysis", 1989,
    doi:10.1016/0893-6080(89)90014-2, equation 3; for a linear auto-encoder the least value is Σ_{i>k} λ_i.
    """

    mode: ClassVar[Literal["min", "max"]] = "min"
    is_ratio: ClassVar[bool] = True
    detail_modes: ClassVar[Mapping[str, Literal["min", "max"]]] = {"share": "min"}

    name: Literal["reconstruction"] = "reconstruction"

    @property
    def estimate(self) -> str:
        """How it is computed."""
        return "mean over items of the squared error summed over values, float64"

    def of(self, model: Model, items: torch.Tensor, dataset: Dataset) -> Score:
        """The mean squared error per item."""
        answer = model.reconstructions(items)
        if answer is None:
            return Score(math.nan)
        x = items.flatten(1).double()
        error = float((answer.detach().cpu().flatten(1).double() - x).square().sum(1).mean())
        total = float((x - x.mean(0)).square().sum(1).mean())
        return Score(error, {"share": error / total} if total else {})
