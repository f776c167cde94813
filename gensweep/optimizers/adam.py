"""Adam."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field

from gensweep.component import Knob
from gensweep.optimizers._fused_adam import FusedAdam
from gensweep.optimizers.base import Optimizer, column

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

    unstackable: ClassVar[str] = ""
    counts: ClassVar[bool] = True

    name: Literal["adam"] = "adam"
    lr: Annotated[float, Knob(), Field(gt=0, description="learning rate")] = 1e-3
    betas: tuple[Beta, Beta] = Field((0.9, 0.999), description="decay rates of the mean and of the mean square")
    eps: float = Field(1e-8, gt=0, description="added to the root of the mean square")
    weight_decay: float = Field(0.0, ge=0, description="L2 penalty added to the gradient")

    def over(self, parameters: Iterable[torch.nn.Parameter], lr_ratio: float) -> torch.optim.Optimizer:
        """A fused `torch.optim.Adam` over `parameters` with learning rate `lr * lr_ratio`."""
        return FusedAdam(
            parameters, lr=self.lr * lr_ratio, betas=self.betas, eps=self.eps, weight_decay=self.weight_decay
        )

    @property
    def moments(self) -> tuple[str, ...]:
        """The two running means."""
        return ("exp_avg", "exp_avg_sq")

    def settings(self, lr_ratio: float) -> dict[str, float]:
        """All fields."""
        first, second = self.betas
        own = {"beta_1": first, "beta_2": second, "eps": self.eps, "weight_decay": self.weight_decay}
        return {"lr": self.lr * lr_ratio, **own}

    def rows(
        self,
        weights: torch.Tensor,
        gradients: torch.Tensor,
        moments: Mapping[str, torch.Tensor],
        count: torch.Tensor,
        settings: Mapping[str, torch.Tensor],
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The equations of the class, a member a row, each with its own t."""
        # of n numbers, in float64: in float32 1 - 0.999 is 5e-5 off
        beta_1, beta_2 = settings["beta_1"], settings["beta_2"]
        step = column(settings["lr"] / (1 - beta_1**count), weights)
        root = column((1 - beta_2**count).sqrt(), weights)
        g = gradients + column(settings["weight_decay"], weights) * weights
        m = moments["exp_avg"] + column(1 - beta_1, g) * (g - moments["exp_avg"])
        v = column(beta_2, g) * moments["exp_avg_sq"] + column(1 - beta_2, g) * g * g
        after = weights - step * m / (v.sqrt() / root + column(settings["eps"], weights))
        return after, {"exp_avg": m, "exp_avg_sq": v}
