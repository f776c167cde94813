"""Residual networks: perceptrons for vectors, convolutions for images."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field

from gensweep.networks._activation import Activation
from gensweep.networks.base import Network


class ResNet(Network):
    """Blocks x + f(x) between a first and a last layer; f is norm, activation, layer, twice.

    Vectors: linear layers of width `width`, `blocks` blocks.
    Images: convolutions of 3 x 3. An encoder halves the sides twice by average pooling, a decoder doubles them twice by
    repeating pixels, with `blocks` blocks at each of the three sizes; channels are `channels` next to the image and
    twice as many inside. The sides must be divisible by 4.

    The last layer of every block starts small, by 1/sqrt(number of blocks), so that signals keep their size.

    Fields:
        blocks: at each size, >= 1.
        width: of the layers for vectors, >= 1.
        channels: next to an image, >= 1; twice as many at the smaller sizes.
        activation: relu, leaky_relu (slope 0.2 below zero), tanh, elu, gelu or silu.
        norm: before each activation: `layer` normalises each item over its features, `none` nothing.

    Source: K. He et al., "Identity Mappings in Deep Residual Networks", 2016, arXiv:1603.05027, figure 4e (the order);
    I. Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, arXiv:1704.00028, appendix C (how generator and
    critic change size); H. Zhang et al., "Fixup", 2019, arXiv:1901.09321 (the small start).
    Differs: small; no batch normalisation, which mixes the items of a batch.
    """

    name: Literal["resnet"] = "resnet"
    blocks: int = Field(1, ge=1, description="residual blocks at each size")
    width: int = Field(128, ge=1, description="width of the layers for vectors")
    channels: int = Field(32, ge=1, description="channels next to an image; twice as many at the smaller sizes")
    activation: Activation = Field("relu", description="non-linearity of the blocks")
    norm: Literal["none", "layer"] = Field("none", description="normalisation before each activation")

    def decoder(self, latent_size: int, shape: tuple[int, ...]) -> torch.nn.Module:
        """[batch, latent_size] -> [batch, *shape]."""
        from gensweep.networks._residual import ResidualDecoder, ResidualPerceptron

        if len(shape) == 3:
            return ResidualDecoder(latent_size, shape, self.channels, self.blocks, (self.activation, self.norm))
        return ResidualPerceptron(latent_size, shape, self.width, self.blocks, (self.activation, self.norm))

    def encoder(self, shape: tuple[int, ...], n_outputs: int) -> torch.nn.Module:
        """[batch, *shape] -> [batch, n_outputs]."""
        from gensweep.networks._residual import ResidualEncoder, ResidualPerceptron

        if len(shape) == 3:
            return ResidualEncoder(shape, n_outputs, self.channels, self.blocks, (self.activation, self.norm))
        n_inputs = math.prod(shape)
        return ResidualPerceptron(n_inputs, (n_outputs,), self.width, self.blocks, (self.activation, self.norm))

    def misfit(self, shape: tuple[int, ...]) -> str | None:
        """Why there is no whole quarter of the sides; None for vectors and for images that fit."""
        if len(shape) == 3 and (shape[1] % 4 or shape[2] % 4):
            return (
                f"resnet halves the sides of images twice, so it needs sides divisible by 4, given {shape[1]} x "
                f"{shape[2]}. Use network: mlp, or pad the images."
            )
        return None
