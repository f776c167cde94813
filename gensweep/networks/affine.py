"""Affine maps: the smallest model, whose optimum is known for many objectives."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field

from gensweep.networks._layers import AffineMap
from gensweep.networks.base import Activation, Network
from gensweep.networks.mlp import MLP


class Affine(Network):
    """Decoder g(z) = A z + b, and perceptrons as encoders and critics, for items of any shape.

    With z ~ N(0, I) the model is a Gaussian N(b, A A^T), so that fits can be compared with closed forms.

    Fields:
        spread: length of each row of a decoder's A at the start, > 0: the standard deviation of each output, in the
            units of the data. b starts at zero.
        hidden: widths of the hidden layers of encoders and critics, each >= 1; none for affine encoders as well.
        activation: the non-linearity of encoders and critics.

    The start is wide on purpose: from a narrow one the reverse Kullback-Leibler divergence finds a second, local
    optimum on a single mode, and Pearson's chi-squared is infinite until the model is wide enough. Only the
    model is affine: an affine critic would see no more than means, and an affine encoder cannot reach the prior.

    Source: M. Tipping, C. Bishop, "Probabilistic Principal Component Analysis", 1999, eq. 1 (the model).
    """

    name: Literal["affine"] = "affine"
    spread: float = Field(3.0, gt=0, description="standard deviation of each output at the start, in units of the data")

    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (64, 64), description="hidden layers of encoders and critics"
    )
    activation: Activation = Field("tanh", description="the non-linearity of encoders and critics")

    def decoder(self, latent_size: int, shape: tuple[int, ...]) -> torch.nn.Module:
        """[batch, latent_size] -> [batch, *shape]."""
        return AffineMap(latent_size, shape, self.spread)

    def encoder(self, shape: tuple[int, ...], n_outputs: int) -> torch.nn.Module:
        """[batch, *shape] -> [batch, n_outputs]."""
        if self.hidden:
            return MLP(hidden=self.hidden, activation=self.activation).encoder(shape, n_outputs)
        return AffineMap(math.prod(shape), (n_outputs,), 1.0)
