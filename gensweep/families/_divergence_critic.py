"""The player that learns a divergence: shared by every family that takes one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import torch

from gensweep.divergences.base import Divergence
from gensweep.families.base import Player
from gensweep.losses import Draw, Knobs, Loss, Nets, Noise, Parameters, scoped

Samples: TypeAlias = Callable[[Nets, torch.Tensor, Noise], tuple[torch.Tensor, torch.Tensor]]


def critic_of(
    divergence: Divergence, dimensions: int, samples: Samples, draws: Mapping[str, Draw]
) -> tuple[dict[str, torch.nn.Module], tuple[Player, ...]]:
    """The networks of a divergence's critic and the player that trains it; none of either where it has no critic.

    `samples(nets, batch, noise)` gives the model's and the target's, each [n, dimensions]. The divergence's noise and
    knobs stand under `divergence.` among the family's.
    """
    critics, state = divergence.critics(dimensions), divergence.critic_state()
    if not critics:
        return {}, ()

    def loss(nets: Nets, batch: torch.Tensor, noise: Noise, knobs: Knobs) -> Loss:
        x, y = samples(nets, batch, noise)
        own = scoped(noise, "divergence"), scoped(knobs, "divergence")
        return Loss(*divergence.critic_loss(x.detach(), y, nets, *own))

    def correct(parameters: Parameters, parts: Mapping[str, torch.Tensor], knobs: Knobs) -> Parameters:
        return divergence.after_critic_move(parameters, parts, scoped(knobs, "divergence"))

    player = Player(
        "critic",
        tuple(critics),
        loss,
        draws,
        moves=divergence.n_critic_moves,
        lr_ratio=divergence.critic_lr_ratio,
        after_move=correct,
        corrects=(*critics, *state),
    )
    return {**critics, **state}, (player,)
