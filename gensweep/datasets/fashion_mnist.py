"""Fashion-MNIST: articles of clothing, 28 × 28."""

from __future__ import annotations

from typing import ClassVar, Literal

from gensweep.datasets import _files
from gensweep.datasets._idx_images import IdxImages


class FashionMNIST(IdxImages):
    """70,000 grey images of clothing in ten classes, 28 × 28, grey levels divided by 255.

    Splits: of the 60,000 training images the first 50,000 train and the last 10,000 validate (their order is random
    already); the 10,000 test images are the test split.

    Fields: `path`, the folder with the four IDX files (null: looked for in GENSWEEP_DATA, ./.data, the checkout's
    .data, Debian's folder and the user's cache); `train_size`, how many of the 50,000 to train on, from 2 (null: all).

    Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
    algorithms", 2017, arXiv:1708.07747.
    """

    files: ClassVar[_files.FileSet] = _files.FASHION_MNIST

    name: Literal["fashion_mnist"] = "fashion_mnist"
