"""Games that nobody plays: models that are computed from the training split."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from gensweep.divergences.base import Draw, Nets, Noise
from gensweep.families.base import Fitted, Game


def fitted_game(fit: Callable[[torch.Tensor], Fitted], noise: Mapping[str, Draw]) -> Game:
    """The game without players of a model that is fitted to the training split [n, *shape]."""

    def unfitted(nets: Nets, noise: Noise) -> torch.Tensor:
        raise AssertionError("a game without players is fitted before it is sampled")

    return Game({}, (), unfitted, noise, fit=lambda _nets, data: fit(data))


def chosen(uniform: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Indices [n] drawn with `weights` [k], which sum to 1, by inverting their distribution at `uniform` [n]."""
    last = len(weights) - 1  # rounding may leave the sum below a draw close to 1
    return torch.searchsorted(weights.cumsum(0).to(uniform.dtype), uniform.contiguous(), right=True).clamp(max=last)
