"""How the values of an array are brought to a scale that networks learn at, and what is said where they are at none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

Scale = Literal["none", "minmax", "standardise"]
Bounds = tuple[float, float]
UNIT: Bounds = (0.0, 1.0)
# Measured on a mixture of two Gaussians at default learning rates, five epochs: three times slower from an rms of 10 on, nowhere
# near after an rms of 30; as bad for deviations of 0.01, and for a mean that is 10 times the deviation.
_LARGE, _SMALL, _UNLIKE = 10.0, 0.05, 100.0
_NAMED = 3


@dataclass(frozen=True)
class Scaling:
    """x -> (x − offset) / width, a number each for a column of vectors, and one for all pixels of images."""

    offset: torch.Tensor
    width: torch.Tensor

    def __call__(self, items: torch.Tensor) -> torch.Tensor:
        """Items [n, *shape], float64, at the new scale, float32."""
        return ((items - self.offset) / self.width).float()


def within(low: float, high: float) -> Scaling:
    """What brings [low, high] to [0, 1]."""
    return Scaling(torch.tensor(low).double(), torch.tensor(high).double() - low)


def fitted(scale: Scale, blocks: Iterable[torch.Tensor]) -> Scaling:
    """What brings the blocks [m, *shape], put together, to [0, 1], or to mean 0 and standard deviation 1.

    A column that is constant becomes 0.
    """
    n, means, squares = 0, torch.tensor(0.0), torch.tensor(0.0)  # Chan, Golub, LeVeque, 1979: sums of deviations
    low, high = torch.tensor(torch.inf), torch.tensor(-torch.inf)
    for block in blocks:
        rows = block.reshape(-1, 1) if block.ndim > 2 else block
        mean, more = rows.mean(0), len(rows)
        squares = squares + (rows - mean).square().sum(0) + (mean - means).square() * (n * more / (n + more))
        means = means + (mean - means) * (more / (n + more))
        n += more
        low, high = torch.minimum(low, rows.amin(0)), torch.maximum(high, rows.amax(0))
    offset, width = (low, high - low) if scale == "minmax" else (means, (squares / n).sqrt())
    return Scaling(torch.where(high > low, offset, low), torch.where(high > low, width, 1.0))


def remark(items: torch.Tensor, bounds: Bounds | None) -> str:
    """What is unlike what networks learn at their default settings, and the cure; empty where nothing is.

    Args:
        items: [n, *shape], some or all of the training split.
        bounds: of every value, where they are known.
    """
    low, high = float(items.min()), float(items.max())
    if items.ndim > 2:
        return "" if bounds in (UNIT, (-1.0, 1.0)) else _of_images(low, high, bounds)
    return _of_vectors(items.double(), low, high)


def _of_images(low: float, high: float, bounds: Bounds | None) -> str:
    if bounds is not None:
        wide = f"its values are trained on as they are, in [{bounds[0]:g}, {bounds[1]:g}]"
        return f"{wide}. For [0, 1] add scale: minmax" if bounds[1] - bounds[0] > _LARGE else ""
    known = "value_range: [0, 255], " if low >= 0 and _LARGE < high <= 255 else ""
    return (
        f"images with values from {low:g} to {high:g}, neither in [0, 1] nor in [-1, 1], are trained on as they are, "
        f"without bounds. If that is not meant, add {known}scale: minmax to the dataset"
        f"{'' if known else ', or value_range: [low, high] if the values have a range'}"
    )


def _of_vectors(items: torch.Tensor, low: float, high: float) -> str:
    deviations, sizes = items.std(0, correction=0), items.square().mean(0).sqrt()
    constant = items.amax(0) == items.amin(0)
    varying = deviations[~constant]
    is_unit = low >= -1 and high <= 1  # as the pixels of flattened images, of which some hardly vary
    said = []
    if bool(constant.all()) or (bool(constant.any()) and not is_unit):
        said.append(f"{_columns(constant.nonzero().flatten().tolist())} constant: leave out what says nothing")
    is_far = float(sizes.max()) > _LARGE or (len(varying) > 0 and float(varying.max()) < _SMALL)
    if is_far or (len(varying) and not is_unit and float(varying.max() / varying.min()) > _UNLIKE):
        spread = ""
        if len(varying):
            spread = f", with standard deviations from {float(varying.min()):.3g} to {float(varying.max()):.3g} in the columns,"
        said.append(
            f"values from {low:g} to {high:g}{spread} are trained on as they are. If that is not meant, add "
            "scale: standardise to the dataset"
        )
    return "; ".join(said)


def _columns(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:_NAMED]))
    if len(numbers) == 1:
        return f"column {shown} is"
    return f"columns {shown}{f' and {len(numbers) - _NAMED} more' if len(numbers) > _NAMED else ''} are"
