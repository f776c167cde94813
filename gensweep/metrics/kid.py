"""Kernel distance to the data in the features of a frozen network."""

from __future__ import annotations

import math
import statistics
from typing import ClassVar, Literal, Self

import torch
from pydantic import Field

from gensweep.metrics._featured import Featured
from gensweep.metrics._kernel_statistics import mmd_squared, polynomial
from gensweep.metrics._sample_metric import Reference, SampleMetric, Statistic
from gensweep.metrics.base import Score
from gensweep.seeding import derive


class KID(Featured, SampleMetric):
    """The squared maximum mean discrepancy of features, for the kernel (⟨x, y⟩/d + 1)³, averaged over random subsets.

    Unlike FID it has no bias from the finite n: it is zero on average for equal laws, and may be negative. `sd` is the
    standard deviation over the subsets; where one subset is all there is, there is none.

    Fields: `extractor` as in Featured; `subsets` of `subset_size` items (null: 1000, or n); `standardise` each feature by
    its mean and standard deviation on training items first, as raw features can give one of them all the weight (null:
    not those of Inception, which published scores take as they are); `n` items on each side (null: 5000, or as many as
    the split has); `seed` of the choice of items and of the subsets.

    Source: M. Bińkowski, D. Sutherland, M. Arbel, A. Gretton, "Demystifying MMD GANs", 2018, arXiv:1801.01401, section 4.
    Differs: features of other networks than Inception are standardised. Their kernel and 50 subsets of 1000 are kept.
    """

    mode: ClassVar[Literal["min", "max"]] = "min"
    bounds: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    estimator: ClassVar[str] = "MMD squared with (<x,y>/d + 1)^3, unbiased, mean over subsets, float64"
    default_n: ClassVar[int] = 5000

    name: Literal["kid"] = "kid"
    subsets: int = Field(50, ge=1, le=10_000, description="random subsets that are averaged")
    subset_size: int | None = Field(None, ge=2, description="items of each side in a subset; null: min(1000, n)")
    standardise: bool | None = Field(
        None, description="features by their mean and standard deviation on training items; null: all but Inception's"
    )

    def settled(self, reference: Reference) -> Self:
        """Features of Inception stay as they are."""
        if self.standardise is not None:
            return self
        return self.model_copy(update={"standardise": self.extractor.partition(":")[0] != "inception"})

    def statistic(self, reference: Reference) -> Statistic:
        """The mean over the subsets."""
        centre, scale = torch.tensor(0.0), torch.tensor(1.0)
        if self.settled(reference).standardise:
            centre, scale = reference.train.mean(0), reference.train.std(0)
            scale = torch.where(scale > 0, scale, 1.0)  # a pixel that never varies stays as it is
        real = (reference.real - centre) / scale
        n = len(real)
        size = min(self.subset_size or 1000, n)
        subsets = self.subsets if size < n else 1

        def of(features: torch.Tensor) -> Score:
            generator = torch.Generator().manual_seed(derive(self.seed, "subsets"))
            drawn, values = (features - centre) / scale, []
            for _ in range(subsets):
                x, y = (side[torch.randperm(n, generator=generator)[:size]] for side in (drawn, real))
                values.append(mmd_squared(x, y, polynomial))
            return Score(statistics.fmean(values), {"sd": statistics.stdev(values)} if subsets > 1 else {})

        return of
