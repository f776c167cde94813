"""Data at a path, looked at: the dataset that describes them, with the fields that a person would have to find out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import ValidationError

from gensweep.component import build
from gensweep.datasets.base import Dataset
from gensweep.errors import ConfigError, Problem
from gensweep.files import arrays, images
from gensweep.files.folders import listing
from gensweep.spaces.messages import explain

_SIZES = (8, 16, 28, 32)  # of pictures that a first sweep on a CPU can afford, each divisible by 4 for convolutions
_LARGEST_KEPT = 64  # pixels of a side: pictures of one size up to this keep it
_MOST_LOOKED_AT = 200  # images, or a hundred times as many items of an array
_GREY = {"1", "L"}
_LEVELS = 255.0  # the brightest of 8 bits
# at which networks learn at their default settings: beyond it columns are standardised
_LARGEST, _SMALLEST = 3.0, 0.3


def is_path(text: str) -> bool:
    """Whether it names a file or a folder, and no dataset, as in `array,path=x.npy`."""
    name = text.partition(",")[0]
    return "/" in name or name.startswith((".", "~")) or ".np" in name or Path(text).exists()


def dataset_at(text: str) -> Dataset:
    """The dataset of a folder of images, of a .npy, a .npz, or one array in it (FILE.npz:KEY).

    Raises:
        ConfigError: there are none, or they cannot be read.
    """
    name, key = (text.rsplit(":", 1)[0], text.rsplit(":", 1)[1]) if ".npz:" in text else (text, None)
    path = Path(name).expanduser()
    if not path.exists():
        raise ConfigError(
            f"--data {text}: no such file or folder. Name a folder of images, a .npy or .npz, or a dataset."
        )
    if path.is_dir():
        return _built({"name": "image_folder", "path": str(path.absolute()), **_of_images(path)})
    if path.suffix not in (".npy", ".npz"):
        raise ConfigError(f"--data {text}: is no folder of images, .npy or .npz. Convert it, as with numpy.save.")
    return _built({"name": "array", "path": str(path.absolute()), **_of_array(path, key)})


def _of_images(folder: Path) -> dict[str, Any]:
    """The size and the channels of images, by the headers of some hundred of them."""
    files = listing(folder).files
    headers = images.headers(files[:: math.ceil(len(files) / _MOST_LOOKED_AT)])
    sides = sorted(min(header.size) for header in headers)
    is_grey = all(header.mode in _GREY and not header.has_alpha for header in headers)
    common = headers[0].size[0] if len({header.size for header in headers}) == 1 else 0
    keeps = headers[0].size == (common, common) and common % 4 == 0 and common <= _LARGEST_KEPT
    fitting = [size for size in _SIZES if size <= sides[len(sides) // 2]]
    return {"size": common if keeps else max(fitting, default=_SIZES[0]), "channels": 1 if is_grey else 3}


def _of_array(file: Path, key: str | None) -> dict[str, Any]:
    """The key of an array, and the scale that its values need."""
    named = {"key": key} if key else {}
    items = arrays.open_items(file, key, None)
    if items.bounds is not None:
        return named
    n = len(items.array)
    some = torch.arange(0, n, math.ceil(n / (100 * _MOST_LOOKED_AT)))
    values = torch.cat(list(items.blocks(some, "float64")))
    if values.ndim > 2:
        bright = _LARGEST < float(values.max()) <= _LEVELS and float(values.min()) >= 0
        return {**named, **({"value_range": [0.0, _LEVELS]} if bright else {}), "scale": "minmax"}
    deviations = values.std(0, correction=0)
    varying = deviations[deviations > 0]
    sizes = values.square().mean(0).sqrt()
    is_fine = float(sizes.max()) <= _LARGEST and (not len(varying) or float(varying.min()) >= _SMALLEST)
    within = float(values.abs().max()) <= 1  # as the pixels of flattened images, of which some hardly vary
    return named if is_fine or within else {**named, "scale": "standardise"}


def _built(node: dict[str, Any]) -> Dataset:
    try:
        return cast(Dataset, build("datasets", node))
    except ValidationError as error:
        problems = [Problem("", f"{node['name']} {'.'.join(map(str, e['loc']))}", explain(e)) for e in error.errors()]
        raise ConfigError(problems) from None
