"""Items in a .npy or .npz file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field, model_validator

from gensweep.component import FilePath
from gensweep.datasets import _scaling
from gensweep.datasets._fractions import Fractions
from gensweep.datasets._scaling import Scale, Scaling
from gensweep.datasets._split import splits_of
from gensweep.datasets._store import SPLITS, Parts, stored
from gensweep.datasets.base import SplitName, Splits
from gensweep.files import arrays
from gensweep.progress import tell_once

_IN_MEMORY = 2**30
_LOOKED_AT = 10_000  # items, for a remark on their scale
_QUICK = 2**28  # bytes that are read in about two seconds


class Array(Fractions):
    """The rows of an array: numbers [n], vectors [n, d], or images [n, h, w], [n, c, h, w] or [n, h, w, c].

    Up to 1 GiB of float32 is read into memory. More is written once, in the order of the splits, into a file in
    GENSWEEP_CACHE that is mapped; a float32 .npy with `shuffle: false` is mapped itself and never copied.

    Fields: `path` of the file; `key` of the array in a .npz (null: its only one); `value_range` [low, high] that all
    values keep (null: bytes are divided by 255, other images lie in [0, 1] or [−1, 1] if their first thousand do, vectors
    are unbounded; integers within a range are so many grey levels, whole numbers stored as floating point are not);
    `scale`: none, the values as they are; minmax, the range (that of the training split where none is known) becomes
    [0, 1]; standardise, mean 0 and standard deviation 1 on the training split; each column of vectors by itself, all
    pixels of images alike;
    `labels`, a file of the class of each item [n], in the order of the items (FILE.npz:KEY picks an array of several),
    for `gensweep train-extractor`;
    `shuffle`, whether the items of a split are a random choice or, in the file's order, the first ones
    train and the last ones test; `validation` and `test`, fractions of the items; `seed` of the choice.

    Source: the format: NumPy enhancement proposal 1, "A simple file format for NumPy arrays", 2007.
    """

    name: Literal["array"] = "array"
    path: FilePath = Field(description="the .npy or .npz file")
    key: str | None = Field(None, description="of the array in a .npz; null: it has one only")
    value_range: tuple[float, float] | None = Field(
        None, description="[low, high] that every value keeps; null: inferred"
    )
    scale: Scale = Field(
        "none", description="minmax: to [0, 1]; standardise: to mean 0, deviation 1; fitted on the training split"
    )
    labels: FilePath | None = Field(
        None,
        exclude_if=lambda labels: labels is None,  # a sweep without them is what it was before there were any
        description="file of the class of each item, .npy, .npz or .npz:KEY; null: they have none",
    )
    shuffle: bool = Field(True, description="false: train, validation and test are consecutive parts of the file")

    @model_validator(mode="after")
    def _is_a_range(self) -> Array:
        if self.value_range and not -math.inf < self.value_range[0] < self.value_range[1] < math.inf:
            raise ValueError(f"value_range {list(self.value_range)} must be [low, high] with low < high")
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one item, from the file's header."""
        return self._items().shape

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The range, given or inferred from the type and the first thousand items; [0, 1] where it is scaled to that."""
        found = self.value_range or self._items().bounds
        return found if self.scale == "none" else _scaling.UNIT if found and self.scale == "minmax" else None

    @property
    def levels(self) -> int:
        """256 for bytes that are divided by 255; for other integers as many as their range has; 0 for floating point."""
        return self._items().levels if self.scale != "standardise" else 0

    def n_items(self) -> dict[SplitName, int]:
        """By the file's header."""
        return self.sizes(len(self._items().array), self.path)

    def problem(self) -> str | None:
        """Why there is no file."""
        files = [Path(self.path).expanduser(), *([self._labels_file()[0]] if self.labels else [])]
        lost = [str(file) for file in files if not file.is_file()]
        return f"dataset array: {', '.join(lost)}: no such file." if lost else None

    def classes(self, split: SplitName) -> torch.Tensor | None:
        """What the file `labels` says."""
        return None if self.labels is None else self._classes()[self._parts(len(self._items().array))[split]]

    def left_unread(self) -> str | None:
        """A large file."""
        size = Path(self.path).expanduser().stat().st_size
        return f"{self.path}: its {size / 1e6:,.0f} MB are read by `gensweep run`" if size > _QUICK else None

    def read(self) -> Splits:
        """The splits, each [n, *shape]."""
        items = self._items()
        n = len(items.array)
        parts = self._parts(n)
        if self.labels is not None:
            self._classes()  # so that a mistake in what the user says is known
        scaling = self._scaling(items, parts["train"])
        if scaling is None and not self.shuffle and items.is_plain:
            for _block in items.blocks(torch.arange(n)):
                pass  # each is checked as it is read
            whole = torch.from_numpy(items.array)
            splits = splits_of(*torch.split(whole, [len(parts[split]) for split in SPLITS]))
        else:
            splits = self._written(items, parts, scaling)
        if scaling is None and (said := _scaling.remark(splits.train[:_LOOKED_AT], self.bounds)):
            tell_once(f"{self.path}: {said}.")
        return splits

    def scaled(self, items: torch.Tensor, *, of_bytes: bool = False) -> torch.Tensor:
        """Items in the file's units [n, *shape] as `scale` says, fitted on the training split."""
        source = self._items()
        scaling = self._scaling(source, self._parts(len(source.array))["train"])
        return items if scaling is None else scaling(items.double() * (source.scale if of_bytes else 1.0))

    def _written(self, items: arrays.Items, parts: Parts, scaling: Scaling | None) -> Splits:
        """The splits in memory, or in the cache where they are large."""

        def blocks(chosen: torch.Tensor) -> Iterator[torch.Tensor]:
            # in float64 until they are scaled: seconds since 1970 are all alike in float32
            yield from items.blocks(chosen) if scaling is None else map(scaling, items.blocks(chosen, "float64"))

        if 4 * len(items.array) * math.prod(items.shape) <= _IN_MEMORY:
            return splits_of(*(torch.cat(list(blocks(parts[split]))) for split in SPLITS))
        state = items.file.stat()
        known = {"path": str(items.file.resolve()), "size": state.st_size, "time": state.st_mtime_ns, "version": 1}
        return stored({**self.model_dump(mode="json", exclude={"labels"}), **known}, items.shape, parts, blocks)

    def _parts(self, n: int) -> Parts:
        return self.parts(n, self.path, shuffle=self.shuffle)

    def _classes(self) -> torch.Tensor:
        """Of every item, in the file's order, [n]."""
        return arrays.open_classes(*self._labels_file(), len(self._items().array))

    def _labels_file(self) -> tuple[Path, str | None]:
        named = self.labels or ""
        file, _, key = named.partition(":") if ".npz:" in named else (named, "", "")
        return Path(file).expanduser(), key or None

    def _scaling(self, items: arrays.Items, train: torch.Tensor) -> Scaling | None:
        if self.scale == "none":
            return None
        if self.scale == "minmax" and items.bounds:
            return _scaling.within(*items.bounds)
        return _scaling.fitted(self.scale, items.blocks(train, "float64"))

    def _items(self) -> arrays.Items:
        return arrays.open_items(Path(self.path).expanduser(), self.key, self.value_range)
