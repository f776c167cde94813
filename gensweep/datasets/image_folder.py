"""A folder of images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field

from gensweep.component import FilePath
from gensweep.datasets._fractions import Fractions
from gensweep.datasets._store import stored
from gensweep.datasets.base import SplitName, Splits
from gensweep.errors import ConfigError
from gensweep.files import images


class ImageFolder(Fractions):
    """Every image in a folder and the folders in it (png, jpg, webp, …), levels divided by 255.

    They are decoded once, into a file in GENSWEEP_CACHE that is mapped and not loaded, so that they may be larger than
    memory; it is made anew when a file of the folder changes its name, size or time. Transparency is dropped.

    Fields: `path` of the folder; `size`, of the square, in pixels, to which the largest square at the centre of each is
    resampled (null: they all have one size, and keep it); `channels`, 1 (grey) or 3; `filter` of the resampling,
    Pillow's, which does not alias; `validation` and `test`, fractions of the images; `seed` of which image is in which.

    Source: the filters: J. A. Clark et al., Pillow; why they matter: G. Parmar, R. Zhang, J.-Y. Zhu, "On aliased
    resizing and surprising subtleties in GAN evaluation", 2022, arXiv:2104.11222.
    """

    name: Literal["image_folder"] = "image_folder"
    path: FilePath = Field(description="the folder")
    size: int | None = Field(None, ge=2, le=4096, description="height and width in pixels; null: as the images are")
    channels: Literal[1, 3] = Field(3, description="1: grey, 3: red, green and blue")
    filter: images.Filter = Field("bicubic", description="how images are resampled to `size`")

    @property
    def shape(self) -> tuple[int, ...]:
        """(channels, height, width); without `size`, from the header of the first image."""
        if self.size is not None:
            return (self.channels, self.size, self.size)
        return (self.channels, *images.size_of(images.image_files(self._folder)[0]))

    @property
    def bounds(self) -> tuple[float, float]:
        """Dark is 0, bright is 1."""
        return (0.0, 1.0)

    @property
    def levels(self) -> int:
        """8 bits, after resampling too."""
        return 256

    def n_items(self) -> dict[SplitName, int]:
        """By the number of files."""
        return self.sizes(len(images.image_files(self._folder)), str(self._folder))

    def problem(self) -> str | None:
        """Why there are no images."""
        try:
            images.image_files(self._folder)
        except ConfigError as error:
            return f"dataset image_folder: {error}"
        return None

    def read(self) -> Splits:
        """The splits, each [n, channels, height, width] in [0, 1]; the first time takes about a millisecond an image."""
        files = images.image_files(self._folder)
        shape = self.shape if self.size is not None else (self.channels, *images.common_size(files))
        form = images.Form(self.channels, self.size, self.filter)

        def read(chosen: torch.Tensor) -> Iterator[torch.Tensor]:
            return images.decoded([files[index] for index in chosen.tolist()], form)

        listing = [[str(f.relative_to(self._folder)), f.stat().st_size, f.stat().st_mtime_ns] for f in files]
        content = {**self.dump(), "path": str(self._folder.resolve()), "files": listing, "version": 1}
        return stored(content, shape, self.parts(len(files), str(self._folder)), read)

    @property
    def _folder(self) -> Path:
        return Path(self.path).expanduser()
