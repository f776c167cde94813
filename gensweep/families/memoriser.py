"""The baseline that repeats its training data."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field

from gensweep.families._fitted import fitted_game
from gensweep.families.base import Family, Fitted, Game, Setting
from gensweep.losses import Draw, Nets, Noise


class Memoriser(Family):
    """Samples are training items, drawn with replacement: Q = (1/n) sum_i delta(x_i).

    A metric that ranks it above every model cannot see overfitting. Nothing is trained.

    Fields:
        n_items: how many of the training items, from the first on, it remembers; 0 for all.

    Source: D. Lopez-Paz, M. Oquab, "Revisiting Classifier Two-Sample Tests", 2017, arXiv:1610.06545, section 1, on
    models that memorise; the rows of reference of every comparison.
    """

    summary: ClassVar[str] = "baseline: repeats training items"
    keeps_items: ClassVar[bool] = True
    paper: ClassVar[str] = "Lopez-Paz and Oquab 2017, arXiv:1610.06545"
    ignores: ClassVar[frozenset[str]] = frozenset({"latent_size", "network", "training"})

    name: Literal["memoriser"] = "memoriser"
    n_items: int = Field(0, ge=0, description="how many training items it remembers; 0: all")

    def game(self, setting: Setting) -> Game:
        """No player."""

        def fit(data: torch.Tensor) -> Fitted:
            memory = data[: self.n_items or len(data)]

            def sample(nets: Nets, noise: Noise) -> torch.Tensor:
                return memory[(noise["item"] * len(memory)).long().clamp(max=len(memory) - 1)].to(noise["item"])

            return Fitted(sample)

        return fitted_game(fit, {"item": Draw((), "uniform")})
