"""Networks whose output at a place sees earlier places only: for vectors and for grey images."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol, cast

import torch
from torch import nn

_FIRST, _LATER = 5, 3  # kernel sizes of the first and the other layers


class MADE(nn.Module):
    """x [n, d] -> parameters [n, d, per_value], those of dimension i from x_1 … x_(i-1) alone.

    Hidden unit h has a degree m(h) in 1 … d-1 and sees inputs up to m(h) and units of no higher degree; the output of
    dimension i sees units below i. The degrees of a layer run through 1 … d-1 in turn. A narrower layer has some of them,
    evenly spread: through it value i sees the values up to the highest degree below i, which need not be all.

    Source: M. Germain et al., 2015, arXiv:1502.03509, equations 8 and 9.
    Differs: the paper draws the degrees at random.
    """

    def __init__(self, d: int, hidden: Sequence[int], per_value: int) -> None:
        super().__init__()
        self.per_value = per_value
        degrees = [torch.arange(d) + 1, *(_degrees(d, width) for width in hidden)]
        layers: list[nn.Module] = []
        for seen, own in pairwise(degrees):
            layers += [_MaskedLinear(own[:, None] >= seen[None], 2.0), nn.ReLU()]
        outputs = degrees[0].repeat_interleave(per_value)
        self.layers = nn.Sequential(*layers, _MaskedLinear(outputs[:, None] > degrees[-1][None], 1.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, d] -> [n, d, per_value]."""
        return self.layers(x).unflatten(1, (-1, self.per_value))  # type: ignore[no-any-return]

    def reader(self, first: torch.Tensor) -> Reader:
        """What reads items like `first` [n, d] value by value."""
        return _Whole(self, first)


class Reader(Protocol):
    """A network that reads items value by value, in order: `answer` for the next value, `put` the value, and so on."""

    def answer(self) -> torch.Tensor:
        """What the network says of the next value, [n, per_value], from those put before."""

    def put(self, value: torch.Tensor) -> None:
        """The next value of every item, [n]."""


class _Whole:
    """Asks the whole network again for every value."""

    def __init__(self, network: MADE, first: torch.Tensor) -> None:
        self.network, self.x, self.i = network, torch.zeros_like(first), 0

    def answer(self) -> torch.Tensor:
        return self.network(self.x)[:, self.i]  # type: ignore[no-any-return]

    def put(self, value: torch.Tensor) -> None:
        self.x[:, self.i] = value
        self.i += 1


def _degrees(d: int, width: int) -> torch.Tensor:
    """Those of a hidden layer, [width], each in 1 … d-1; with both ends, so that no input is hidden from all outputs."""
    if width < d - 1:
        return 1 + torch.arange(width) * (d - 2) // max(1, width - 1)
    return torch.arange(width) % max(1, d - 1) + 1


