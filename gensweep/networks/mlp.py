"""Fully connected networks."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field

from gensweep.networks._layers import Perceptron
from gensweep.networks.base import Activation, Network


class MLP(Network):
    """Linear layers with an activation between them, for items of any shape.

    A decoder goes through `hidden` backwards, an encoder forwards: hidden: [512, 128] narrows towards the latent.

    Fields:
        hidden: widths of the hidden layers of an encoder, each >= 1; an empty list leaves one linear layer.
        activation: relu, leaky_relu (slope 0.2 below zero), tanh, elu, gelu or silu.
        norm: `layer` normalises every hidden layer before its activation; `none` does not.

    Weights start normal with variance gain^2 / fan_in; see `_layers`.

    Source: K. He, X. Zhang, S. Ren, J. Sun, "Delving Deep into Rectifiers", 2015, arXiv:1502.01852, eq. 10 (the start);
    J. Ba, J. Kiros, G. Hinton, "Layer Normalization", 2016, arXiv:1607.06450.
    """

    name: Literal["mlp"] = "mlp"
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field((256, 256), description="widths of the hidden layers")
    activation: Activation = Field("relu", description="non-linearity between layers")
    norm: Literal["none", "layer"] = Field("none", description="normalisation before each activation")

    def decoder(self, latent_size: int, shape: tuple[int, ...]) -> torch.nn.Module:
        """[batch, latent_size] -> [batch, *shape]."""
        return Perceptron(latent_size, self.hidden[::-1], shape, self.activation, self.norm)

    def encoder(self, shape: tuple[int, ...], n_outputs: int) -> torch.nn.Module:
        """[batch, *shape] -> [batch, n_outputs]."""
        return Perceptron(math.prod(shape), self.hidden, (n_outputs,), self.activation, self.norm)
