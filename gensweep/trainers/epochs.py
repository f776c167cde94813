"""The count of a training: which round ends which epoch, and what the rounds of an epoch come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from gensweep.errors import Diverged
from gensweep.families.base import Limit


class Epochs:
    """Passes over the data, in rounds of `per_round` batches each: an epoch ends with the round that ends its pass.

    Where a round is more than a pass, the last of the epochs that end with it counts, and the others are not told of.
    """

    def __init__(self, epochs: int, per_pass: int, per_round: int) -> None:
        self.ends = [-(-epoch * per_pass // per_round) for epoch in range(epochs + 1)]

    @property
    def rounds(self) -> int:
        """Of all epochs."""
        return self.ends[-1]

    def after(self, step: int) -> int | None:
        """The epoch that ends next where `step` rounds have been played; None where all have ended."""
        end = next((end for end in self.ends if end > step), None)
        return None if end is None else max(epoch for epoch, other in enumerate(self.ends) if other == end)


class Means:
    """Means of the parts over an epoch, those of its last round, and the watch for the first value that has no future."""

    def __init__(self, limits: Mapping[str, Limit]) -> None:
        self._limits = limits
        self.last: dict[str, float] = {}
        self._sums: dict[str, float] = {}
        self._count = 0

    def add(self, names: Sequence[str], values: torch.Tensor, first: int) -> None:
        """Take the rounds of a chunk, which began at step `first`: [rounds, parts], float64 and on the CPU.

        Raises:
            Diverged: a value is not finite, or beyond its limit.
        """
        bad = (~torch.isfinite(values)).nonzero()
        if len(bad):
            row, column = bad[0].tolist()
            raise Diverged(f"{names[column]} became {values[row, column].item()}", first + row + 1)
        for name, limit in self._limits.items():
            sizes = values[:, [i for i, other in enumerate(names) if other == name]].abs()
            beyond = (sizes > limit.largest).nonzero()
            if len(beyond):
                row = int(beyond[0, 0])
                value = values[row, names.index(name)].item()
                raise Diverged(f"{name} became {value:.3g}: {limit.meaning}", first + row + 1)
        for name, total in zip(names, values.sum(0).tolist(), strict=True):
            self._sums[name] = self._sums.get(name, 0.0) + total
        self.last = dict(zip(names, values[-1].tolist(), strict=True))
        self._count += len(values)

    def means(self) -> dict[str, float]:
        """Name -> mean."""
        return {name: total / max(1, self._count) for name, total in self._sums.items()}
