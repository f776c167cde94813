"""Games that nobody plays: models that are computed from the training split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch

from gensweep.families.base import Fitted, Game
from gensweep.losses import Draw, Nets, Noise


def fitted_game(fit: Callable[[torch.Tensor], Fitted], noise: Mapping[str, Draw]) -> Game:
    """The game without players of a model that is fitted to the training split [n, *shape].

    The model computes where that split lies, which may be the CPU while noise and items are on an accelerator.
    """

    def unfitted(nets: Nets, noise: Noise) -> torch.Tensor:
        raise AssertionError("a game without players is fitted before it is sampled")

    return Game({}, (), unfitted, noise, fit=lambda _nets, data: _beside(fit(data), data.device))


def _beside(model: Fitted, device: torch.device) -> Fitted:
    """The model, with what it is given moved to `device` and what it answers moved back."""

    def sample(nets: Nets, noise: Noise) -> torch.Tensor:
        back = next(iter(noise.values())).device
        return model.sample(nets, {name: values.to(device) for name, values in noise.items()}).to(back)

    def evaluate(nets: Nets, x: torch.Tensor, noise: Noise) -> torch.Tensor:
        assert model.likelihood is not None
        return model.likelihood.evaluate(nets, x.to(device), noise).to(x.device)

    likelihood = model.likelihood and replace(model.likelihood, evaluate=evaluate)
    return Fitted(sample, likelihood)


def chosen(uniform: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Indices [n] drawn with `weights` [k], which sum to 1, by inverting their distribution at `uniform` [n]."""
    last = len(weights) - 1  # rounding may leave the sum below a draw close to 1
    return torch.searchsorted(weights.cumsum(0).to(uniform.dtype), uniform.contiguous(), right=True).clamp(max=last)
