"""The baseline that knows nothing but the range."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch

from gensweep.families._fitted import fitted_game
from gensweep.families.base import Family, Fitted, Game, Setting
from gensweep.losses import Draw, Nets, Noise


class UniformNoise(Family):
    """Every value uniform on the range of the data: its bounds, or the smallest box around the training items.

    What a score is worth is seen between this and the training data themselves. Nothing is trained.

    Source: none; the rows of reference of every comparison.
    """

    summary: ClassVar[str] = "baseline: uniform noise on the range of the data"
    paper: ClassVar[str] = "none"
    ignores: ClassVar[frozenset[str]] = frozenset({"latent_size", "network", "training"})

    name: Literal["uniform_noise"] = "uniform_noise"

    def game(self, setting: Setting) -> Game:
        """No player."""

        def fit(data: torch.Tensor) -> Fitted:
            low, high = (data.amin(0), data.amax(0)) if setting.bounds is None else map(torch.tensor, setting.bounds)

            def sample(nets: Nets, noise: Noise) -> torch.Tensor:
                u = noise["values"]
                return low.to(u) + (high - low).to(u) * u

            return Fitted(sample)

        return fitted_game(fit, {"values": Draw(setting.shape, "uniform")})
