"""What every architecture is: a recipe for the few networks that families ask for, the same for all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch

from gensweep.component import Component

Activation = Literal["relu", "leaky_relu", "tanh", "elu", "gelu", "silu"]  # `_layers` has the functions


class Network(Component, ABC):
    """An architecture. All families of a comparison get their decoders and encoders from the same one.

    Networks hold no running statistics and draw no random numbers, so that a stack of them runs under
    `torch.func.vmap`. Outputs are unbounded: a family maps them into the data's range.
    """

    kind: ClassVar[str] = "networks"

    @abstractmethod
    def decoder(self, latent_size: int, shape: tuple[int, ...]) -> torch.nn.Module:
        """[batch, latent_size] -> [batch, *shape], before any output non-linearity. Also a GAN's generator."""

    @abstractmethod
    def encoder(self, shape: tuple[int, ...], n_outputs: int) -> torch.nn.Module:
        """[batch, *shape] -> [batch, n_outputs]. Also a critic, with one output."""

    @property
    def normalises(self) -> bool:
        """Whether an encoder has layers that normalise: whether a field `norm` says so."""
        return getattr(self, "norm", "none") != "none"

    def misfit(self, shape: tuple[int, ...]) -> str | None:
        """Why this architecture cannot take items of `shape`; None where it can."""
        return None
