"""Codes of fewer dimensions among codes of more: every tensor of a trial with zeros where its code has no dimension.

Where a family says that its codes may be padded, the zeros stay zeros and change nothing: a weight that sees a dimension
that is always 0 gets no gradient, and one that makes it neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch


class Padding(NamedTuple):
    """From latent size `own` to `wide`, and back.

    An axis that differs is of k * own and k * wide numbers: k blocks, each of which gets its zeros at its end, as the means
    and the log variances that one layer gives.
    """

    own: int
    wide: int

    def out(self, value: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
        """The value in the shape that it has at the wide latent size.

        Raises:
            ValueError: it does not become that shape by zeros.
        """
        self._blocks(value.shape, shape)
        for axis, (n, m) in enumerate(zip(value.shape, shape, strict=True)):
            if n != m:
                blocks = value.reshape(*value.shape[:axis], n // self.own, self.own, *value.shape[axis + 1 :])
                zeros = blocks.new_zeros(*blocks.shape[: axis + 1], self.wide - self.own, *blocks.shape[axis + 2 :])
                value = torch.cat([blocks, zeros], axis + 1).flatten(axis, axis + 1)
        return value

    def back(self, value: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
        """The inverse, to the shape at its own latent size."""
        self._blocks(shape, value.shape)
        for axis, n in enumerate(shape):
            if n != value.shape[axis]:
                blocks = value.reshape(*value.shape[:axis], n // self.own, self.wide, *value.shape[axis + 1 :])
                value = blocks.narrow(axis + 1, 0, self.own).flatten(axis, axis + 1)
        return value

    def fits(self, shape: Sequence[int], wide: Sequence[int]) -> bool:
        """Whether values of the one shape become those of the other by zeros."""
        try:
            self._blocks(shape, wide)
        except ValueError:
            return False
        return True

    def _blocks(self, shape: Sequence[int], wide: Sequence[int]) -> None:
        if tuple(shape) == tuple(wide):
            return
        may = self.own and self.own < self.wide and len(shape) == len(wide)
        if not (may and all(self._is_grown(n, m) for n, m in zip(shape, wide, strict=True) if n != m)):
            raise ValueError(f"values of shape {tuple(shape)} are not of shape {tuple(wide)} with zeros")

    def _is_grown(self, n: int, m: int) -> bool:
        return n % self.own == 0 and m * self.own == n * self.wide


NO_PADDING = Padding(0, 0)
