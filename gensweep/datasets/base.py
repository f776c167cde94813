"""What every dataset is: three fixed splits of one shape, held as one tensor each."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal

import torch

from gensweep.component import Component

WORKING_FOLDER = "GENSWEEP_WORKING_FOLDER"  # tells a worker, which stands elsewhere, where the command was given
SplitName = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Splits:
    """The data in float32, each [n, *shape]. `digest` is the SHA-256 of their bytes, and part of every protocol."""

    train: torch.Tensor
    validation: torch.Tensor
    test: torch.Tensor
    digest: str

    def split(self, name: SplitName) -> torch.Tensor:
        """One split by name, [n, *shape]."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]


class Dataset(Component, ABC):
    """A source of data. Shape, bounds and levels are known without reading it, so that a search space can be checked first."""

    kind: ClassVar[str] = "datasets"
    is_of_classes: ClassVar[bool] = False
    """Whether its classes are part of what it is, so that baselines go by them. Those that a user has beside the data are for
    extractors alone: no key of a trial and no digest changes with them."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Of one item: (channels, height, width) for images, (dimensions,) for vectors."""

    @property
    @abstractmethod
    def bounds(self) -> tuple[float, float] | None:
        """The closed range of every value, or None where the data are unbounded."""

    @property
    def levels(self) -> int:
        """How many values there are from one bound to the other, evenly spaced, each number being one; 0: continuous."""
        return 0

    @property
    def cell(self) -> float:
        """The width of what one of the levels stands for, from the middle between it and the last to that to the next.

        0 where the data are continuous.
        """
        if self.bounds is None or not self.levels:
            return 0.0
        return (self.bounds[1] - self.bounds[0]) / (self.levels - 1)

    @property
    def line(self) -> str | None:
        """As the command line names it, `name,key=value`, with the fields that were given; None where it cannot."""
        given = self.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"name"})
        if any(isinstance(value, str) and not _is_plain(value) for value in given.values()):
            return None
        fields = (f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in given.items())
        return ",".join([self.name, *fields])

    def n_items(self) -> Mapping[SplitName, int] | None:
        """How many items each split has; None where that is not known before they are read.

        Raises:
            ConfigError: there are too few for these splits, or the files cannot be counted.
        """
        return None

    def problem(self) -> str | None:
        """Why the data cannot be loaded here, with the cures; None where they can. Reads no more than file names."""
        return None

    def left_unread(self) -> str | None:
        """Why `gensweep check` does not read the data, which would take long or fetch them; None where it does."""
        return None

    def modes(self) -> tuple[torch.Tensor, float] | None:
        """The centres [k, d] and the common σ where the data are a mixture of equally wide round Gaussians, else None."""
        return None

    def classes(self, split: SplitName) -> torch.Tensor | None:
        """The class of each item of `split`, [n], int64 from 0, read afresh; None where the data have no classes.

        They are no part of the data: no digest changes with them.

        Raises:
            ConfigError: they are missing or damaged; the message names the file and the cure.
        """
        return None

    def scaled(self, items: torch.Tensor, *, of_bytes: bool = False) -> torch.Tensor:
        """Items in the units of the source [n, *shape], at the scale that the data have been brought to.

        `of_bytes`: they are numbers from 0 to 255 that were saved as bytes.
        """
        return items

    @abstractmethod
    def read(self) -> Splits:
        """The splits, read afresh. Callers use `load`, which keeps them.

        Raises:
            ConfigError: the data are missing or damaged; the message names the file and the cure.
        """


def _is_plain(text: str) -> bool:
    """Whether a command line that says the text means it: it is no part of a list there, and no number."""
    try:
        json.loads(text)
    except ValueError:
        return not set(text) & set(',[]{}"') and text == text.strip()
    return False


@lru_cache(maxsize=4)
def load(dataset: Dataset) -> Splits:
    """The splits of `dataset`, read once a process and shared by every trial in it. Never write into them."""
    return dataset.read()
