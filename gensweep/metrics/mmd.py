"""Maximum mean discrepancy to the data."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field

from gensweep.mathematics.kernels import gaussian, inverse_multiquadric, squared_distances
from gensweep.metrics._kernel_statistics import mmd_squared, within
from gensweep.metrics._sample_metric import Reference, SampleMetric, Statistic
from gensweep.metrics.base import Score


class MMD(SampleMetric):
    """The squared maximum mean discrepancy between n samples and n items of the data, estimated without bias.

    MMD² = E k(x, x') + E k(y, y') − 2 E k(x, y). With C = s ℓ² for each scale s, the kernels are
    rbf: Σ_s exp(−|x − y|² / 2C), imq: Σ_s C / (C + |x − y|²). Zero on average for equal laws, so it may be negative.

    Fields: `kernel`; `scales` s > 0; `length` ℓ in units of the data (null: the median distance between two training
    items, to three digits; the protocol has the number); `n` items on each side (null: 2000, or as many as the split
    has); `seed` of the choice of items.

    Source: A. Gretton, K. Borgwardt, M. Rasch, B. Schölkopf, A. Smola, "A Kernel Two-Sample Test", 2012, equation 3 and
    section 8 (the median).
    """

    mode: ClassVar[Literal["min", "max"]] = "min"
    bounds: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    estimator: ClassVar[str] = "MMD squared, unbiased (U-statistic within, all pairs between), float64"
    default_n: ClassVar[int] = 2000

    name: Literal["mmd"] = "mmd"
    kernel: Literal["rbf", "imq"] = Field("rbf", description="Gaussian, or inverse multiquadric")
    scales: tuple[Annotated[float, Field(gt=0)], ...] = Field((1.0,), min_length=1, description="multiples of length²")
    length: float | None = Field(
        None, gt=0, description="in units of the data; null: median distance of training items"
    )

    def settled(self, reference: Reference) -> Self:
        """With ℓ as a number."""
        if self.length is not None:
            return self
        median = float(torch.pdist(reference.train[:1000]).median())
        return self.model_copy(update={"length": float(f"{median or 1.0:.3g}")})

    def statistic(self, reference: Reference) -> Statistic:
        """MMD² to the reference."""
        assert self.length is not None
        squares = torch.tensor([s * self.length**2 for s in self.scales]).to(reference.real)
        of_squared = gaussian(2 * squares) if self.kernel == "rbf" else inverse_multiquadric(squares)

        def kernel(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return of_squared(squared_distances(x, y).clamp(min=0))

        own = within(reference.real, kernel)
        return lambda x: Score(mmd_squared(x, reference.real, kernel, own))
