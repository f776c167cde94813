"""Adam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import torch
from pydantic import Field

from gensweep.component import Knob
from gensweep.optimizers.base import Optimizer

Beta = Annotated[float, Field(ge=0, lt=1)]


class Adam(Optimizer):
    """Gradient descent with a running mean and a running mean square of the gradient for every parameter.

    m <- beta_1 m + (1 - beta_1) g;  v <- beta_2 v + (1 - beta_2) g^2;
    theta <- theta - lr * (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + eps).

    Fields:
        lr: learning rate, > 0.
        betas: decay rates of the two means, each in [0, 1). For a game of two players (0.5, 0.999) is usual.
        eps: added to the root, > 0.
        weight_decay: times theta is added to g before all else, >= 0.

    Source: D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", 2015, arXiv:1412.6980, Algorithm 1.
    Differs: weight decay is not in the algorithm; it is an L2 penalty here, not AdamW's decoupled decay.
    """

    name: Literal["adam"] = "adam"
    lr: Annotated[float, Knob(), Field(gt=0, description="learning rate")] = 1e-3
    betas: tuple[Beta, Beta] = Field((0.9, 0.999), description="decay rates of the mean and of the mean square")
    eps: float = Field(1e-8, gt=0, description="added to the root of the mean square")
    weight_decay: float = Field(0.0, ge=0, description="L2 penalty added to the gradient")

    def over(self, parameters: Iterable[torch.nn.Parameter], lr_ratio: float) -> torch.optim.Optimizer:
        """A fused `torch.optim.Adam` over `parameters` with learning rate `lr * lr_ratio`."""
        return torch.optim.Adam(
            parameters,
            lr=self.lr * lr_ratio,
            betas=self.betas,
            eps=self.eps,
            weight_decay=self.weight_decay,
            fused=True,
        )
