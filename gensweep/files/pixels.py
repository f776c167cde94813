"""An opened image as a tensor: as every viewer shows it, or not at all."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from PIL import Image, ImageOps
from PIL.Image import Resampling

Filter = Literal["bicubic", "lanczos", "bilinear", "box"]
_DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_ORIENTATION, UPRIGHT = 0x0112, 1
# What Pillow's decoders raise for damaged files, and what the modules below them let through.
BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, IndexError, KeyError, TypeError, OverflowError,
    MemoryError, Image.DecompressionBombError,
)  # fmt: skip


class Unfit(ValueError):
    """A sound image that Pillow would not read as it is."""


@dataclass(frozen=True)
class Form:
    """What images are brought to: 1 or 3 channels, and a square of `size` pixels (None: as they are)."""

    channels: Literal[1, 3]
    size: int | None
    filter: Filter


def as_tensor(image: Image.Image, form: Form) -> torch.Tensor:
    """An image in `form`, [1, channels, height, width] in [0, 1].

    It is turned upright as its EXIF says, and what is transparent is laid on white; frames after the first are dropped,
    and colour profiles are not applied. With a size, the largest square at the centre is resampled to it with Pillow's
    filter, which averages over all pixels that a new one covers.
    """
    upright = ImageOps.exif_transpose(image) if orientation(image) != UPRIGHT else image
    converted = _on_white(upright).convert("L" if form.channels == 1 else "RGB")
    if form.size is not None and converted.size != (form.size, form.size):
        side = min(converted.size)
        left, top = (converted.width - side) / 2, (converted.height - side) / 2
        method = Resampling[form.filter.upper()]
        converted = converted.resize((form.size, form.size), method, box=(left, top, left + side, top + side))
    pixels = torch.from_numpy(np.array(converted, dtype=np.uint8))
    return (pixels[None] if form.channels == 1 else pixels.permute(2, 0, 1))[None].float() / 255


def _on_white(image: Image.Image) -> Image.Image:
    """The image as every viewer shows it: the colours that files keep below what is transparent are of no account."""
    if not _shows_through(image):
        return image
    ground = Image.new("RGBA", image.size, "white")
    ground.alpha_composite(image.convert("RGBA"))
    return ground


def _shows_through(image: Image.Image) -> bool:
    return image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema()[0] != 255


def orientation(image: Image.Image) -> int:
    """EXIF's: 1 is upright, 2 to 8 are the other ways to lie, above 4 with height and width exchanged.

    Pillow decodes a PNG to look for EXIF behind its pixels, where there hardly is one: there it counts as upright.
    """
    if image.format == "PNG" and not {"exif", "Raw profile type exif"} & image.info.keys():
        return UPRIGHT
    try:
        found = image.getexif().get(_ORIENTATION)
    except BROKEN:  # a damaged EXIF does not make a damaged image
        return UPRIGHT
    return found if isinstance(found, int) and UPRIGHT < found <= 8 else UPRIGHT


def remarks_on(image: Image.Image, form: Form) -> Iterator[str]:
    """What is done to an image that its owner may not expect."""
    if orientation(image) != UPRIGHT:
        yield "turned upright by EXIF"
    if getattr(image, "is_animated", False) and image.format != "MPO":  # a camera's preview is no second frame
        yield "the first of several frames taken"
    if _shows_through(image):
        yield "transparent places laid on white"
    if image.mode == "CMYK":
        yield "CMYK made RGB without a colour profile"
    if form.size is not None and min(image.size) < form.size:
        yield f"enlarged to {form.size} pixels"


def refuse_unfit(image: Image.Image) -> None:
    """Refuse what Pillow reads wrongly without a word.

    It clips grey of 16 bits, takes the upper 8 of 16 bits of red, green and blue, and tears the rows of an uncompressed
    TIFF whose height and width are exchanged.

    Raises:
        Unfit: with the cure.
    """
    codecs, kinds = [(tile[0], tile[3]) for tile in getattr(image, "tile", ())], set()
    for name, kind in codecs:
        kinds.add(str(kind))
        if name.startswith("ppm") and isinstance(kind[-1], int) and kind[-1] > 255:
            kinds.add(";16")
    if image.mode in _DEEP or any(";16" in kind for kind in kinds):
        raise Unfit(f"{image.mode} pixels of more than 8 bits a channel, and only 8 are read: convert it")
    if image.format == "TIFF" and orientation(image) > 4 and any(name == "raw" for name, _ in codecs):
        raise Unfit("an uncompressed TIFF stored on its side, which is not read rightly: turn it or compress it")
