"""What the datasets of the user's own files share: which items are whose, as a fixed random choice."""

from __future__ import annotations

import torch
from pydantic import Field, model_validator

from gensweep.datasets._split import permutation
from gensweep.datasets._store import Parts
from gensweep.datasets.base import Dataset, SplitName
from gensweep.errors import ConfigError


class Fractions(Dataset):
    """A dataset that is divided by fractions. The choice depends on the number of items and on `seed` only."""

    validation: float = Field(0.1, gt=0, lt=1, description="fraction of the items that validate")
    test: float = Field(0.1, gt=0, lt=1, description="fraction of the items that test")
    seed: int = Field(0, ge=0, description="seed of the choice of items; not the trial's seed")

    @model_validator(mode="after")
    def _leaves_some_to_train(self) -> Fractions:
        if self.validation + self.test >= 1:
            raise ValueError(f"validation + test = {self.validation + self.test:g} leaves nothing to train on")
        return self

    def sizes(self, n: int, where: str) -> dict[SplitName, int]:
        """How many of n items each split has. `where` is for the message.

        Raises:
            ConfigError: a split would have fewer than two items.
        """
        held_out: dict[SplitName, int] = {"validation": round(n * self.validation), "test": round(n * self.test)}
        sizes: dict[SplitName, int] = {**held_out, "train": n - sum(held_out.values())}
        if min(sizes.values()) < 2:
            raise ConfigError(
                f"{where}: {n} items in fractions {self.validation:g} and {self.test:g} give "
                + ", ".join(f"{size} to {split}" for split, size in sizes.items())
                + ". Each split needs two or more: give more items or other fractions."
            )
        return sizes

    def parts(self, n: int, where: str, *, shuffle: bool = True) -> Parts:
        """The indices of each split's items, of n in all. `where` is for the message.

        Raises:
            ConfigError: a split would have fewer than two items.
        """
        sizes = self.sizes(n, where)
        order = permutation(n, self.seed) if shuffle else torch.arange(n)
        train, validation, test = torch.split(order, [sizes["train"], sizes["validation"], sizes["test"]])
        return {"train": train, "validation": validation, "test": test}
