"""Image files in a folder, as tensors."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from PIL.Image import Resampling

from gensweep.datasets._progress import progress
from gensweep.errors import ConfigError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"})
Filter = Literal["bicubic", "lanczos", "bilinear", "box"]
_NAMED = 5
_DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


@dataclass(frozen=True)
class Form:
    """What images are brought to: 1 or 3 channels, and a square of `size` pixels (None: as they are)."""

    channels: Literal[1, 3]
    size: int | None
    filter: Filter


@dataclass(frozen=True)
class Header:
    """What a file of an image says of itself: Pillow's names of its format and its pixels, its height and width."""

    format: str
    mode: str
    size: tuple[int, int]


def image_files(folder: Path) -> list[Path]:
    """The images in `folder` and the folders in it, in the order of their relative names. Files named .* are none.

    Raises:
        ConfigError: there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder. Give the folder that has the images.")
    found = [f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES and not f.name.startswith(".")]
    if not found:
        raise ConfigError(f"{folder}: there is no image in it. Images end in {', '.join(sorted(SUFFIXES))}.")
    return sorted(found, key=lambda f: f.relative_to(folder).as_posix())


def header(file: Path) -> Header:
    """What `file` says of itself, without decoding it.

    Raises:
        ConfigError: not an image.
    """
    try:
        with Image.open(file) as image:
            return Header(image.format or "", image.mode, (image.height, image.width))
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError) as error:
        raise ConfigError(f"{file}: not an image that can be read ({error}).") from error


def size_of(file: Path) -> tuple[int, int]:
    """Height and width, from the header.

    Raises:
        ConfigError: not an image.
    """
    return header(file).size


def common_size(files: Sequence[Path]) -> tuple[int, int]:
    """The height and width that all of them have.

    Raises:
        ConfigError: they differ, or some cannot be read.
    """
    sizes: dict[tuple[int, int], Path] = {}
    for file in progress(files, "reading the sizes of images"):
        sizes.setdefault(size_of(file), file)
    if len(sizes) > 1:
        shown = "; ".join(f"{file} is {height} x {width}" for (height, width), file in list(sizes.items())[:_NAMED])
        raise ConfigError(
            f"{files[0].parent}: images of {len(sizes)} different sizes: {shown}. Give `size`, to which each is "
            "resized, or images of one size."
        )
    return next(iter(sizes))


def decoded(files: Sequence[Path], form: Form) -> Iterator[torch.Tensor]:
    """The images in order, each as a block [1, channels, height, width] in [0, 1], float32.

    Raises:
        ConfigError: some cannot be decoded; all are tried, and the first few are named.
    """
    bad: list[str] = []
    for file in progress(files, "decoding images"):
        try:
            block = read_image(file, form)
        except ConfigError as error:
            bad.append(str(error))
            continue
        if not bad:
            yield block
    _refuse(bad)


def read_image(file: Path, form: Form) -> torch.Tensor:
    """One image as a block [1, channels, height, width] in [0, 1], float32.

    Raises:
        ConfigError: it is corrupt or truncated, or deeper than 8 bits.
    """
    try:
        with Image.open(file) as image:
            if image.mode in _DEEP:
                raise ConfigError(f"{file}: {image.mode} pixels; only images of 8 bits a channel are read.")
            return as_tensor(image, form)
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError) as error:
        raise ConfigError(f"{file}: corrupt or truncated ({error}).") from error


def as_tensor(image: Image.Image, form: Form) -> torch.Tensor:
    """An image in `form`, [1, channels, height, width] in [0, 1]. Transparency and frames after the first are dropped.

    With a size, the largest square at the centre is resampled to it with Pillow's filter, which averages over all
    pixels that a new one covers.
    """
    converted = image.convert("L" if form.channels == 1 else "RGB")
    if form.size is not None and converted.size != (form.size, form.size):
        side = min(converted.size)
        left, top = (converted.width - side) / 2, (converted.height - side) / 2
        method = Resampling[form.filter.upper()]
        converted = converted.resize((form.size, form.size), method, box=(left, top, left + side, top + side))
    pixels = torch.from_numpy(np.array(converted, dtype=np.uint8))
    return (pixels[None] if form.channels == 1 else pixels.permute(2, 0, 1))[None].float() / 255


def _refuse(bad: Iterable[str]) -> None:
    messages = list(bad)
    if messages:
        rest = f"\nand {len(messages) - _NAMED} more" if len(messages) > _NAMED else ""
        raise ConfigError("\n".join(messages[:_NAMED]) + rest + "\nRemove or replace them.")
