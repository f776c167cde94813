"""The Parzen window: the training data, each blurred by a Gaussian."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field

from gensweep.families._fitted import fitted_game
from gensweep.families.base import Family, Fitted, Game, Likelihood, Setting
from gensweep.losses import Draw, Nets, Noise

_HELD_OUT = 1000  # at most, and at most a tenth of the items
_GRID = tuple(10 ** (-1 + k / 9) for k in range(10))
_AT_ONCE = 250  # rows of distances to all kernels


class Parzen(Family):
    """p(x) = (1/n) sum_j N(x; x_j, sigma^2 I) over the training items: the empirical distribution, smoothed.

    Maximum likelihood of a model on this distribution is the minimum of KL(p | model), at each fixed sigma. Smoothing
    is a bias: a Gaussian fitted to it has the variance of the data plus sigma^2. Where the data have bounds, values of
    samples that lie outside are moved onto them. Nothing is trained.

    Fields:
        sigma: standard deviation of each kernel in units of the data, >= 0; 0 chooses the best of ten from 0.1 to 1, in
            equal steps of its logarithm, by the likelihood of the last tenth of the training items (at most 1000)
            under the others.
        n_kernels: how many training items, from the first on, carry a kernel; 0 for all.

    Source: E. Parzen, "On Estimation of a Probability Density Function and Mode", 1962; I. Goodfellow et al.,
    "Generative Adversarial Networks", 2014, arXiv:1406.2661, section 5 and the authors' code (the choice of sigma).
    Differs: there sigma is chosen on the validation split, which is the judge here and stays unseen.
    """

    summary: ClassVar[str] = "kernel density estimate of the training data, with an exact likelihood"
    keeps_items: ClassVar[bool] = True
    paper: ClassVar[str] = "Parzen 1962"
    ignores: ClassVar[frozenset[str]] = frozenset({"latent_size", "network", "training"})

    name: Literal["parzen"] = "parzen"
    sigma: float = Field(0.0, ge=0, description="of each kernel, in units of the data; 0: chosen on held-out items")
    n_kernels: int = Field(10_000, ge=0, description="training items that carry a kernel; 0: all")

    def game(self, setting: Setting) -> Game:
        """No player."""

        def fit(data: torch.Tensor) -> Fitted:
            sigma = self.sigma or self._chosen(data)
            centres = data[: self.n_kernels or len(data)]

            def sample(nets: Nets, noise: Noise) -> torch.Tensor:
                item = (noise["item"] * len(centres)).long().clamp(max=len(centres) - 1)
                return setting.cut(centres[item].to(noise["item"]) + sigma * noise["observation"])

            exact = Likelihood(lambda _nets, x, _noise: log_density(x, centres, sigma), is_exact=True)
            return Fitted(sample, exact)

        return fitted_game(fit, {"item": Draw((), "uniform"), "observation": Draw(setting.shape)})

    def _chosen(self, data: torch.Tensor) -> float:
        held_out = min(_HELD_OUT, max(1, len(data) // 10))
        rest = data[:-held_out]
        centres = rest[: self.n_kernels or len(rest)]
        return max(_GRID, key=lambda sigma: float(log_density(data[-held_out:], centres, sigma).mean()))


def log_density(x: torch.Tensor, centres: torch.Tensor, sigma: float) -> torch.Tensor:
    """log (1/n) sum_j N(x_i; centres_j, sigma^2 I) of x [m, *shape] for centres [n, *shape], [m], in nats, float64."""
    flat, kernels = x.flatten(1).double(), centres.flatten(1).double()
    logs = [
        torch.logsumexp(-torch.cdist(rows, kernels).square() / (2 * sigma**2), 1)
        for rows in torch.split(flat, _AT_ONCE)
    ]
    constant = math.log(len(kernels)) + flat.shape[1] / 2 * math.log(2 * math.pi * sigma**2)
    return torch.cat(logs) - constant
