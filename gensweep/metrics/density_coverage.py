"""Density and coverage of samples, by nearest neighbours in features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field

from gensweep.metrics._featured import Featured
from gensweep.metrics._neighbours import balls_around, radii
from gensweep.metrics._sample_metric import Reference, SampleMetric, Statistic
from gensweep.metrics.base import Score


class DensityCoverage(Featured, SampleMetric):
    """How much of the data has a sample near it, and how densely samples lie where data do.

    Balls around the n items of the data reach to the k-th nearest other item. `coverage`, the score, is the share of balls
    with a sample in them, in [0, 1]. `density` is the mean number of balls around a sample, divided by k: it may
    exceed 1 where samples crowd. For equal laws E density = 1 and E coverage = 1 − Π_{i=1..k} (n − i)/(2n − i), nearly
    1 − 2^−k, in any dimension.

    Fields: `k` (n − 1 where n is not above it); `extractor` as in Featured; `n` items on each side (null: 5000, or as
    many as the split has); `seed` of the choice of items.

    Source: M. F. Naeem, S. J. Oh, Y. Uh, Y. Choi, J. Yoo, "Reliable Fidelity and Diversity Metrics for Generative
    Models", 2020, arXiv:2002.09797, equations 3 to 6.
    Differs: balls are closed; the authors' code has open ones.
    """

    mode: ClassVar[Literal["min", "max"]] = "max"
    detail_modes: ClassVar[Mapping[str, Literal["min", "max"]]] = {"density": "max"}
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    estimator: ClassVar[str] = "closed balls to the k-th nearest other item, float64; coverage"
    default_n: ClassVar[int] = 5000

    name: Literal["density_coverage"] = "density_coverage"
    k: int = Field(5, ge=1, le=1000, description="the neighbour that a ball reaches to, not counting its centre")

    def statistic(self, reference: Reference) -> Statistic:
        """Coverage, with density beside it."""
        k = min(self.k, len(reference.real) - 1)
        reach = radii(reference.real, k)

        def of(features: torch.Tensor) -> Score:
            counts, hit = balls_around(features, reference.real, reach)
            return Score(float(hit.double().mean()), {"density": float(counts.double().mean()) / k})

        return of
