"""The augmented Lagrangian of one equality Omega(f) = 1 on a critic f."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from gensweep.losses import Loss, Parameters


class Multiplier(torch.nn.Module):
    """() -> lambda, 0-d. It starts at 0, and no optimiser trains it."""

    def __init__(self) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.zeros(()))

    def forward(self) -> torch.Tensor:
        """The multiplier."""
        return self.value


def lagrangian(omega: torch.Tensor, multiplier: torch.Tensor, rho: torch.Tensor) -> Loss:
    """lambda (Omega - 1) + rho / 2 (Omega - 1)^2, what the critic minimises beside its loss; all 0-d."""
    excess = omega - 1
    total = multiplier.detach() * excess + rho / 2 * excess.square()
    return Loss(total, {"omega": omega, "multiplier": multiplier})


def ascend(parameters: Parameters, parts: Mapping[str, torch.Tensor], rho: torch.Tensor) -> Parameters:
    """The parameters with lambda + rho (Omega - 1) for lambda, Omega being that of the move."""
    name = "multiplier.value"
    return {**parameters, name: parameters[name] + rho * (parts["omega"] - 1)}
