"""Arrays in .npy and .npz files, as items of one shape."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import torch

from gensweep.errors import ConfigError, suggest

Bounds = tuple[float, float]
_BLOCK = 1024
_LONGEST_HEADER = 2**16  # bytes
LARGEST_UNPACKED = 2**30  # bytes of an array in a .npz, which cannot be mapped
_CHANNELS = (1, 3)
_LOOKED_AT = 1000
_MOST_LEVELS = 2**16
_LARGEST = torch.finfo(torch.float32).max
# What numpy and the modules that unpack raise for a damaged file: a header that is no Python, a length beyond memory, a
# flag of a cipher or of an unknown compression, bytes that do not unpack.
_UNREADABLE = (
    OSError, ValueError, EOFError, KeyError, RuntimeError, SyntaxError, MemoryError, tokenize.TokenError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class Items:
    """An opened array [n, …] whose items have `shape`; values lie in `bounds` once they are multiplied by `scale`."""

    file: Path
    array: Any
    shape: tuple[int, ...]
    bounds: Bounds | None
    scale: float

    @property
    def is_plain(self) -> bool:
        """Whether the file's values are the data, so that it can be mapped as it is."""
        a = self.array
        return bool(a.dtype == "float32" and a.flags["C_CONTIGUOUS"] and a.shape[1:] == self.shape)

    @property
    def levels(self) -> int:
        """How many integers there are from one bound to the other; 0 without bounds, or where the type is no integer's.

        More than 16 bits are as good as continuous.
        """
        if self.bounds is None or self.array.dtype.kind not in "bui":
            return 0
        low, high = (bound / self.scale for bound in self.bounds)
        n = round(high - low) + 1
        return n if math.isclose(low, round(low)) and math.isclose(high, round(high)) and n <= _MOST_LEVELS else 0

    def blocks(self, chosen: torch.Tensor, dtype: Literal["float32", "float64"] = "float32") -> Iterator[torch.Tensor]:
        """The items at `chosen` [m] in order, as checked blocks [k, *shape].

        Raises:
            ConfigError: a value is not finite or outside the bounds; with the number of the item in the file.
        """
        for indices in torch.split(chosen, _BLOCK):
            block = torch.from_numpy(self.array[indices.numpy()].astype(dtype))
            if self.array.ndim == 4 and self.array.shape[1:] != self.shape:
                block = block.permute(0, 3, 1, 2)
            block = (block.reshape(-1, *self.shape) * self.scale).contiguous()
            self._check(block.flatten(1), indices)
            yield block

    def _check(self, rows: torch.Tensor, indices: torch.Tensor) -> None:
        bad = (~(rows.abs() <= _LARGEST)).any(1)  # NaN is not either
        if bool(bad.any()):
            raise ConfigError(f"{self.file}: {self._not_finite()}")
        if self.bounds:
            low, high = self.bounds
            bad = ((rows < low) | (rows > high)).any(1)
            if bool(bad.any()):
                row = rows[bad][0]
                self._refuse(
                    indices,
                    bad,
                    f"has values from {float(row.min()):g} to {float(row.max()):g}, outside [{low:g}, {high:g}]. Give "
                    "the range in `value_range`; with `scale: minmax` it becomes [0, 1].",
                )

    def _not_finite(self) -> str:
        """Which items have values that are not finite, and the cure: whole columns are left out, else the items."""
        flat = self.array.reshape(len(self.array), -1)
        items = torch.zeros(len(flat), dtype=torch.bool)
        columns = torch.ones(flat.shape[1], dtype=torch.bool)
        for start in range(0, len(flat), _BLOCK):
            part = flat[start : start + _BLOCK].astype("float32") * self.scale
            bad = ~(torch.from_numpy(part).abs() <= _LARGEST)
            items[start : start + _BLOCK] = bad.any(1)
            columns &= bad.all(0)
        n, whole = int(items.sum()), [int(i) for i in columns.nonzero().flatten()]
        told = f"item {int(items.nonzero()[0])} has a value that is not finite"
        told += f", the first of {n} such items of {len(flat)}" if n > 1 else ""
        if whole and self.array.ndim == 2:
            named = ", ".join(map(str, whole[:10])) + (", …" if len(whole) > 10 else "")
            return f"{told}. None is finite in column {named}, counted from 0. Leave such columns out of the file."
        return f"{told}. Remove such items from the file."

    def _refuse(self, indices: torch.Tensor, bad: torch.Tensor, what: str) -> None:
        raise ConfigError(f"{self.file}: item {int(indices[bad][0])} {what}")


