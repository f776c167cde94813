"""Affine maps: the smallest model, whose optimum is known for many objectives."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field

from gensweep.networks.base import Network


class Affine(Network):
    """Decoder g(z) = A z + b and encoder likewise, for items of any shape.

    With z ~ N(0, I) the model is a Gaussian N(b, A A^T), so that fits can be compared with closed forms.

    Fields:
        spread: length of each row of a decoder's A at the start, > 0: the standard deviation of each output, in the
            units of the data. b starts at zero.

    The start is wide on purpose: from a narrow one the reverse Kullback-Leibler divergence finds a second, local
    optimum on a single mode, and Pearson's chi-squared is infinite until the model is wide enough. An encoder's rows
    start with length 1. As a critic it sees only means, so use another architecture for adversarial families.

    Source: M. Tipping, C. Bishop, "Probabilistic Principal Component Analysis", 1999, eq. 1 (the model).
    """

    name: Literal["affine"] = "affine"
    spread: float = Field(3.0, gt=0, description="standard deviation of each output at the start, in units of the data")

    def decoder(self, latent_size: int, shape: tuple[int, ...]) -> torch.nn.Module:
        """[batch, latent_size] -> [batch, *shape]."""
        from gensweep.networks._layers import AffineMap

        return AffineMap(latent_size, shape, self.spread)

    def encoder(self, shape: tuple[int, ...], n_outputs: int) -> torch.nn.Module:
        """[batch, *shape] -> [batch, n_outputs]."""
        from gensweep.networks._layers import AffineMap

        return AffineMap(math.prod(shape), (n_outputs,), 1.0)
