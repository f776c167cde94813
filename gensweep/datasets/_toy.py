"""What the toys share: fields for the sizes, and one stream of draws a split."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from pydantic import Field

from gensweep.datasets._split import splits_of
from gensweep.datasets.base import Dataset, SplitName, Splits
from gensweep.seeding import derive


class Toy(Dataset):
    """Independent draws from a law that is written down. A split's size changes no other split."""

    n_train: int = Field(10_000, ge=2, description="training items")
    n_validation: int = Field(2_000, ge=2, description="validation items")
    n_test: int = Field(2_000, ge=2, description="test items")
    seed: int = Field(0, ge=0, description="seed of the draws; not the trial's seed")

    @property
    def shape(self) -> tuple[int, ...]:
        """A point in the plane."""
        return (2,)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """None: the noise is Gaussian."""
        return None

    def n_items(self) -> dict[SplitName, int]:
        """As the fields say."""
        return {"train": self.n_train, "validation": self.n_validation, "test": self.n_test}

    @abstractmethod
    def draw(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """Draws from the law, n of them: [n, *shape], float64."""

    def read(self) -> Splits:
        """The splits, each [n, *shape]."""
        name = self.name
        return splits_of(*(self._split(n, derive(self.seed, name, part)) for part, n in self.n_items().items()))

    def _split(self, n: int, seed: int) -> torch.Tensor:
        return self.draw(n, torch.Generator().manual_seed(seed)).float().contiguous()


def around(centres: torch.Tensor, sigma: float, n: int, generator: torch.Generator) -> torch.Tensor:
    """Draws [n, d] from the mixture, in equal parts, of N(c, σ²I) over the rows c of centres [k, d]; float64."""
    chosen = centres.double()[torch.randint(len(centres), (n,), generator=generator)]
    return chosen + sigma * normal(chosen.shape, generator)


def normal(shape: torch.Size | tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Standard normal numbers, float64."""
    return torch.randn(shape, dtype=torch.float64, generator=generator)


def angles(n: int, low: float, high: float, generator: torch.Generator) -> torch.Tensor:
    """Uniform angles between `low` and `high` half turns, [n], float64, in radians."""
    return math.pi * (low + (high - low) * torch.rand(n, dtype=torch.float64, generator=generator))
