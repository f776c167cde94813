"""Samples that were made elsewhere: a folder of images, or an array in a file."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch

from gensweep.datasets.base import Dataset
from gensweep.errors import ConfigError, GensweepError
from gensweep.files import arrays, images, pixels
from gensweep.files.folders import listing, shown, tell_remarks
from gensweep.progress import tell_once

_LOSSY = frozenset({"JPEG", "MPO", "JPEG2000", "WEBP", "AVIF"})
_NAMED = 3


class TooFew(GensweepError):
    """A metric asks for more samples than there are."""


@dataclass(frozen=True, eq=False)
class GivenSamples:
    """Samples `items` [n, *shape] as a model. It has no encoder and no likelihood.

    `preparation` says what was done to them that changes their values, for the protocol; None: they are as given.
    """

    items: torch.Tensor
    preparation: str | None = None

    def samples(self, n: int) -> torch.Tensor:
        """The first n.

        Raises:
            TooFew: there are fewer.
        """
        if n > len(self.items):
            raise TooFew(f"{n} samples are needed, {len(self.items)} are given")
        return self.items[:n]

    def reconstructions(self, x: torch.Tensor) -> torch.Tensor | None:
        """None."""
        return None

    def codes(self, x: torch.Tensor) -> torch.Tensor | None:
        """None."""
        return None

    def prior(self, n: int) -> torch.Tensor | None:
        """None."""
        return None

    def log_likelihood(self, x: torch.Tensor) -> tuple[torch.Tensor, bool] | None:
        """None."""
        return None

    def log_conditionals(self, x: torch.Tensor, block: int, n: int) -> torch.Tensor | None:
        """None."""
        return None


def images_in(folder: Path, reference: Dataset, *, resize: bool) -> GivenSamples:
    """The images of a folder [n, *shape], in the reference's range.

    Args:
        folder: with images of 8 bits a channel in it, or in folders in it.
        reference: the dataset whose shape and range they are brought to.
        resize: images of another size, by Pillow's bicubic filter; otherwise they are an error.

    Raises:
        ConfigError: no image, one that cannot be read, or one of another size; the message names the file.
    """
    found = listing(folder)
    tell_once(found.sentence())
    if len(reference.shape) != 3 or reference.bounds is None or reference.shape[0] not in (1, 3):
        raise ConfigError(f"{folder}: images cannot be compared with the {_named(reference)}.")
    channels, height, width = reference.shape
    kinds: dict[images.Header, Path] = {}
    for file, kind in zip(found.files, images.headers(found.files), strict=True):
        kinds.setdefault(kind, file)
    strange = {kind.size: file for kind, file in kinds.items() if kind.size != (height, width)}
    if strange and not resize:
        some = "; ".join(f"{shown(file)} has {h} x {w}" for (h, w), file in list(strange.items())[:_NAMED])
        raise ConfigError(
            f"{some} pixels, and the {_named(reference)}. Resizing changes every score; --resize does it, by Pillow's "
            "bicubic filter."
        )
    if strange and height != width:
        raise ConfigError(f"{folder}: --resize makes squares, and the {_named(reference)}. Resize the files before.")
    form = pixels.Form(1 if channels == 1 else 3, height if strange else None, "bicubic")
    low, high = reference.bounds
    remarks = Counter[str]()
    items = low + (high - low) * torch.cat(list(images.decoded(found.files, form, remarks)))
    tell_remarks(folder, remarks)
    return GivenSamples(items, _preparation(list(kinds), form))


def array_in(what: str, reference: Dataset) -> GivenSamples:
    """The items of FILE.npy, FILE.npz or FILE.npz:KEY [n, *shape], in the reference's range.

    Bytes are scaled to the range; other numbers are taken in the units of the reference's file, and must lie in it.

    Raises:
        ConfigError: no array, one of another shape, or a value that is not finite or outside the range.
    """
    file, _, key = what.partition(":") if ".npz:" in what else (what, "", "")
    items = arrays.open_items(Path(file).expanduser(), key or None, None)
    if items.shape != reference.shape:
        raise ConfigError(
            f"{file}: items of shape {items.shape}, and the {_named(reference)}. Name the data that they are to be "
            "compared with, or save items of that shape; --resize is for folders of images."
        )
    everything = torch.arange(len(items.array))
    if items.array.dtype == "uint8" and reference.bounds:
        low, high = reference.bounds
        return GivenSamples(low + (high - low) * torch.cat(list(items.blocks(everything))), "an array of uint8")
    as_they_are = arrays.Items(items.file, items.array, items.shape, None, 1.0)
    given = torch.cat(list(as_they_are.blocks(everything)))
    given = reference.scaled(given, of_bytes=bool(items.array.dtype == "uint8"))
    _refuse_outside(file, given, reference)
    return GivenSamples(given)


def _refuse_outside(file: str, given: torch.Tensor, reference: Dataset) -> None:
    low, high = reference.bounds or (-math.inf, math.inf)
    bad = ((given < low) | (given > high)).flatten(1).any(1)
    if bool(bad.any()):
        first = int(bad.nonzero()[0])
        raise ConfigError(
            f"{file}: item {first} has values from {float(given[first].min()):g} to {float(given[first].max()):g}, and those "
            f"of {reference.name} lie in [{low:g}, {high:g}]. Scale or clip them, or save bytes (uint8), which "
            "are scaled."
        )


def _preparation(kinds: list[images.Header], form: pixels.Form) -> str:
    """What files and reading them have done to the values of samples."""
    parts = ["files of 8 bits"]
    if lossy := sorted({kind.format for kind in kinds} & _LOSSY):
        parts.append(f"lossy ({', '.join(lossy)})")
    own = "L" if form.channels == 1 else "RGB"
    if others := sorted({kind.mode for kind in kinds} - {own}):
        parts.append(f"{', '.join(others)} made {own}")
    if any(kind.has_alpha for kind in kinds):
        parts.append("transparent places on white")
    if any(kind.turned for kind in kinds):
        parts.append("turned upright by EXIF")
    if form.size is not None:
        parts.append(f"their centre squares resized by Pillow {form.filter} to {form.size} x {form.size}")
    return ", ".join(parts)


def _named(reference: Dataset) -> str:
    return f"items of {reference.name} have shape {reference.shape}"
