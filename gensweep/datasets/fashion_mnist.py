"""Fashion-MNIST: articles of clothing, 28 × 28."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field

from gensweep.datasets._fashion_mnist_files import content_of, find, missing
from gensweep.datasets._idx import parse
from gensweep.datasets._split import splits_of
from gensweep.datasets.base import Dataset, SplitName, Splits
from gensweep.errors import ConfigError

_N_TRAIN = 50_000


class FashionMNIST(Dataset):
    """70,000 grey images of clothing in ten classes, 28 × 28, grey levels divided by 255.

    Splits: of the 60,000 training images the first 50,000 train and the last 10,000 validate (their order is random
    already); the 10,000 test images are the test split.

    Fields: `path`, the folder with the four IDX files (null: looked for in GENSWEEP_DATA, ./.data, the checkout's
    .data, Debian's folder and the user's cache); `train_size`, how many of the 50,000 to train on, from 2 (null: all).

    Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
    algorithms", 2017, arXiv:1708.07747.
    """

    name: Literal["fashion_mnist"] = "fashion_mnist"
    path: str | None = Field(None, description="folder of the four IDX files, .gz or unpacked; null: the usual places")
    train_size: int | None = Field(
        None, ge=2, le=_N_TRAIN, description="train on the first so many of the training split; null: on all 50,000"
    )

    @property
    def shape(self) -> tuple[int, ...]:
        """One grey channel, 28 × 28."""
        return (1, 28, 28)

    @property
    def bounds(self) -> tuple[float, float]:
        """Black is 0, white is 1."""
        return (0.0, 1.0)

    def problem(self) -> str | None:
        """Why the files cannot be read, with the cures."""
        return None if find(self.path) else missing(self.path)

    def read(self) -> Splits:
        """The splits, each [n, 1, 28, 28] in [0, 1]; a second or less."""
        training, test = (_array(self.path, f"{part}-images-idx3-ubyte") for part in ("train", "t10k"))
        return splits_of(_scaled(training[: self.train_size or _N_TRAIN]), _scaled(training[_N_TRAIN:]), _scaled(test))


def labels(split: SplitName, path: str | None = None) -> torch.Tensor:
    """The class of each image of `split` (0 to 9), [n], int64: only feature extractors train on them."""
    if split == "test":
        return _array(path, "t10k-labels-idx1-ubyte").long()
    both = _array(path, "train-labels-idx1-ubyte").long()
    return both[:_N_TRAIN] if split == "train" else both[_N_TRAIN:]


def _array(path: str | None, name: str) -> torch.Tensor:
    files = find(path)
    if files is None:
        raise ConfigError(missing(path))
    return parse(content_of(name, files[name]), files[name])


def _scaled(images: torch.Tensor) -> torch.Tensor:
    return images[:, None].float().div_(255)
