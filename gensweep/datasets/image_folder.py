"""A folder of images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field

from gensweep.component import FilePath
from gensweep.datasets._fractions import Fractions
from gensweep.datasets._store import QUICK_IMAGE_BYTES, QUICK_IMAGES, is_stored, stored
from gensweep.datasets.base import SplitName, Splits
from gensweep.errors import ConfigError
from gensweep.files import images, pixels
from gensweep.files.folders import listing, shown, tell_remarks
from gensweep.progress import tell_once

_SPLITS = frozenset({"train", "training", "val", "valid", "validation", "dev", "test", "testing"})


class ImageFolder(Fractions):
    """Every image in a folder and the folders in it (png, jpg, webp, …), levels divided by 255.

    They are decoded once, into a file in GENSWEEP_CACHE that is mapped and not loaded, so that they may be larger than
    memory; it is made anew when a file of the folder changes its name, size or time. Links are followed, each folder is
    read once. Hidden files and folders (`.*`), those that systems leave (`__MACOSX`, `Thumbs.db`), links to nothing and
    files of other kinds are skipped; what was skipped is said on stderr.

    Folders of classes, as in my_photos/cat/1.jpg, say what their images show, for `gensweep train-extractor`: where every
    image lies in a folder of `path`, in two or more of them, and these are not named for splits.

    Images are turned upright as their EXIF says, what is transparent is laid on white, and of several frames the first is
    taken; the pixels after that are the data, whose digest is part of every protocol. CMYK is made RGB by Pillow's
    formula, and colour profiles are not applied. Images of more than 8 bits a channel are refused, as corrupt ones are.

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
    filter: pixels.Filter = Field("bicubic", description="how images are resampled to `size`")

    @property
    def shape(self) -> tuple[int, ...]:
        """(channels, height, width); without `size`, from the header of the first file that is an image."""
        if self.size is not None:
            return (self.channels, self.size, self.size)
        return (self.channels, *images.first_header(listing(self._folder).files).size)

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
        return self.sizes(len(listing(self._folder).files), shown(self._folder))

    def problem(self) -> str | None:
        """Why there are no images."""
        try:
            listing(self._folder)
        except ConfigError as error:
            return f"dataset image_folder: {error}"
        return None

    def classes(self, split: SplitName) -> torch.Tensor | None:
        """By the folders that the images lie in."""
        files = listing(self._folder).files
        named = [file.relative_to(self._folder).parts[:-1] for file in files]
        names = sorted(set(named))
        are_classes = len(names) > 1 and all(len(name) == 1 and name[0].lower() not in _SPLITS for name in names)
        if not are_classes:
            return None
        numbers = {name: number for number, name in enumerate(names)}
        every = torch.tensor([numbers[name] for name in named])
        return every[self.parts(len(files), shown(self._folder))[split]]

    def left_unread(self) -> str | None:
        """Many images, or large ones, that were not decoded before."""
        files = listing(self._folder).files
        size = sum(file.stat().st_size for file in files)
        if max(size / QUICK_IMAGE_BYTES, len(files) / QUICK_IMAGES) <= 1 or is_stored(self._content(files)):
            return None
        return f"{shown(self._folder)}: its {len(files):,} images ({size / 1e6:,.0f} MB) are decoded by `gensweep run`"

    def read(self) -> Splits:
        """The splits, each [n, channels, height, width] in [0, 1]; the first time takes about a millisecond an image."""
        found = listing(self._folder)
        tell_once(found.sentence())
        files, remarks = found.files, Counter[str]()
        shape = self.shape if self.size is not None else (self.channels, *images.common_size(files))
        form = pixels.Form(self.channels, self.size, self.filter)

        def read(chosen: torch.Tensor) -> Iterator[torch.Tensor]:
            return images.decoded([files[index] for index in chosen.tolist()], form, remarks, files)

        splits = stored(self._content(files), shape, self.parts(len(files), shown(self._folder)), read)
        tell_remarks(self._folder, remarks)
        return splits

    def _content(self, files: Sequence[Path]) -> dict[str, Any]:
        """What decides every value."""
        names = [[str(f.relative_to(self._folder)), f.stat().st_size, f.stat().st_mtime_ns] for f in files]
        return {**self.dump(), "path": str(self._folder.resolve()), "files": names, "version": 2}

    @property
    def _folder(self) -> Path:
        return Path(self.path).expanduser()
