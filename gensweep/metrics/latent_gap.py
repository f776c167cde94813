"""How far the codes of the data are from the prior."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch

from gensweep.datasets.base import Dataset
from gensweep.metrics._item_metric import ItemMetric
from gensweep.metrics._kernel_statistics import mmd_squared
from gensweep.metrics.base import Model, Score
from gensweep.seeding import derive


class LatentGap(ItemMetric):
    """The squared maximum mean discrepancy between the codes of n items and n draws of the prior, estimated without bias.

    MMD² for the kernel k(z, z') = 2d / (2d + |z − z'|²), the inverse multiquadric of Wasserstein auto-encoders. Zero on
    average where q_Z = p_Z, so it may be negative. The prior is N(0, I), or that of a family that has a field for it. The
    moments say in which way they differ: `mean`, the root mean square over dimensions of the codes' means (prior 0);
    `sd_min` and `sd_max`, the least and the largest standard deviation of a dimension (1 of N(0, I) and uniform_sphere,
    0.577 of uniform_cube); `correlation`, the largest absolute correlation of two dimensions (0, but for a mixture).

    The code of an item is a draw from q(z|x), so the codes together are draws from q_Z = E q(z|x), and nothing is lost of
    the posterior's own width. A stochastic encoder that ignores x and answers with the prior has therefore no gap: a small
    gap says that decoded draws of the prior are like decoded codes, and not that the codes say anything of the items. Of
    a deterministic encoder an `sd_min` near 0 is a dimension that it leaves unused. Not a number for a family without an
    encoder.

    Fields: `n` items of the split (null: all, up to 2000); `seed` of their choice and of the draws.

    Source: I. Tolstikhin, O. Bousquet, S. Gelly, B. Schölkopf, "Wasserstein Auto-Encoders", 2018, arXiv:1711.01558,
    section 4.
    Differs: one scale of the kernel instead of a sum over seven.
    """

    mode: ClassVar[Literal["min", "max"]] = "min"
    bounds: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    default_n: ClassVar[int] = 2000

    name: Literal["latent_gap"] = "latent_gap"

    @property
    def estimate(self) -> str:
        """How it is computed."""
        return "MMD squared of draws from q(z|x) with imq of C = 2d, unbiased, float64"

    def of(self, model: Model, items: torch.Tensor, dataset: Dataset) -> Score:
        """MMD² and the moments."""
        answer = model.codes(items)
        if answer is None or not bool(torch.isfinite(answer).all()):
            return Score(math.nan)
        codes = answer.detach().cpu().flatten(1).double()
        width = 2.0 * codes.shape[1]
        generator = torch.Generator().manual_seed(derive(self.seed, "prior"))
        prior = model.prior(len(codes))
        if prior is None:
            prior = torch.randn(codes.shape, dtype=torch.float64, generator=generator)
        prior = prior.detach().cpu().double()
        gap = mmd_squared(codes, prior, lambda x, y: width / (width + torch.cdist(x, y).square()))
        return Score(gap, _moments(codes))


def _moments(codes: torch.Tensor) -> dict[str, float]:
    sd = codes.std(0)
    found = {"mean": float(codes.mean(0).square().mean().sqrt()), "sd_min": float(sd.min()), "sd_max": float(sd.max())}
    if codes.shape[1] > 1 and float(sd.min()) > 0:
        correlations = torch.corrcoef(codes.T).fill_diagonal_(0)
        found["correlation"] = float(correlations.abs().max())
    return found
