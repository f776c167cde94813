"""Precision and recall of samples, by nearest neighbours in features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field

from gensweep.metrics._featured import Featured
from gensweep.metrics._neighbours import radii, reached
from gensweep.metrics._sample_metric import Reference, SampleMetric, Statistic
from gensweep.metrics.base import Score


class PrecisionRecall(Featured, SampleMetric):
    """How much of the samples looks like data, and how much of the data the samples reach.

    The manifold of a set is the union of the balls around its items that reach to the k-th nearest other item.
    `precision` is the share of samples in the data's manifold, `recall` the share of the data in the samples'; the
    score is 2 · precision · recall / (precision + recall). All lie in [0, 1]. In many dimensions both are far below 1
    even for equal laws (0.48 for N(0, I) in 1000, with n = 10,000 and k = 5): compare with `floor`, the same for n
    training items.

    Fields: `k` (n − 1 where n is not above it); `extractor` as in Featured; `n` items on each side (null: 5000, or as
    many as the split has); `seed` of the choice of items.

    Source: T. Kynkäänniemi, T. Karras, S. Laine, J. Lehtinen, T. Aila, "Improved Precision and Recall Metric for
    Assessing Generative Models", 2019, arXiv:1904.06991, equations 1 to 3.
    Differs: one number of the two, their harmonic mean, so that a direction can be declared.
    """

    mode: ClassVar[Literal["min", "max"]] = "max"
    detail_modes: ClassVar[Mapping[str, Literal["min", "max"]]] = {"precision": "max", "recall": "max"}
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    estimator: ClassVar[str] = "closed balls to the k-th nearest other item, float64; harmonic mean"
    default_n: ClassVar[int] = 5000

    name: Literal["precision_recall"] = "precision_recall"
    k: int = Field(3, ge=1, le=1000, description="the neighbour that a ball reaches to, not counting its centre")

    def statistic(self, reference: Reference) -> Statistic:
        """Precision, recall and their harmonic mean."""
        k = min(self.k, len(reference.real) - 1)
        real_radii = radii(reference.real, k)

        def of(features: torch.Tensor) -> Score:
            precise, recalled = reached(features, radii(features, k), reference.real, real_radii)
            precision, recall = float(precise.double().mean()), float(recalled.double().mean())
            mean = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
            return Score(mean, {"precision": precision, "recall": recall})

        return of
