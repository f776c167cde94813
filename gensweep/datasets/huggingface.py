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
from gensweep.datasets.base import Splits
from gensweep.errors import ConfigError, suggest
from gensweep.files import pixels
from gensweep.progress import progress


class _OnTheHub(Location):
    """The name of a dataset on the hub, or a folder: one that is there, or a path that says that it is one."""

    def absolute(self, text: str, folder: Path) -> str:
        path = super().absolute(text, folder)
        return path if text.startswith((".", "/", "~")) or Path(path).is_dir() else text


class HuggingFace(Fractions):
    """The images in one column of a dataset that the library `datasets` can load, levels divided by 255.

    They are decoded once, into a file in GENSWEEP_CACHE that is mapped and not loaded, so that they may be larger than
    memory. What the hub gives may change: the digest of the pixels is part of every protocol.

    Fields: `path`, the dataset's name on the hub, or a folder that `save_to_disk` wrote; `subset`, its configuration
    (null: its only one); `split` of it to read, which is divided anew by `validation` and `test`; `column` of the images
    (null: the first one that holds images); `size`, of the square, in pixels, to which the largest square at the centre
    of each is resampled; `channels`, 1 (grey) or 3; `filter` of the resampling; `seed` of which image is in which split.

    Source: Q. Lhoest et al., "Datasets: a community library for natural language processing", 2021, arXiv:2109.02846.
    """

    name: Literal["huggingface"] = "huggingface"
    path: Annotated[str, _OnTheHub()] = Field(description="name on the hub, or a folder that save_to_disk wrote")
    subset: str | None = Field(None, description="configuration of the dataset; null: its only one")
    split: str = Field("train", description="split of the dataset to read")
    column: str | None = Field(None, description="column of the images; null: the first that holds images")
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

        content = {**self.dump(), "fingerprint": table._fingerprint, "version": 2}
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

    def _image(self, table: Any, index: int, column: str, form: pixels.Form) -> torch.Tensor:
        try:
            return pixels.as_tensor(table[index][column], form)
        except (OSError, SyntaxError, ValueError, EOFError, AttributeError) as error:
            raise ConfigError(f"{self.path}: item {index}: no image, or a corrupt one ({error}).") from error
