"""Residual networks: perceptrons for vectors, convolutions for images."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from gensweep.networks._layers import _ACTIVATIONS, _hidden, _last
from gensweep.networks.base import Activation, Network

Style = tuple[str, str]  # activation and norm


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
        if len(shape) == 3:
            return ResidualDecoder(latent_size, shape, self.channels, self.blocks, (self.activation, self.norm))
        return ResidualPerceptron(latent_size, shape, self.width, self.blocks, (self.activation, self.norm))

    def encoder(self, shape: tuple[int, ...], n_outputs: int) -> torch.nn.Module:
        """[batch, *shape] -> [batch, n_outputs]."""
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


class ResidualPerceptron(nn.Module):
    """[batch, *any] -> [batch, *shape], flat inside."""

    def __init__(self, n_inputs: int, shape: tuple[int, ...], width: int, blocks: int, style: Style) -> None:
        super().__init__()
        self.first = _last(nn.Linear(n_inputs, width), n_inputs)
        self.blocks = nn.Sequential(*(_LinearBlock(width, 1 / math.sqrt(blocks), style) for _ in range(blocks)))
        self.out = nn.Sequential(_normed(style, width, images=False), _function(style))
        self.last = _last(nn.Linear(width, math.prod(shape)), width)
        self.shape = shape

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """[batch, *any] -> [batch, *shape]."""
        flat = self.last(self.out(self.blocks(self.first(inputs.flatten(1)))))
        return flat.unflatten(1, self.shape)  # type: ignore[no-any-return]


class ResidualEncoder(nn.Module):
    """[batch, *shape] -> [batch, n_outputs]: blocks at the full, the half and the quarter size, then a linear layer."""

    def __init__(self, shape: tuple[int, ...], n_outputs: int, channels: int, blocks: int, style: Style) -> None:
        super().__init__()
        depth, height, width = shape
        n_features = 2 * channels * (height // 4) * (width // 4)
        share = 1 / math.sqrt(3 * blocks)
        layers: list[nn.Module] = [_last(nn.Conv2d(depth, channels, 3, padding=1), 9 * depth)]
        layers += [_ConvBlock(channels, share, style) for _ in range(blocks)]
        layers += [nn.AvgPool2d(2), _last(nn.Conv2d(channels, 2 * channels, 1), channels)]
        layers += [_ConvBlock(2 * channels, share, style) for _ in range(blocks)]
        layers += [nn.AvgPool2d(2), *(_ConvBlock(2 * channels, share, style) for _ in range(blocks))]
        layers += [_normed(style, 2 * channels, images=True), _function(style), nn.Flatten()]
        self.layers = nn.Sequential(*layers, _last(nn.Linear(n_features, n_outputs), n_features))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[batch, channels, height, width] -> [batch, n_outputs]."""
        return self.layers(images)  # type: ignore[no-any-return]


class ResidualDecoder(nn.Module):
    """[batch, latent_size] -> [batch, *shape]: a linear layer, then blocks at the quarter, the half and the full size."""

    def __init__(self, latent_size: int, shape: tuple[int, ...], channels: int, blocks: int, style: Style) -> None:
        super().__init__()
        depth, height, width = shape
        self.start = (2 * channels, height // 4, width // 4)
        share = 1 / math.sqrt(3 * blocks)
        self.linear = _last(nn.Linear(latent_size, math.prod(self.start)), latent_size)
        layers: list[nn.Module] = [_ConvBlock(2 * channels, share, style) for _ in range(blocks)]
        layers += [nn.Upsample(scale_factor=2), *(_ConvBlock(2 * channels, share, style) for _ in range(blocks))]
        layers += [nn.Upsample(scale_factor=2), _last(nn.Conv2d(2 * channels, channels, 1), 2 * channels)]
        layers += [_ConvBlock(channels, share, style) for _ in range(blocks)]
        layers += [_normed(style, channels, images=True), _function(style)]
        last = _last(nn.Conv2d(channels, depth, 3, padding=1), 9 * channels)
        self.layers = nn.Sequential(*layers, last)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """[batch, latent_size] -> [batch, channels, height, width]."""
        return self.layers(self.linear(latents).unflatten(1, self.start))  # type: ignore[no-any-return]


class _LinearBlock(nn.Module):
    """x + f(x) over vectors."""

    def __init__(self, width: int, share: float, style: Style) -> None:
        super().__init__()
        gain = _ACTIVATIONS[style[0]][1]
        self.layers = nn.Sequential(
            _normed(style, width, images=False),
            _function(style),
            _hidden(nn.Linear(width, width), width, gain),
            _normed(style, width, images=False),
            _function(style),
            _hidden(nn.Linear(width, width), width, gain * share),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)  # type: ignore[no-any-return]


class _ConvBlock(nn.Module):
    """x + f(x) over feature maps."""

    def __init__(self, channels: int, share: float, style: Style) -> None:
        super().__init__()
        gain = _ACTIVATIONS[style[0]][1]
        self.layers = nn.Sequential(
            _normed(style, channels, images=True),
            _function(style),
            _hidden(nn.Conv2d(channels, channels, 3, padding=1), 9 * channels, gain),
            _normed(style, channels, images=True),
            _function(style),
            _hidden(nn.Conv2d(channels, channels, 3, padding=1), 9 * channels, gain * share),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)  # type: ignore[no-any-return]


def _function(style: Style) -> nn.Module:
    return _ACTIVATIONS[style[0]][0]()


def _normed(style: Style, n: int, *, images: bool) -> nn.Module:
    if style[1] == "none":
        return nn.Identity()
    return nn.GroupNorm(1, n) if images else nn.LayerNorm(n)
