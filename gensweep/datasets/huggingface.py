"""Images of a dataset on the Hugging Face hub, or saved by its library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import datasets  # type: ignore[import-not-found, import-untyped, unused-ignore]
import torch
from pydantic import Field

from gensweep.component import Location
from gensweep.datasets._fractions import Fractions
from gensweep.datasets._store import QUICK_IMAGE_BYTES, stored
from gensweep.datasets.base import SplitName, Splits
from gensweep.errors import ConfigError, suggest
from gensweep.files import pixels
from gensweep.progress import progress


class _OnTheHub(Location):
    """The name of a dataset on the hub, or a folder: one that is there, or a path that says that it is one."""

    def absolute(self, text: str, folder: Path) -> str:
        path = super().absolute(text, folder)
        return path if text.startswith((".", "/", "~")) or Path(path).is_dir() else text


_OF_CLASSES = frozenset({"string", "bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))})
_NO_CLASS = -1  # what the library's own sets say of items whose class is kept secret


class HuggingFace(Fractions):
    """The images in one column of a dataset that the library `datasets` can load, levels divided by 255.

    They are decoded once, into a file in GENSWEEP_CACHE that is mapped and not loaded, so that they may be larger than
    memory. What the hub gives may change: the digest of the pixels is part of every protocol.

    Fields: `path`, the dataset's name on the hub, or a folder that `save_to_disk` wrote; `subset`, its configuration
    (null: its only one); `split` of it to read, which is divided anew by `validation` and `test`; `column` of the images
    (null: the first one that holds images); `labels`, the column of the classes, for `gensweep train-extractor` (null: the
    first of the library's type ClassLabel, if there is one); `size`, of the square, in pixels, to which the largest square
    at the centre of each is resampled; `channels`, 1 (grey) or 3; `filter` of the resampling; `seed` of which image is in
    which split.

    Source: Q. Lhoest et al., "Datasets: a community library for natural language processing", 2021, arXiv:2109.02846.
    """

    name: Literal["huggingface"] = "huggingface"
    path: Annotated[str, _OnTheHub()] = Field(description="name on the hub, or a folder that save_to_disk wrote")
    subset: str | None = Field(None, description="configuration of the dataset; null: its only one")
    split: str = Field("train", description="split of the dataset to read")
    column: str | None = Field(None, description="column of the images; null: the first that holds images")
    labels: str | None = Field(
        None,
        exclude_if=lambda labels: labels is None,  # a sweep that names none is what it was before any could be named
        description="column of the classes; null: the first of type ClassLabel",
    )
    size: int = Field(ge=2, le=4096, description="height and width in pixels")
    channels: Literal[1, 3] = Field(3, description="1: grey, 3: red, green and blue")
    filter: pixels.Filter = Field("bicubic", description="how images are resampled to `size`")

    @property
    def shape(self) -> tuple[int, ...]:
        """(channels, size, size)."""
        return (self.channels, self.size, self.size)

    @property
    def bounds(self) -> tuple[float, float]:
        """Dark is 0, bright is 1."""
        return (0.0, 1.0)

    @property
    def levels(self) -> int:
        """8 bits, after resampling too."""
        return 256

    def classes(self, split: SplitName) -> torch.Tensor | None:
        """What the column of labels says."""
        table = self._table()
        every = self._labels_of(table)
        return None if every is None else every[self.parts(len(table), self.path)[split]]

    def left_unread(self) -> str | None:
        """What is on the hub, and many or large images that the library has saved."""
        folder = Path(self.path).expanduser()
        if not folder.is_dir():
            return f"{self.path} is fetched from the Hugging Face hub, or from its cache, by `gensweep run`"
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        return (
            f"{self.path}: its {size / 1e6:,.0f} MB are decoded by `gensweep run`" if size > QUICK_IMAGE_BYTES else None
        )

    def read(self) -> Splits:
        """The splits, each [n, channels, size, size] in [0, 1]; the first time takes about a millisecond an image."""
        table = self._table()
        column = self._column(table)
        form = pixels.Form(self.channels, self.size, self.filter)

        def read(chosen: torch.Tensor) -> Iterator[torch.Tensor]:
            for index in progress(chosen.tolist(), "decoding images"):
                yield self._image(table, index, column, form)

        if self.labels is not None:
            self._labels_of(table)  # so that a mistake in what the user says is known
        own = self.model_dump(mode="json", exclude={"labels"})
        content = {**own, "fingerprint": table._fingerprint, "version": 2}
        return stored(content, self.shape, self.parts(len(table), self.path), read)

    def _table(self) -> Any:
        try:
            folder = Path(self.path).expanduser()
            if not folder.is_dir():
                return datasets.load_dataset(self.path, name=self.subset, split=self.split)
            found = datasets.load_from_disk(str(folder))
        except Exception as error:  # the library raises errors of a dozen other libraries
            raise ConfigError(
                f"dataset huggingface: {self.path} (split {self.split}) cannot be loaded: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(found, dict):
            return found
        if self.split not in found:
            raise ConfigError(f"{self.path}: no split '{self.split}'. {suggest(self.split, found)}")
        return found[self.split]

    def _column(self, table: Any) -> str:
        images = [name for name, feature in table.features.items() if isinstance(feature, datasets.Image)]
        column = self.column or next(iter(images), None)
        if column not in images:
            given = f"column '{self.column}' holds no images" if self.column else "no column holds images"
            raise ConfigError(f"{self.path}: {given}. Those that do: {', '.join(images) or 'none'}.")
        return str(column)

    def _labels_of(self, table: Any) -> torch.Tensor | None:
        """The class of every item, [n], from 0; None where no column is of classes, or some items have none."""
        kinds = {
            name: feature for name, feature in table.features.items() if getattr(feature, "dtype", "") in _OF_CLASSES
        }
        of_classes = [name for name, feature in kinds.items() if isinstance(feature, datasets.ClassLabel)]
        column = self.labels or next(iter(of_classes), None)
        if column is None:
            return None
        if column not in kinds:
            raise ConfigError(f"{self.path}: column '{column}' holds no classes. {suggest(column, kinds)}")
        given = table[column][:]
        if any(label is None or label == _NO_CLASS for label in given):
            if self.labels is None:
                return None
            raise ConfigError(f"{self.path}: column '{column}': some items have no class. Leave `labels` out.")
        numbers = {label: number for number, label in enumerate(sorted(set(given)))}
        return torch.tensor([numbers[label] for label in given])

    def _image(self, table: Any, index: int, column: str, form: pixels.Form) -> torch.Tensor:
        try:
            return pixels.as_tensor(table[index][column], form)
        except (OSError, SyntaxError, ValueError, EOFError, AttributeError) as error:
            raise ConfigError(f"{self.path}: item {index}: no image, or a corrupt one ({error}).") from error
