"""CIFAR-10: small colour photographs, 32 × 32."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import torch
from pydantic import Field

from gensweep.component import FilePath
from gensweep.datasets import _files
from gensweep.datasets._file_images import FileImages
from gensweep.datasets._split import splits_of
from gensweep.datasets.base import SplitName, Splits
from gensweep.errors import ConfigError

_N_TRAIN = 45_000
_RECORD = 1 + 3 * 32 * 32  # a label, then the red, green and blue planes in row-major order
_TRAINING = [f"data_batch_{number}.bin" for number in range(1, 6)]
_TEST = ["test_batch.bin"]


class CIFAR10(FileImages):
    """60,000 colour photographs in ten classes, 32 × 32, levels divided by 255.

    Splits: of the 50,000 training images the first 45,000 train and the last 5,000 validate (their order is random
    already); the 10,000 test images are the test split.

    Fields: `path`, the folder with the six files of the binary version, or with cifar-10-binary.tar.gz (null: looked for
    in GENSWEEP_DATA, ./.data, the checkout's .data and the user's cache); `train_size`, how many of the 45,000 to train
    on, from 2 (null: all).

    Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009, chapter 3.
    """

    is_of_classes: ClassVar[bool] = True
    files: ClassVar[_files.FileSet] = _files.CIFAR10

    name: Literal["cifar10"] = "cifar10"
    path: FilePath | None = Field(
        None, description="folder of the binary version's files or archive; null: the usual places"
    )
    train_size: int | None = Field(
        None, ge=2, le=_N_TRAIN, description="train on the first so many of the training split; null: on all 45,000"
    )

    @property
    def shape(self) -> tuple[int, ...]:
        """Red, green and blue, 32 × 32."""
        return (3, 32, 32)

    def n_items(self) -> dict[SplitName, int]:
        """5,000 validate, 10,000 test."""
        return {"train": self.train_size or _N_TRAIN, "validation": 50_000 - _N_TRAIN, "test": 10_000}

    def classes(self, split: SplitName) -> torch.Tensor:
        """What each image of `split` shows, from 0 to 9."""
        shown = _records(_TEST if split == "test" else _TRAINING, self.path)[:, 0].long()
        return {"train": shown[: self.train_size or _N_TRAIN], "validation": shown[_N_TRAIN:], "test": shown}[split]

    def read(self) -> Splits:
        """The splits, each [n, 3, 32, 32] in [0, 1]; some seconds where they are packed."""
        rows = _records(_TRAINING + _TEST, self.path)[:, 1:].reshape(-1, *self.shape)
        train, validation, test = rows[: self.train_size or _N_TRAIN], rows[_N_TRAIN:50_000], rows[50_000:]
        return splits_of(*(part.float().div_(255) for part in (train, validation, test)))


def _records(names: list[str], path: str | None) -> torch.Tensor:
    """The records of the files, one after another, [n, 3073], uint8."""
    found = _files.CIFAR10.read(names, path)
    return torch.cat([parse(*found[name]) for name in names])


def parse(content: bytes, file: Path) -> torch.Tensor:
    """The records in `content`, [n, 3073], uint8. `file` is for the message.

    Raises:
        ConfigError: not a whole number of records.
    """
    if not content or len(content) % _RECORD:
        raise ConfigError(f"{file}: {len(content)} bytes are not a number of records of {_RECORD} bytes each.")
    return torch.frombuffer(bytearray(content), dtype=torch.uint8).reshape(-1, _RECORD)
