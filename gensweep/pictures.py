"""Samples as PNG pictures: a grid for images, a density for points."""

from __future__ import annotations

import io
import math

import torch
from PIL import Image

_SIDE = 64  # pixels of a small image, about
_QUICK = 1  # zlib's level: a fifth (digits) to a half (Fashion-MNIST) of the time of 6, a tenth to a quarter more bytes
_COMFORTABLE = 4_000_000  # pixels of all of them up to which they are enlarged


def png(items: torch.Tensor, bounds: tuple[float, float] | None, columns: int | None = None) -> bytes | None:
    """A picture of items [n, *shape]: a grid of images, a histogram of one- or two-dimensional points, else None.

    The grid has so many `columns`; it is square where they are not given.
    """
    items = torch.nan_to_num(items.detach().float().cpu())
    if items.ndim == 4 and items.shape[1] in (1, 3):
        low, high = bounds or (float(items.min()), float(items.max()) + 1e-12)
        return _encode(_grid(((items - low) / (high - low)).clamp(0, 1), columns or max(1, round(len(items) ** 0.5))))
    if items.ndim == 2 and items.shape[1] == 2:
        return _encode(_density(items))
    if items.ndim == 2 and items.shape[1] == 1:
        return _encode(_bars(items[:, 0]))
    return None


def image(item: torch.Tensor, bounds: tuple[float, float] | None) -> bytes:
    """One image [c, h, w] as a PNG of its own size and 8 bits; `bounds` are black and white, or its least and largest value."""
    item = item.detach().float().cpu()
    low, high = bounds or (float(item.min()), float(item.max()) + 1e-12)
    return _encode(((item - low) / (high - low)).clamp(0, 1))


def enlarged(items: torch.Tensor) -> torch.Tensor:
    """Small images [n, c, h, w] with each pixel as a square of pixels, to be looked at; what is large or no image as it is."""
    if items.ndim != 4:
        return items
    times = min(_SIDE // max(items.shape[-2:]), math.isqrt(_COMFORTABLE // max(1, items[:, 0].numel())))
    return items.repeat_interleave(times, -1).repeat_interleave(times, -2) if times > 1 else items


def side_by_side(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Images of two stacks [n, c, h, w] in turns: each original before its reconstruction, [2n, c, h, w]."""
    return torch.stack([left, right], dim=1).flatten(0, 1)


def _grid(images: torch.Tensor, columns: int, gap: int = 1) -> torch.Tensor:
    """[n, c, h, w] in [0, 1] -> one image [c, height, width], row by row, white between them."""
    n, c, h, w = images.shape
    rows = -(-n // columns)
    canvas = images.new_ones(c, rows * (h + gap) + gap, columns * (w + gap) + gap)
    for i, image in enumerate(images):
        top, left = gap + (i // columns) * (h + gap), gap + (i % columns) * (w + gap)
        canvas[:, top : top + h, left : left + w] = image
    return canvas.repeat_interleave(max(1, 256 // canvas.shape[-1]), 1).repeat_interleave(
        max(1, 256 // canvas.shape[-1]), 2
    )


def _density(points: torch.Tensor, side: int = 128) -> torch.Tensor:
    """[n, 2] -> a square histogram [1, 256, 256], dark where points are, the second axis upwards."""
    reach = 1.1 * float(points.abs().quantile(0.99)) + 1e-12
    counts = torch.histogramdd(points, bins=[side, side], range=[-reach, reach, -reach, reach]).hist
    shade = 1 - (counts / counts.max().clamp(min=1)).sqrt()
    return shade.T.flip(0)[None].repeat_interleave(2, 1).repeat_interleave(2, 2)


def _bars(values: torch.Tensor, bins: int = 64, height: int = 128) -> torch.Tensor:
    """[n] -> a histogram with bars [1, 128, 256]."""
    counts = torch.histc(values, bins)
    filled = (counts / counts.max().clamp(min=1) * height).long()
    rows = torch.arange(height, 0, -1)[:, None]
    return (rows > filled[None, :]).float()[None].repeat_interleave(4, 2)


def _encode(image: torch.Tensor) -> bytes:
    """[c, h, w] in [0, 1] as PNG."""
    array = (image * 255).round().byte().permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array).save(buffer, "PNG", compress_level=_QUICK)
    return buffer.getvalue()
