"""MNIST: handwritten digits, 28 × 28."""

from __future__ import annotations

from typing import ClassVar, Literal

from gensweep.datasets import _files
from gensweep.datasets._idx_images import IdxImages


class MNIST(IdxImages):
    """70,000 grey images of handwritten digits, 28 × 28, grey levels divided by 255.

    Splits: of the 60,000 training images the first 50,000 train and the last 10,000 validate; the 10,000 test images,
    by other writers, are the test split.

    Fields: `path`, the folder with the four IDX files (null: looked for in GENSWEEP_DATA, ./.data, the checkout's
    .data, Debian's folder and the user's cache); `train_size`, how many of the 50,000 to train on, from 2 (null: all).

    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition", 1998,
    doi:10.1109/5.726791, section III.A.
    """

    files: ClassVar[_files.FileSet] = _files.MNIST

    name: Literal["mnist"] = "mnist"
