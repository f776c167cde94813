"""A single learned number, as a network of no inputs."""

from __future__ import annotations

import torch


class Scalar(torch.nn.Module):
    """() -> its value, 0-d."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(start))

    def forward(self) -> torch.Tensor:
        """The value."""
        return self.value
