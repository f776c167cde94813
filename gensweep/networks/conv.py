"""Convolutional networks of two stages, the scale of DCGAN for small images."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field

from gensweep.networks._layers import ConvolutionalDecoder, ConvolutionalEncoder
from gensweep.networks.base import Activation, Network


class Conv(Network):
    """Two convolutions of stride 2 in an encoder, two transposed ones in a decoder, for images.

    Encoder: [c, h, w] -> [channels, h/2, w/2] -> [2 channels, h/4, w/4] -> linear. The decoder is its mirror.
    Kernels are 4 x 4. The sides must be divisible by 4: 8 x 8 digits, 28 x 28 and 32 x 32 are.

    Fields:
        channels: width of the stage next to the image, >= 1; the inner stage has twice as many.
        activation: relu, leaky_relu (slope 0.2 below zero), tanh, elu, gelu or silu.
        norm: `group` normalises groups of 8 channels (one group where 8 does not divide them), `layer` all channels
            of an item together, `none` nothing. An encoder's first stage is never normalised.

    Weights start normal with variance gain^2 / fan_in; see `_layers`.

    Source: A. Radford, L. Metz, S. Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative
    Adversarial Networks", 2016, arXiv:1511.06434, section 3; Y. Wu, K. He, "Group Normalization", 2018,
    arXiv:1803.08494.
    Differs: two stages instead of four; no batch normalisation, which mixes the items of a batch; one activation for
    both networks; and a start by fan-in instead of a standard deviation of 0.02.
    """

    name: Literal["conv"] = "conv"
    channels: int = Field(32, ge=1, description="channels of the stage next to the image; the inner has twice as many")
    activation: Activation = Field("leaky_relu", description="non-linearity between layers")
    norm: Literal["group", "layer", "none"] = Field("group", description="normalisation before each activation")

    def decoder(self, latent_size: int, shape: tuple[int, ...]) -> torch.nn.Module:
        """[batch, latent_size] -> [batch, channels, height, width]."""
        return ConvolutionalDecoder(latent_size, shape, self.channels, self.activation, self.norm)

    def encoder(self, shape: tuple[int, ...], n_outputs: int) -> torch.nn.Module:
        """[batch, channels, height, width] -> [batch, n_outputs]."""
        return ConvolutionalEncoder(shape, n_outputs, self.channels, self.activation, self.norm)

    def misfit(self, shape: tuple[int, ...]) -> str | None:
        """Why there is nothing to convolve, or no whole quarter of the sides; None for images that fit."""
        if len(shape) != 3:
            return f"conv needs images (channels, height, width), given items of shape {shape}. Use network: mlp."
        if shape[1] % 4 or shape[2] % 4:
            return (
                f"conv halves the sides twice, so it needs sides divisible by 4, given {shape[1]} x {shape[2]}. "
                "Use network: mlp, or pad the images."
            )
        return None
