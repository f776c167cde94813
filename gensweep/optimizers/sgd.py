"""Stochastic gradient descent, with momentum if wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator

from gensweep.component import Knob
from gensweep.optimizers.base import Optimizer, column


class SGD(Optimizer):
    """Stochastic gradient descent with heavy-ball or Nesterov momentum.

    b <- momentum * b + g, with b = g at the first step;  theta <- theta - lr * b,
    or theta <- theta - lr * (g + momentum * b) with `nesterov`.

    Fields:
        lr: learning rate, > 0. The default is that of the first GAN.
        momentum: in [0, 1).
        nesterov: whether to look ahead; needs momentum > 0.

    Source: I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and momentum in deep
    learning", ICML 2013; lr from I. Goodfellow et al., "Generative Adversarial Networks", 2014, arXiv:1406.2661 (code).
    Differs: the learning rate multiplies b and is not part of it, as in torch.
    """

    unstackable: ClassVar[str] = ""
    shared: ClassVar[frozenset[str]] = frozenset({"nesterov"})

    name: Literal["sgd"] = "sgd"
    lr: Annotated[float, Knob(), Field(gt=0, description="learning rate")] = 0.1
    momentum: float = Field(0.0, ge=0, lt=1, description="decay rate of the accumulated gradient")
    nesterov: bool = Field(False, description="take the gradient's step after the momentum's")

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs momentum > 0, given 0. Set momentum: 0.9, or nesterov: false.")
        return self

    def over(self, parameters: Iterable[torch.nn.Parameter], lr_ratio: float) -> torch.optim.Optimizer:
        """A fused `torch.optim.SGD` over `parameters` with learning rate `lr * lr_ratio`."""
        return torch.optim.SGD(
            parameters, lr=self.lr * lr_ratio, momentum=self.momentum, nesterov=self.nesterov, fused=True
        )

    @property
    def moments(self) -> tuple[str, ...]:
        """The accumulated gradient; none without momentum, so that a pack is with it or without."""
        return ("momentum_buffer",) if self.momentum else ()

    def settings(self, lr_ratio: float) -> dict[str, float]:
        """Learning rate and momentum."""
        return {"lr": self.lr * lr_ratio, "momentum": self.momentum}

    def rows(
        self,
        weights: torch.Tensor,
        gradients: torch.Tensor,
        moments: Mapping[str, torch.Tensor],
        count: torch.Tensor,
        settings: Mapping[str, torch.Tensor],
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The equations of the class, a member a row. From b = 0 the first step's b is g."""
        lr, momentum = column(settings["lr"], weights), column(settings["momentum"], weights)
        if not self.momentum:
            return weights - lr * gradients, {}
        b = momentum * moments["momentum_buffer"] + gradients
        return weights - lr * (gradients + momentum * b if self.nesterov else b), {"momentum_buffer": b}
