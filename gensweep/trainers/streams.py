"""The random numbers of a trial, as pure functions of its seed and a position.

Data order and noise are drawn on the CPU, outside the loss, in chunks: the same numbers on every device, and nothing to
save for a resume but the position.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from gensweep.devices import moved
from gensweep.families.base import Game
from gensweep.losses import Draw
from gensweep.seeding import derive

_MOST_ROUNDS = 32
_MOST_NUMBERS = 2**22  # of float32 in one chunk: 16 MiB


def draw(draw: Draw, seed: int, *leading: int) -> torch.Tensor:
    """Random numbers of shape [*leading, *draw.shape], float32, from a generator of their own."""
    generator = torch.Generator().manual_seed(seed)
    shape = (*leading, *draw.shape)
    return torch.randn(shape, generator=generator) if draw.law == "normal" else torch.rand(shape, generator=generator)


class BatchOrder:
    """Which items make batch number b: a new permutation each pass, its incomplete last batch left out."""

    def __init__(self, seed: int, n_items: int, batch_size: int) -> None:
        self.seed, self.n_items, self.batch_size = seed, n_items, batch_size
        self.per_pass = n_items // batch_size
        self._pass, self._permutation = -1, torch.empty(0, dtype=torch.long)

    def batch(self, number: int) -> torch.Tensor:
        """The indices of batch `number`, counted from 0 over all passes: [batch_size], on the CPU."""
        which, position = divmod(number, self.per_pass)
        if which != self._pass:
            generator = torch.Generator().manual_seed(derive(self.seed, "order", which))
            self._permutation, self._pass = torch.randperm(self.n_items, generator=generator), which
        return self._permutation[position * self.batch_size : (position + 1) * self.batch_size]

    def batches(self, first: int, n: int) -> torch.Tensor:
        """The indices of n batches from `first` on: [n, batch_size]."""
        return torch.stack([self.batch(first + i) for i in range(n)])


class NoiseChunks:
    """What the players of a game ask for, drawn for `rounds` rounds at a time."""

    def __init__(self, seed: int, game: Game) -> None:
        self.seed, self.game = seed, game
        a_round = sum(
            player.moves * math.prod(wanted.shape) for player in game.players for wanted in player.noise.values()
        )
        self.rounds = max(1, min(_MOST_ROUNDS, _MOST_NUMBERS // max(1, a_round)))
        self._number, self._drawn = -1, dict[str, dict[str, torch.Tensor]]()

    def chunk(self, number: int, device: torch.device) -> dict[str, dict[str, torch.Tensor]]:
        """Chunk `number`: player -> name -> [rounds, moves, *shape]. The last one is kept."""
        if number != self._number:
            self._drawn = {p.name: self._of(p.noise, p.name, p.moves, number, device) for p in self.game.players}
            self._number = number
        return self._drawn

    def _of(
        self, noise: Mapping[str, Draw], player: str, moves: int, number: int, device: torch.device
    ) -> dict[str, torch.Tensor]:
        seeds = {name: derive(self.seed, "noise", player, name, number) for name in noise}
        return {name: moved(draw(noise[name], seeds[name], self.rounds, moves), device) for name in noise}
