"""What the datasets of the MNIST family share: 70,000 grey images of 28 × 28 in four IDX files."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field

from gensweep.component import FilePath
from gensweep.datasets._file_images import FileImages
from gensweep.datasets._files import FileSet
from gensweep.datasets._idx import parse
from gensweep.datasets._split import splits_of
from gensweep.datasets.base import SplitName, Splits

N_TRAIN = 50_000


class IdxImages(FileImages):
    """Of the 60,000 training images the first 50,000 train and the last 10,000 validate; the 10,000 others test."""

    is_of_classes: ClassVar[bool] = True

    path: FilePath | None = Field(
        None, description="folder of the four IDX files, .gz or unpacked; null: the usual places"
    )
    train_size: int | None = Field(
        None, ge=2, le=N_TRAIN, description="train on the first so many of the training split; null: on all 50,000"
    )

    @property
    def shape(self) -> tuple[int, ...]:
        """One grey channel, 28 × 28."""
        return (1, 28, 28)

    def n_items(self) -> dict[SplitName, int]:
        """10,000 validate, and as many test."""
        return {"train": self.train_size or N_TRAIN, "validation": 60_000 - N_TRAIN, "test": 10_000}

    def classes(self, split: SplitName) -> torch.Tensor:
        """What each image of `split` shows, from 0 to 9."""
        if split == "test":
            return array(self.files, "t10k-labels-idx1-ubyte", self.path).long()
        both = array(self.files, "train-labels-idx1-ubyte", self.path).long()
        return both[: self.train_size or N_TRAIN] if split == "train" else both[N_TRAIN:]

    def read(self) -> Splits:
        """The splits, each [n, 1, 28, 28] in [0, 1]; a second or less."""
        training, test = (array(self.files, f"{part}-images-idx3-ubyte", self.path) for part in ("train", "t10k"))
        return splits_of(_scaled(training[: self.train_size or N_TRAIN]), _scaled(training[N_TRAIN:]), _scaled(test))


def array(files: FileSet, name: str, path: str | None) -> torch.Tensor:
    """The array, uint8, in one of the files."""
    content, file = files.read([name], path)[name]
    return parse(content, file, files.command)


def _scaled(images: torch.Tensor) -> torch.Tensor:
    return images[:, None].float().div_(255)
