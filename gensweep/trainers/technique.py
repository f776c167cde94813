"""How players are trained besides their optimiser: the options of `training`, and the running mean of the weights."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from gensweep.trainers.arithmetic import Precision


@dataclass(frozen=True)
class Technique:
    """The options of `training`, all off by default.

    `rate(progress)` is the factor on every learning rate; `grad_clip` the largest norm of a player's gradient, 0 for
    any; `ema` the decay a round of the running mean of the weights, 0 for none; `precision` that of the networks'
    products: what they give back, losses, weights and optimisers are float32.
    """

    rate: Callable[[float], float] = lambda _progress: 1.0
    grad_clip: float = 0.0
    ema: float = 0.0
    precision: Precision = "float32"


class RunningMean:
    """The exponential moving average of every network, from where they stand: a <- decay a + (1 - decay) theta.

    Source: Y. Yazici et al., "The Unusual Effectiveness of Averaging in GAN Training", 2019, arXiv:1806.04498,
    equation 2.
    """

    def __init__(self, networks: Mapping[str, torch.nn.Module], decay: float) -> None:
        self.decay = decay
        self.networks = {name: copy.deepcopy(network).requires_grad_(False) for name, network in networks.items()}
        self._means: list[torch.Tensor] = [p for network in self.networks.values() for p in network.parameters()]
        self._now: list[torch.Tensor] = [p for network in networks.values() for p in network.parameters()]

    @torch.no_grad()
    def follow(self) -> None:
        """Take in the networks as they are after a round."""
        if self._means:
            torch._foreach_lerp_(self._means, self._now, 1 - self.decay)

    def state(self) -> dict[str, Any]:
        """The means, as plain data and tensors."""
        return {name: network.state_dict() for name, network in self.networks.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the state that `state` gave."""
        for name, network in self.networks.items():
            network.load_state_dict(state[name])
