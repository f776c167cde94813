"""torch's fused Adam, with less around its kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class _Tables:
    """What the kernel takes of all parameters, in their order. They have made as many moves as each other: one count."""

    parameters: list[torch.Tensor]
    means: list[torch.Tensor]
    squares: list[torch.Tensor]
    counts: list[torch.Tensor]


class FusedAdam(torch.optim.Adam):
    """`torch.optim.Adam(fused=True)` over one group: the same kernel, numbers and state.

    A step of torch's own collects its lists anew and counts the moves of each parameter by itself, which for small
    networks takes as long as the kernel. Here both are done once, as long as every parameter has a gradient.
    """

    def __init__(self, parameters: Iterable[torch.nn.Parameter], **settings: Any) -> None:
        super().__init__(parameters, fused=True, **settings)
        self._tables: _Tables | None = None

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One move; see torch."""
        group = self.param_groups[0]
        gradients = [parameter.grad for parameter in group["params"]]
        if self._tables is None or closure is not None or any(gradient is None for gradient in gradients):
            self._untie()
            said = super().step(closure)
            self._tables = self._tied()
            return said
        tables, (beta_1, beta_2) = self._tables, group["betas"]
        tables.counts[0].add_(1)
        torch._fused_adam_(
            tables.parameters, gradients, tables.means, tables.squares, [], tables.counts, lr=group["lr"], beta1=beta_1,
            beta2=beta_2, weight_decay=group["weight_decay"], eps=group["eps"], amsgrad=False, maximize=False,
        )  # fmt: skip
        return None

    def state_dict(self) -> dict[str, Any]:
        """See torch; every parameter with a count of its own."""
        found = super().state_dict()
        own = {i: {k: v.clone() if k == "step" else v for k, v in state.items()} for i, state in found["state"].items()}
        return {**found, "state": own}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """See torch."""
        super().load_state_dict(state_dict)
        self._tables = None

    def _untie(self) -> None:
        """Give every parameter its own count again, which torch's step counts up one by one."""
        self._tables = None
        for state in self.state.values():
            if "step" in state:
                state["step"] = state["step"].clone()

    def _tied(self) -> _Tables | None:
        """The tables, where all parameters have moved as often as each other and lie in one place."""
        parameters: list[torch.Tensor] = self.param_groups[0]["params"]
        states = [self.state[parameter] for parameter in parameters if parameter in self.state]
        places = {(parameter.device, parameter.dtype) for parameter in parameters}
        if len(states) < len(parameters) or len(places) > 1 or not all("step" in state for state in states):
            return None
        counts = torch.stack([state["step"] for state in states])
        if bool((counts != counts[0]).any()):
            return None
        for state in states:
            state["step"] = counts[0]
        return _Tables(
            parameters, [s["exp_avg"] for s in states], [s["exp_avg_sq"] for s in states], [counts[0]] * len(states)
        )
