"""The modules that architectures are made of, and how their weights start.

Weights start normal with variance gain^2 / fan_in, where gain^2 = 1 / E phi(z)^2 over z ~ N(0, 1) for the activation
phi, so that signals keep their size through the depth. Biases of hidden
layers start uniform in +-1/sqrt(fan_in): with zero biases a ReLU network on one or two inputs has all its kinks at the
origin. The last layer has gain 1 and zero bias.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

Layer = nn.Linear | nn.Conv2d | nn.ConvTranspose2d
LEAK = 0.2
ACTIVATIONS: dict[str, tuple[Callable[[], nn.Module], float]] = {
    "relu": (nn.ReLU, math.sqrt(2)),
    "leaky_relu": (lambda: nn.LeakyReLU(LEAK), math.sqrt(2 / (1 + LEAK**2))),
    "tanh": (nn.Tanh, 1.59254),
    "elu": (nn.ELU, 1.24520),
    "gelu": (nn.GELU, 1.53353),
    "silu": (nn.SiLU, 1.67653),
}


class Perceptron(nn.Module):
    """Linear layers with an activation between them: [batch, *any] -> [batch, *shape], flat inside."""

    def __init__(
        self, n_inputs: int, hidden: Sequence[int], shape: tuple[int, ...], activation: str, norm: str
    ) -> None:
        super().__init__()
        function, gain = ACTIVATIONS[activation]
        layers: list[nn.Module] = []
        for n_in, n_out in zip([n_inputs, *hidden[:-1]], hidden, strict=False):
            normed = [nn.LayerNorm(n_out)] if norm == "layer" else []
            layers += [hidden_layer(nn.Linear(n_in, n_out), n_in, gain), *normed, function()]
        last = hidden[-1] if hidden else n_inputs
        self.layers = nn.Sequential(*layers, last_layer(nn.Linear(last, math.prod(shape)), last))
        self.shape = shape

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """[batch, *any] -> [batch, *shape]."""
        return self.layers(inputs.flatten(1)).unflatten(1, self.shape)  # type: ignore[no-any-return]


class ConvolutionalDecoder(nn.Module):
    """A linear layer onto a quarter of the sides, then two transposed convolutions that double them each."""

    def __init__(self, latent_size: int, shape: tuple[int, ...], channels: int, activation: str, norm: str) -> None:
        super().__init__()
        function, gain = ACTIVATIONS[activation]
        depth, height, width = shape
        wide = 2 * channels
        self.start = (wide, height // 4, width // 4)
        # A kernel of 4 with stride 2 gives each output the same number of inputs, 2 x 2 a channel: no checkerboard.
        self.linear = hidden_layer(nn.Linear(latent_size, math.prod(self.start)), latent_size, gain)
        self.layers = nn.Sequential(
            _norm(norm, wide),
            function(),
            hidden_layer(nn.ConvTranspose2d(wide, channels, 4, 2, 1), 4 * wide, gain),
            _norm(norm, channels),
            function(),
            last_layer(nn.ConvTranspose2d(channels, depth, 4, 2, 1), 4 * channels),
        )

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """[batch, latent_size] -> [batch, channels, height, width]."""
        return self.layers(self.linear(latents).unflatten(1, self.start))  # type: ignore[no-any-return]


class ConvolutionalEncoder(nn.Module):
    """Two convolutions that halve the sides each, then a linear layer. The first is never normalised, as in DCGAN."""

    def __init__(self, shape: tuple[int, ...], n_outputs: int, channels: int, activation: str, norm: str) -> None:
        super().__init__()
        function, gain = ACTIVATIONS[activation]
        depth, height, width = shape
        wide = 2 * channels
        n_features = wide * (height // 4) * (width // 4)
        self.layers = nn.Sequential(
            hidden_layer(nn.Conv2d(depth, channels, 4, 2, 1), 16 * depth, gain),
            function(),
            hidden_layer(nn.Conv2d(channels, wide, 4, 2, 1), 16 * channels, gain),
            _norm(norm, wide),
            function(),
            nn.Flatten(),
            last_layer(nn.Linear(n_features, n_outputs), n_features),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[batch, channels, height, width] -> [batch, n_outputs]."""
        return self.layers(images)  # type: ignore[no-any-return]


class AffineMap(nn.Module):
    """The map A x + b, at first with b = 0 and rows of A of length `spread` in random directions."""

    def __init__(self, n_inputs: int, shape: tuple[int, ...], spread: float) -> None:
        super().__init__()
        self.linear = nn.Linear(n_inputs, math.prod(shape))
        self.shape = shape
        with torch.no_grad():
            rows = torch.randn_like(self.linear.weight)
            self.linear.weight.copy_(spread * rows / rows.norm(dim=1, keepdim=True))
            self.linear.bias.zero_()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """[batch, *any] -> [batch, *shape]."""
        return self.linear(inputs.flatten(1)).unflatten(1, self.shape)  # type: ignore[no-any-return]


def _norm(name: str, channels: int) -> nn.Module:
    """`group`: groups of 8 channels where they divide, else one group; `layer`: one group."""
    if name == "none":
        return nn.Identity()
    return nn.GroupNorm(channels // 8 if name == "group" and channels % 8 == 0 else 1, channels)


def hidden_layer(layer: Layer, fan_in: int, gain: float) -> Layer:
    """The layer with the start of one that an activation of this gain follows."""
    assert layer.bias is not None
    nn.init.normal_(layer.weight, std=gain / math.sqrt(fan_in))
    nn.init.uniform_(layer.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))
    return layer


def last_layer(layer: Layer, fan_in: int) -> Layer:
    """The layer with the start of one that no activation follows."""
    assert layer.bias is not None
    nn.init.normal_(layer.weight, std=1 / math.sqrt(fan_in))
    nn.init.zeros_(layer.bias)
    return layer


class Undrawn(TorchFunctionMode):
    """Within it weights keep what memory holds: of networks on the device `meta`, which have shapes and no values.

    A draw there would load torch's compiler, which takes two seconds. What counts is real: masks are computed of it.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """The tensor itself where `func` draws into it, else what `func` gives."""
        given = kwargs or {}
        if func in _DRAWS:
            return args[0] if args else given["tensor"]
        if func is torch.arange:
            given = {**given, "device": "cpu"}
        return func(*args, **given)


_DRAWS = frozenset(
    {torch.Tensor.normal_, torch.Tensor.uniform_, nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_}
)
