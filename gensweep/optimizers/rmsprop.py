"""RMSProp."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field

from gensweep.component import Knob
from gensweep.optimizers.base import Optimizer, column


class RMSProp(Optimizer):
    """Gradient descent divided by the root of a running mean square of the gradient.

    v <- alpha v + (1 - alpha) g^2;  theta <- theta - lr * g / (sqrt(v) + eps).

    Fields:
        lr: learning rate, > 0. The default is that of the Wasserstein GAN, which found momentum harmful with clipping.
        alpha: decay rate of the mean square, in [0, 1).
        eps: added to the root, > 0.

    Source: T. Tieleman, G. Hinton, "Lecture 6.5: RMSProp", 2012; lr from M. Arjovsky, S. Chintala, L. Bottou,
    "Wasserstein GAN", 2017, arXiv:1701.07875, Algorithm 1.
    """

    unstackable: ClassVar[str] = ""
    counts: ClassVar[bool] = True

    name: Literal["rmsprop"] = "rmsprop"
    lr: Annotated[float, Knob(), Field(gt=0, description="learning rate")] = 5e-5
    alpha: float = Field(0.99, ge=0, lt=1, description="decay rate of the mean square")
    eps: float = Field(1e-8, gt=0, description="added to the root of the mean square")

    def over(self, parameters: Iterable[torch.nn.Parameter], lr_ratio: float) -> torch.optim.Optimizer:
        """A `torch.optim.RMSprop` over `parameters` with learning rate `lr * lr_ratio`; torch has no fused one."""
        return torch.optim.RMSprop(parameters, lr=self.lr * lr_ratio, alpha=self.alpha, eps=self.eps)

    @property
    def moments(self) -> tuple[str, ...]:
        """The running mean square."""
        return ("square_avg",)

    def settings(self, lr_ratio: float) -> dict[str, float]:
        """All fields."""
        return {"lr": self.lr * lr_ratio, "alpha": self.alpha, "eps": self.eps}

    def rows(
        self,
        weights: torch.Tensor,
        gradients: torch.Tensor,
        moments: Mapping[str, torch.Tensor],
        count: torch.Tensor,
        settings: Mapping[str, torch.Tensor],
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The equations of the class, a member a row."""
        alpha = settings["alpha"]
        v = column(alpha, weights) * moments["square_avg"] + column(1 - alpha, weights) * gradients * gradients
        length = v.sqrt() + column(settings["eps"], weights)
        return weights - column(settings["lr"], weights) * (gradients / length), {"square_avg": v}
