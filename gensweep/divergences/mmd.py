"""The maximum mean discrepancy."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field

from gensweep.component import Knob
from gensweep.divergences.base import Divergence
from gensweep.losses import Knobs, Nets, Noise, PopulationObjective
from gensweep.mathematics.kernels import gaussian, inverse_multiquadric, mmd_squared_unbiased


class MMD(Divergence):
    """The squared maximum mean discrepancy: how far apart the means of two samples are in a kernel's space.

    MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y), estimated without bias, so it may be below zero; it is not clamped.
    With C_s = 2 d s * bandwidth in d dimensions, the scale of two points of N(0, I), the kernels are

    imq: sum over s of C_s / (C_s + ||x - y||^2),   rbf: sum over s of exp(-||x - y||^2 / C_s).

    Fields:
        kernel: imq, whose heavy tail still pulls outliers in, or rbf.
        scales: the s of the sum, each > 0.
        bandwidth: multiplies every C_s, > 0; a knob. It is the variance of the target in each dimension, 1 for N(0, I).

    Source: I. Tolstikhin, O. Bousquet, S. Gelly, B. Schoelkopf, "Wasserstein Auto-Encoders", 2018, arXiv:1711.01558,
    section 4 and Algorithm 2, with the seven scales of the authors' code; A. Gretton et al., "A Kernel Two-Sample
    Test", 2012, eq. 3 (the estimate).
    Differs: rbf has the same fixed scales. The authors' code takes one, from medians of the batch, which then moves
    with the encoder that it trains.
    """

    name: Literal["mmd"] = "mmd"
    kernel: Literal["imq", "rbf"] = Field("imq", description="inverse multiquadric, or Gaussian")
    scales: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0), min_length=1, description="multiples of the width that are summed"
    )
    bandwidth: Annotated[float, Knob(), Field(gt=0, description="variance of the target in each dimension")] = 1.0

    def population_objective(self) -> PopulationObjective | None:
        """MMD^2 of a Gaussian kernel of one width l, with C = 2 l^2."""
        if self.kernel != "rbf" or len(self.scales) > 1:
            return None
        return PopulationObjective("mmd_rbf", math.sqrt(self.scales[0] * self.bandwidth))

    def penalty(self, x: torch.Tensor, y: torch.Tensor, nets: Nets, noise: Noise, knobs: Knobs) -> torch.Tensor:
        """The unbiased estimate of MMD^2 of x [n, d] and y [n, d], 0-d."""
        d = knobs.get("dimensions", x.shape[-1])  # of codes that were padded, without the zeros
        widths = torch.stack([2 * d * scale * knobs["bandwidth"] for scale in self.scales])
        kernel = inverse_multiquadric(widths) if self.kernel == "imq" else gaussian(widths)
        return mmd_squared_unbiased(x, y, kernel)
