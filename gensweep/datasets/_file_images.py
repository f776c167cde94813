"""What datasets share whose images come in files with known digests."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

from gensweep.datasets._files import FileSet
from gensweep.datasets.base import Dataset


class FileImages(Dataset, ABC):
    """Images of 8 bits in `files`, which are looked for in `path`, or in the usual places where that is null."""

    files: ClassVar[FileSet]

    path: str | None

    @property
    def bounds(self) -> tuple[float, float]:
        """Dark is 0, bright is 1."""
        return (0.0, 1.0)

    @property
    def levels(self) -> int:
        """8 bits."""
        return 256

    def problem(self) -> str | None:
        """Why the files cannot be read, with the cures."""
        return None if self.files.find(self.path) else self.files.missing(self.path)
