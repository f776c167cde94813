"""Handwritten digits, 8 × 8."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path
from typing import ClassVar, Literal

import torch

from gensweep.datasets._split import permutation, splits_of
from gensweep.datasets.base import Dataset, SplitName, Splits
from gensweep.errors import ConfigError

_PARTS: dict[SplitName, slice] = {"train": slice(0, 1000), "validation": slice(1000, 1397), "test": slice(1397, 1797)}
_CURE = "Install scikit-learn, whose package has them."


class Digits(Dataset):
    """The 1,797 handwritten digits of scikit-learn, 8 × 8 grey levels from 0 to 16, divided by 16.

    Splits: 1,000 / 397 / 400, the consecutive parts of one fixed permutation (seed 0).

    Source: E. Alpaydin and C. Kaynak, "Optical recognition of handwritten digits", UCI repository, 1998,
    doi:10.24432/C50P49; scikit-learn has its test part.
    """

    is_of_classes: ClassVar[bool] = True

    name: Literal["digits"] = "digits"

    @property
    def shape(self) -> tuple[int, ...]:
        """One grey channel, 8 × 8."""
        return (1, 8, 8)

    @property
    def bounds(self) -> tuple[float, float]:
        """Black is 0, white is 1."""
        return (0.0, 1.0)

    @property
    def levels(self) -> int:
        """From 0 to 16."""
        return 17

    def n_items(self) -> dict[SplitName, int]:
        """1,000 / 397 / 400."""
        return {split: part.stop - part.start for split, part in _PARTS.items()}

    def problem(self) -> str | None:
        """Why the digits cannot be read."""
        return None if importlib.util.find_spec("sklearn") else f"scikit-learn is not installed. {_CURE}"

    def classes(self, split: SplitName) -> torch.Tensor:
        """The digit that each image of `split` shows."""
        shown = _rows()[:, 64].long()
        return shown[permutation(len(shown), seed=0)][_PARTS[split]]

    def read(self) -> Splits:
        """The splits, each [n, 1, 8, 8] in [0, 1]."""
        images = _rows()[:, :64].reshape(-1, 1, 8, 8) / 16
        images = images[permutation(len(images), seed=0)]
        return splits_of(*(images[_PARTS[name]].contiguous() for name in ("train", "validation", "test")))


def _rows() -> torch.Tensor:
    """Every digit as 64 grey levels and its label, [1797, 65], float32.

    The file is read directly, because importing scikit-learn for it would cost a second and a half a process.
    """
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise ConfigError(f"dataset digits: scikit-learn is not installed. {_CURE}")
    file = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    try:
        with gzip.open(file, "rt") as lines:
            return torch.tensor([[float(level) for level in line.split(",")] for line in lines])
    except FileNotFoundError as error:
        raise ConfigError(f"dataset digits: this scikit-learn has no {file}. Install another version.") from error
