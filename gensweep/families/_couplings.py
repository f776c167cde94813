"""The module of a normalising flow of affine couplings."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from gensweep.networks._layers import Perceptron


class Couplings(nn.Module):
    """y [n, d] -> z [n, d] and log |det dz/dy| [n]: couplings that take turns over the even and the odd dimensions.

    Each keeps one half b and moves the other: a' = a exp(s(b)) + t(b), with s = bound tanh(r(b)). All start at the
    identity, because the last layers of the perceptrons for (r, t) start at zero.
    """

    def __init__(
        self, n_dimensions: int, n_couplings: int, hidden: Sequence[int], activation: str, bound: float
    ) -> None:
        super().__init__()
        halves = list(range(0, n_dimensions, 2)), list(range(1, n_dimensions, 2))
        self.kept = [halves[k % 2] for k in range(n_couplings)]
        self.moved = [halves[1 - k % 2] for k in range(n_couplings)]
        self.bound = bound
        # where dimension i of (kept, moved) laid side by side comes from
        self.back = [_inverse(kept + moved) for kept, moved in zip(self.kept, self.moved, strict=True)]
        self.nets = nn.ModuleList(
            Perceptron(len(kept), hidden, (2, len(moved)), activation, "none")
            for kept, moved in zip(self.kept, self.moved, strict=True)
        )
        for net in self.nets:
            nn.init.zeros_(net.layers[-1].weight)  # type: ignore[union-attr, index]

    def forward(self, y: torch.Tensor, *, invert: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        """z and log |det dz/dy|; inverted, from z, the y and the log |det dy/dz|."""
        log_determinant = torch.zeros_like(y[:, 0])
        for k in reversed(range(len(self.nets))) if invert else range(len(self.nets)):
            kept, moved = y[:, self.kept[k]], y[:, self.moved[k]]
            raw, t = self.nets[k](kept).to(y.dtype).unbind(1)  # the perceptron's may be bfloat16
            s = self.bound * torch.tanh(raw)
            moved, change = ((moved - t) * torch.exp(-s), -s) if invert else (moved * torch.exp(s) + t, s)
            y = torch.cat([kept, moved], 1)[:, self.back[k]]
            log_determinant = log_determinant + change.sum(1)
        return y, log_determinant


def _inverse(order: list[int]) -> list[int]:
    return sorted(range(len(order)), key=order.__getitem__)
