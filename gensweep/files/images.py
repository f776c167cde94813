"""Image files as tensors."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image, UnidentifiedImageError

from gensweep.errors import ConfigError
from gensweep.files.folders import shown, some_of
from gensweep.files.pixels import BROKEN, UPRIGHT, Form, Unfit, as_tensor, orientation, refuse_unfit, remarks_on
from gensweep.progress import progress

_SIZES = 5  # that one message names


@dataclass(frozen=True)
class Header:
    """What a file of an image says of itself: Pillow's names of its format and its pixels, its height and width upright.

    `turned`: its EXIF says that the stored pixels lie another way. `has_alpha`: places of it may be transparent.
    """

    format: str
    mode: str
    size: tuple[int, int]
    turned: bool = False
    has_alpha: bool = False


def header(file: Path) -> Header:
    """What `file` says of itself, without decoding it.

    Raises:
        ConfigError: not an image.
    """
    with _opened(file) as image:
        turned = orientation(image)
        lies = turned > 4 and image.format != "TIFF"  # of a TIFF Pillow gives the size upright, and turns it itself
        size = (image.width, image.height) if lies else (image.height, image.width)
        return Header(image.format or "", image.mode, size, turned != UPRIGHT, image.has_transparency_data)


def headers(files: Sequence[Path]) -> list[Header]:
    """The header of each.

    Raises:
        ConfigError: some are no images, or cannot be decoded; all that cannot are counted, and the first ten are named.
    """
    found = []
    for file in progress(files, "reading the headers of images"):
        try:
            found.append(header(file))
        except ConfigError:
            _refuse(_unreadable(files))
            raise  # it was another file a moment ago
    return found


def first_header(files: Sequence[Path]) -> Header:
    """The header of the first that is an image.

    Raises:
        ConfigError: none is; the first ten are named.
    """
    bad = []
    for file in files:
        try:
            return header(file)
        except ConfigError as error:
            bad.append(str(error))
    raise _refusal(bad)


def common_size(files: Sequence[Path]) -> tuple[int, int]:
    """The height and width that all of them have.

    Raises:
        ConfigError: they differ, or some cannot be read.
    """
    sizes: dict[tuple[int, int], Path] = {}
    for file, found in zip(files, headers(files), strict=True):
        sizes.setdefault(found.size, file)
    if len(sizes) > 1:
        each = "; ".join(
            f"{shown(file)} is {height} x {width}" for (height, width), file in list(sizes.items())[:_SIZES]
        )
        raise ConfigError(
            f"{shown(files[0].parent)}: images of {len(sizes)} different sizes: {each}. Give `size`, to which each is "
            "resized, or images of one size."
        )
    return next(iter(sizes))


def decoded(
    files: Sequence[Path], form: Form, remarks: Counter[str] | None = None, others: Sequence[Path] = ()
) -> Iterator[torch.Tensor]:
    """The images in order, each as a block [1, channels, height, width] in [0, 1], float32.

    Args:
        files: of the images.
        form: what they are brought to.
        remarks: counts what was done to them beside that.
        others: files that are tried too once one cannot be decoded, so that the error names them all.

    Raises:
        ConfigError: some cannot be decoded; all are tried and counted, and the first ten are named.
    """
    bad = False
    for file in progress(files, "decoding images"):
        if bad:
            continue
        try:
            block = read_image(file, form, remarks)
        except ConfigError:
            bad = True
        else:
            yield block
    if bad:
        _refuse(_unreadable(sorted({*files, *others})))


def read_image(file: Path, form: Form, remarks: Counter[str] | None = None) -> torch.Tensor:
    """One image as a block [1, channels, height, width] in [0, 1], float32; `remarks` counts what else was done to it.

    Raises:
        ConfigError: it is corrupt or truncated, or deeper than 8 bits.
    """
    with _opened(file) as image:
        refuse_unfit(image)
        if remarks is not None:
            remarks.update(remarks_on(image, form))
        return as_tensor(image, form)


@contextmanager
def _opened(file: Path) -> Iterator[Image.Image]:
    """The image in `file`, and every way in which it can be none as one kind of error."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(file) as image:  # of EXIF, and of large images
            yield image
    except BROKEN as error:
        raise ConfigError(f"{shown(file)}: {_why(file, error)}.") from error


def _why(file: Path, error: BaseException) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "an empty file" if file.stat().st_size == 0 else "not an image, or of a format that is not read"
    if isinstance(error, OSError) and error.errno is not None:
        return f"cannot be opened ({error.strerror})"
    if isinstance(error, Image.DecompressionBombError):
        return f"too large ({str(error).rstrip('.')})"
    return str(error) if isinstance(error, Unfit) else f"corrupt or truncated ({error or type(error).__name__})"


def _unreadable(files: Iterable[Path]) -> list[str]:
    """What is wrong with each file that cannot be decoded."""
    bad = []
    for file in files:
        try:
            with _opened(file) as image:
                refuse_unfit(image)
                image.load()
        except ConfigError as error:
            bad.append(str(error))
    return bad


def _refuse(bad: Sequence[str]) -> None:
    if bad:
        raise _refusal(bad)


def _refusal(bad: Sequence[str]) -> ConfigError:
    counted = f"{len(bad)} images cannot be read:\n" if len(bad) > 1 else ""
    return ConfigError(f"{counted}{some_of(bad)}\nRemove, replace or convert {'them' if len(bad) > 1 else 'it'}.")
