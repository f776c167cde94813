"""Conditionals of each value from those before it, as a masked network gives them: their likelihood, and their samples."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import nn

from gensweep.families._in_turn import State, column, in_turn
from gensweep.families._masked import MADE, GatedPixelCNN
from gensweep.losses import Noise


class Conditionals(Protocol):
    """What samples from its conditionals."""

    def sample(self, noise: Noise) -> torch.Tensor:
        """Items [n, *shape] from noise."""


class LevelConditionals(nn.Module):
    """P(level of value i | values before it) for items [n, *shape] within bounds, as logits over the levels.

    `levels` are the model's and the data's own. A value is on the nearest of the data's, and so on the nearest of the
    model's to that. A level stands for the cells of all of the data's levels that are on it. Where the data have none (0)
    a level is one of so many cells of equal width that fill the range, and samples are uniform within it.
    """

    level_of: torch.Tensor
    log_volume: torch.Tensor

    def __init__(
        self,
        network: MADE | GatedPixelCNN,
        shape: tuple[int, ...],
        bounds: tuple[float, float],
        levels: tuple[int, int],
    ) -> None:
        super().__init__()
        self.network, self.shape, self.bounds = network, shape, bounds
        self.n_levels, n_own = levels
        self.n_cells = n_own or self.n_levels
        own = torch.arange(self.n_cells, dtype=torch.float64)
        level_of = torch.round(own * (self.n_levels - 1) / (self.n_cells - 1))
        cells = torch.bincount(level_of.long(), minlength=self.n_levels)
        low, high = bounds
        self.is_grid = n_own > 0
        self.first = low if self.is_grid else low + (high - low) / (2 * self.n_cells)  # the middle of the first cell
        self.register_buffer("level_of", level_of.float(), persistent=False)  # of each cell
        self.register_buffer("log_volume", (self._width(self.n_cells) * cells).log().float(), persistent=False)

    def _width(self, n: int) -> float:
        """From the middle of one of n cells to that of the next, in units of the data."""
        return (self.bounds[1] - self.bounds[0]) / (n - 1 if self.is_grid else n)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """log p(x) of x [n, *shape] spread over its cells, [n], in nats."""
        own = torch.round((x - self.first) / self._width(self.n_cells)).clamp(0, self.n_cells - 1).detach()
        level = self.level_of[own.long()].to(x.dtype)
        logits, chosen = self.logits(level), level.flatten(1).long()
        log_p = torch.gather(torch.log_softmax(logits, -1), -1, chosen[..., None])[..., 0]
        return (log_p - self.log_volume[chosen]).sum(1)

    def logits(self, level: torch.Tensor) -> torch.Tensor:
        """[n, d, n_levels] for levels [n, *shape]."""
        centred = self._centred(level)
        logits: torch.Tensor = self.network(centred if len(self.shape) == 3 else centred.flatten(1))
        return logits.to(level.dtype)  # the network's may be bfloat16, in which a sum over many values is no likelihood

    @torch.no_grad()
    def sample(self, noise: Noise) -> torch.Tensor:
        """Items [n, *shape], value by value, from `uniform` noise [n, d]."""
        level, within = (self._in_one_loop if torch.compiler.is_exporting() else self._read)(noise["uniform"])
        x = self.first + self._width(self.n_levels) * (level + within).reshape(-1, *self.shape)
        return x.clamp(*self.bounds)

    def _read(self, uniform: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The level of each value and where it lies within, each [n, d]."""
        level, within = torch.zeros_like(uniform), torch.zeros_like(uniform)
        reader = self.network.reader(level.reshape(-1, *self.shape) if len(self.shape) == 3 else level)
        for i in range(uniform.shape[1]):
            level[:, i], within[:, i] = self._drawn(reader.answer().to(uniform.dtype), uniform[:, i])
            reader.put(self._centred(level[:, i]))
        return level, within

    def _in_one_loop(self, uniform: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The same, by a whole pass of the network for every value."""

        def following(i: torch.Tensor, state: State) -> State:
            logits = self.logits(state[0].reshape(-1, *self.shape))
            return self._drawn(column(logits, i), column(uniform, i))

        level, within = in_turn((torch.zeros_like(uniform), torch.zeros_like(uniform)), following)
        return level, within

    def _drawn(self, logits: torch.Tensor, uniform: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The level of one value and where it lies within, each [n], from logits [n, n_levels] and noise [n]."""
        p, u = torch.softmax(logits, -1), uniform[:, None]
        cumulated = p.cumsum(-1)
        chosen = (cumulated < u).sum(-1, keepdim=True).clamp(max=self.n_levels - 1)
        level = chosen[:, 0].to(logits.dtype)
        if self.is_grid:
            return level, torch.zeros_like(level)
        # what is left of the noise within the step of the distribution function is uniform
        over = torch.gather(cumulated, -1, chosen) - u
        return level, 0.5 - (over / torch.gather(p, -1, chosen))[:, 0].clamp(0, 1)

    def _centred(self, level: torch.Tensor) -> torch.Tensor:
        """Levels as the network sees them, in [-1, 1]."""
        return 2 * level / (self.n_levels - 1) - 1


class MixtureConditionals(nn.Module):
    """p(value i | values before it) for unbounded items [n, *shape], each a mixture of k Gaussians."""

    def __init__(self, network: nn.Module, shape: tuple[int, ...], k: int) -> None:
        super().__init__()
        self.network, self.shape, self.k = network, shape, k

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """log p(x) of x [n, *shape], [n], in nats."""
        flat = x.flatten(1)
        log_weights, means, log_scales = self._mixture(flat)
        scaled = (flat[..., None] - means) * torch.exp(-log_scales)
        logs = log_weights - log_scales - 0.5 * scaled.square() - 0.5 * math.log(2 * math.pi)
        return torch.logsumexp(logs, -1).sum(1)

    def sample(self, noise: Noise) -> torch.Tensor:
        """Items [n, *shape], value by value, from `uniform` (which component) and `normal` noise, each [n, d]."""
        uniform, normal = noise["uniform"], noise["normal"]
        if torch.compiler.is_exporting():
            (x,) = in_turn((torch.zeros_like(normal),), lambda i, state: (
                self._drawn(*(column(part, i) for part in (*self._mixture(state[0]), uniform, normal))),))  # fmt: skip
            return x.reshape(-1, *self.shape)
        x = torch.zeros_like(normal)
        for i in range(normal.shape[1]):
            value = self._drawn(*(part[:, i] for part in (*self._mixture(x), uniform, normal)))
            x = torch.cat([x[:, :i], value[:, None], x[:, i + 1 :]], 1)
        return x.reshape(-1, *self.shape)

    def _drawn(
        self,
        log_weights: torch.Tensor,
        means: torch.Tensor,
        log_scales: torch.Tensor,
        uniform: torch.Tensor,
        normal: torch.Tensor,
    ) -> torch.Tensor:
        """One value [n] from the mixtures [n, k] and noise [n]."""
        cumulated = torch.exp(log_weights).cumsum(-1)
        component = (cumulated < uniform[:, None]).sum(-1, keepdim=True).clamp(max=self.k - 1)
        mean, scale = means.gather(1, component)[:, 0], torch.exp(log_scales.gather(1, component)[:, 0])
        return mean + scale * normal

    def _mixture(self, flat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Log weights, means and log scales, each [n, d, k]."""
        logits, means, log_scales = torch.chunk(self.network(flat).to(flat.dtype), 3, -1)
        # at e^-7 of a unit a density is a spike on one training value, and its gradient overflows soon after
        return torch.log_softmax(logits, -1), means, log_scales.clamp(min=-7)