class _MaskedLinear(nn.Module):
    """A linear layer whose weights count where `mask` [n_out, n_in] is true."""

    mask: torch.Tensor

    def __init__(self, mask: torch.Tensor, gain_squared: float) -> None:
        super().__init__()
        self.register_buffer("mask", mask.float(), persistent=False)
        spread = (gain_squared / mask.sum(1, keepdim=True).clamp(min=1)).sqrt()
        self.weight = nn.Parameter(torch.randn(mask.shape, device=spread.device) * spread)  # masks stay real on `meta`
        # the first dimension has its biases alone, and a mixture whose components all start equal stays so
        self.bias = nn.Parameter(0.5 * torch.randn(len(mask)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(x, self.weight * self.mask, self.bias)


class GatedPixelCNN(nn.Module):
    """x [n, 1, h, w] -> logits [n, h w, n_levels], those of a pixel from the pixels above it and left of it alone.

    Two stacks: a vertical one that sees the rows above, a horizontal one that sees the own row to the left and what the
    vertical one knows of the row above; gates tanh(a) sigmoid(b). No pixel above or to the left is hidden from it, once
    the layers reach far enough.

    Source: A. van den Oord et al., "Conditional Image Generation with PixelCNN Decoders", 2016, arXiv:1606.05328,
    section 2.
    """

    def __init__(self, channels: int, n_layers: int, n_levels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Gated(channels, first=k == 0) for k in range(n_layers))
        self.out = nn.Sequential(
            nn.ReLU(), nn.Conv2d(channels, channels, 1), nn.ReLU(), nn.Conv2d(channels, n_levels, 1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, 1, h, w] -> [n, h w, n_levels]."""
        vertical, horizontal = x, x
        for layer in self.layers:
            vertical, horizontal = layer(vertical, horizontal)
        return self.out(horizontal).flatten(2).transpose(1, 2)  # type: ignore[no-any-return]

    def reader(self, first: torch.Tensor) -> Reader:
        """What reads images like `first` [n, 1, h, w] pixel by pixel."""
        return _ByPixel(self, first)


class _Gated(nn.Module):
    """One layer of both stacks: [n, c, h, w] each -> [n, channels, h, w] each."""

    def __init__(self, channels: int, *, first: bool) -> None:
        super().__init__()
        kernel, n_in = (_FIRST, 1) if first else (_LATER, channels)
        self.first, self.reach = first, kernel // 2
        self.vertical = nn.Conv2d(n_in, 2 * channels, (self.reach + 1, kernel))
        # the first layer must not see its own pixel
        self.horizontal = nn.Conv2d(n_in, 2 * channels, (1, self.reach + (not first)))
        self.across = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, vertical: torch.Tensor, horizontal: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        reach, width = self.reach, horizontal.shape[-1]
        v = self.vertical(nn.functional.pad(vertical, (reach, reach, reach, 0)))  # sees its own row too,
        above = nn.functional.pad(v, (0, 0, 1, 0))[..., :-1, :]  # so that a pixel is shown the row above only
        h = self.horizontal(nn.functional.pad(horizontal, (reach, 0, 0, 0)))[..., :width] + self.across(above)
        gated = self.mix(_gate(h))
        return _gate(v), gated if self.first else horizontal + gated


def _gate(x: torch.Tensor) -> torch.Tensor:
    a, b = torch.chunk(x, 2, 1)
    return torch.tanh(a) * torch.sigmoid(b)


class _ByPixel:
    """Keeps what the layers have computed, so that an image costs one pass of the network and not one for each pixel.

    `rows` are the last inputs of each layer's vertical stack, [n, c, reach, w]; `own` those of its horizontal stack in
    the present row, [n, c, 1, reach + w], zero on the left; `above` what the vertical stack says to that row.
    """

    def __init__(self, network: GatedPixelCNN, first: torch.Tensor) -> None:
        self.network, self.column = network, 0
        self.layers = cast(list[_Gated], list(network.layers))
        (n, _, _, self.width), make = first.shape, first.new_zeros
        depths = [layer.vertical.in_channels for layer in self.layers]
        self.rows = [make(n, c, layer.reach, self.width) for c, layer in zip(depths, self.layers, strict=True)]
        self.own = [make(n, c, 1, layer.reach + self.width) for c, layer in zip(depths, self.layers, strict=True)]
        nothing = [make(n, layer.across.in_channels, 1, self.width) for layer in self.layers]
        self.above = [layer.across(v) for layer, v in zip(self.layers, nothing, strict=True)]

    def answer(self) -> torch.Tensor:
        horizontal = torch.empty(0)
        for k, layer in enumerate(self.layers):
            c = self.column
            if k:
                self.own[k][..., layer.reach + c] = horizontal[..., 0]
            seen = self.own[k][..., c : c + layer.horizontal.kernel_size[1]]
            gated = layer.mix(_gate(layer.horizontal(seen) + self.above[k][..., c : c + 1]))
            horizontal = gated if layer.first else horizontal + gated
        return self.network.out(horizontal)[:, :, 0, 0]  # type: ignore[no-any-return]

    def put(self, value: torch.Tensor) -> None:
        self.own[0][:, 0, 0, self.layers[0].reach + self.column] = value
        self.column += 1
        if self.column == self.width:
            self._end_row()

    def _end_row(self) -> None:
        row = self.own[0][..., self.layers[0].reach :].clone()
        for k, layer in enumerate(self.layers):
            rows = torch.cat([self.rows[k], row], 2)
            v = layer.vertical(nn.functional.pad(rows, (layer.reach, layer.reach, 0, 0)))
            self.rows[k], self.above[k], row = rows[:, :, 1:], layer.across(v), _gate(v)
        self.column = 0