def open_items(file: Path, key: str | None, value_range: Bounds | None) -> Items:
    """The array in `file`, mapped where it is a .npy, with what its items are.

    [n] are numbers, [n, d] vectors, [n, h, w] grey images, [n, c, h, w] or [n, h, w, c] images of c = 1 or 3 channels.
    Unsigned bytes without a given range are divided by 255. The range of images without a given one is [0, 1] or
    [−1, 1], if the first thousand lie in it; that of vectors is unbounded.

    Raises:
        ConfigError: missing, damaged, without such a key, or of no such shape or type.
    """
    array = _opened(file, key)
    if array.dtype.kind not in "buif":
        raise ConfigError(f"{file}: its values are of type {array.dtype}; numbers are needed.")
    shape = _shape(file, array.shape)
    if value_range is not None:
        return Items(file, array, shape, value_range, 1.0)
    if array.dtype == "uint8":
        return Items(file, array, shape, (0.0, 1.0), 1 / 255)
    return Items(file, array, shape, _inferred(array) if len(shape) == 3 else None, 1.0)


def open_classes(file: Path, key: str | None, n: int) -> torch.Tensor:
    """The class of each of n items [n], int64 from 0 in the order of their values, which are whole numbers or texts.

    Raises:
        ConfigError: missing, damaged, without such a key, or not one class for each item.
    """
    array = _opened(file, key)
    if array.shape not in ((n,), (n, 1)):
        raise ConfigError(
            f"{file}: labels of shape {array.shape}. There are {n} items: one label each, [{n}], is needed."
        )
    kind = array.dtype.kind
    if kind not in "buifUS" or (kind == "f" and not bool((array == np.round(array)).all())):
        raise ConfigError(f"{file}: labels of type {array.dtype} are no classes. Whole numbers or texts are needed.")
    return torch.from_numpy(np.unique(array.reshape(n), return_inverse=True)[1]).long()


def _shape(file: Path, shape: tuple[int, ...]) -> tuple[int, ...]:
    n_dimensions = len(shape)
    found: tuple[int, ...] | None = None
    if n_dimensions == 1:
        found = (1,)
    elif n_dimensions == 2:
        found = (shape[1],)
    elif n_dimensions == 3:
        found = (1, shape[1], shape[2])
    elif n_dimensions == 4 and shape[1] in _CHANNELS:
        found = shape[1:]
    elif n_dimensions == 4 and shape[3] in _CHANNELS:
        found = (shape[3], shape[1], shape[2])
    if found is None or 0 in shape:
        raise ConfigError(
            f"{file}: an array of shape {shape}. Accepted: [n], [n, d], [n, h, w], and [n, c, h, w] or [n, h, w, c] "
            "with 1 or 3 channels, with n > 0."
        )
    return found


def _inferred(array: Any) -> Bounds | None:
    some = array[:_LOOKED_AT]
    low, high = float(some.min()), float(some.max())
    return (0.0, 1.0) if low >= 0 and high <= 1 else (-1.0, 1.0) if low >= -1 and high <= 1 else None


def _opened(file: Path, key: str | None) -> Any:
    if file.exists() and not file.is_file() and not file.is_dir():
        raise ConfigError(f"{file}: is a pipe or a device, and no file.")
    try:
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as arrays:
                chosen = _key(file, key, list(arrays.files))
                _refuse_bomb(file, chosen)
                return arrays[chosen]
        with file.open("rb") as opened:
            _refuse_long_header(opened)
        # Copy on write: torch wants writable memory, and the file stays as it is.
        return np.lib.format.open_memmap(file, mode="c")
    except _UNREADABLE as error:
        raise ConfigError(
            f"{file}: no array can be read from it ({error or type(error).__name__}). It is missing, truncated, or not "
            "a .npy or .npz file of numbers."
        ) from error


def _refuse_bomb(file: Path, key: str) -> None:
    """Refuse an array whose header says that it takes more memory than is read into it: 3 MB may unpack to 3 GB."""
    with zipfile.ZipFile(file) as archive:
        name = key if key in archive.namelist() else f"{key}.npy"
        with archive.open(name) as member:
            _refuse_long_header(member)
        with archive.open(name) as member:
            version = np.lib.format.read_magic(member)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(member)
        size = math.prod(shape) * dtype.itemsize
        if size > archive.getinfo(name).file_size:
            raise ValueError(f"the header of {key} says {size} bytes, and there are {archive.getinfo(name).file_size}")
    if size > LARGEST_UNPACKED:
        raise ConfigError(
            f"{file}: array {key} unpacks to {size / 2**30:.3g} GiB, and at most {LARGEST_UNPACKED >> 30} GiB is read into "
            "memory. Save it as a .npy, which is mapped."
        )


def _refuse_long_header(opened: IO[bytes]) -> None:
    """Raise ValueError where the header says that it is longer than any: NumPy would make room for it first."""
    if np.lib.format.read_magic(opened) != (1, 0) and int.from_bytes(opened.read(4), "little") > _LONGEST_HEADER:
        raise ValueError("its header says that it is longer than any header is")


def _key(file: Path, key: str | None, keys: list[str]) -> str:
    if key is None and len(keys) == 1:
        return keys[0]
    if key is None or key not in keys:
        given = f"several arrays and no `key` (to evaluate one: {file}:KEY)" if key is None else f"no array '{key}'"
        raise ConfigError(f"{file}: {given}. {suggest(key or '', keys)}")
    return key
