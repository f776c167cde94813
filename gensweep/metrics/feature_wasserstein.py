"""Exact Wasserstein distance in the features of a frozen network."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field

from gensweep.metrics._featured import Featured
from gensweep.metrics._sample_metric import Reference, SampleMetric, Statistic
from gensweep.metrics._transport import Order, wasserstein_distance
from gensweep.metrics.base import Score


class FeatureWasserstein(Featured, SampleMetric):
    """The exact Wasserstein distance between the features of n samples and of n items of the data.

    W_p = (min over couplings π of E_π |φ(X) − φ(Y)|^p)^(1/p). Unlike FID it sees more than two moments, and unlike the
    distance of raw pixels it does not reward averaged images. It is biased upwards by the finite n: look at the
    distance above `floor`, the same number for n training items.

    Fields: `p` the order, >= 1; `extractor` as in Featured; `n` items on each side (null: 1000, or as many as the split has), at
    a cost of about n^2.5; `seed` of the choice of items.

    Source: G. Peyré, M. Cuturi, "Computational Optimal Transport", 2019, arXiv:1803.00567, equation 2.15.
    """

    mode: ClassVar[Literal["min", "max"]] = "min"
    is_ratio: ClassVar[bool] = True
    estimator: ClassVar[str] = "exact, biased upwards by the finite n"

    name: Literal["feature_wasserstein"] = "feature_wasserstein"
    p: Order = Field(1, description="order of the distance")

    def statistic(self, reference: Reference) -> Statistic:
        """W_p to the reference's features."""

        def of(features: torch.Tensor) -> Score:
            return Score(wasserstein_distance(features, reference.real, self.p))

        return of
