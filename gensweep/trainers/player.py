"""A player at the table: its parameters, its optimiser, and one move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from gensweep.families.base import Player
from gensweep.losses import Knobs, Nets, Noise
from gensweep.optimizers.base import Optimizer
from gensweep.trainers.technique import Technique


class Seat:
    """One player of a game with the networks that it trains and its own optimiser."""

    def __init__(
        self,
        player: Player,
        networks: Mapping[str, torch.nn.Module],
        optimizer: Optimizer,
        technique: Technique,
        *,
        alone: bool,
    ) -> None:
        self.player, self.networks, self.technique, self.alone = player, networks, technique, alone
        self.recipe = optimizer
        self.parameters = [p for name in player.trains for p in networks[name].parameters()]
        self.optimizer = optimizer.over(self.parameters, player.lr_ratio)
        self._settings = [
            {name: value for name, value in group.items() if name != "params"} for group in self.optimizer.param_groups
        ]
        corrected = player.corrects or player.trains
        self._corrected = {f"{n}.{k}": p for n in corrected for k, p in networks[n].named_parameters()}
        self._others = [p for name, n in networks.items() if name not in player.trains for p in n.parameters()]

    def scale_rate(self, factor: float) -> None:
        """Learn at `factor` times the optimiser's own rates from now on."""
        for group, settings in zip(self.optimizer.param_groups, self._settings, strict=True):
            group["lr"] = settings["lr"] * factor

    def move(self, batch: torch.Tensor, noise: Noise, knobs: Knobs) -> dict[str, torch.Tensor]:
        """One step of the optimiser on a batch [n, *shape]; the loss and its parts, 0-d and detached."""
        if not self.alone:  # the others' parameters are constants here: no graph is built through them
            _require_grad(self._others, required=False)
        for parameter in self.parameters:  # what zero_grad does, in a tenth of its time
            parameter.grad = None
        loss = self.player.loss(self._nets(batch.device), batch, noise, knobs)
        parts = {name: _kept(part) for name, part in loss.parts.items()}
        loss.total.backward()  # type: ignore[no-untyped-call]
        if self.technique.grad_clip:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.technique.grad_clip)
        self.optimizer.step()
        if not self.alone:
            _require_grad(self._others, required=True)
        if self.player.after_move is not None:
            self._correct(parts, knobs)
        named = {f"{self.player.name}.{name}": part for name, part in parts.items()}
        return {f"loss.{self.player.name}": loss.total.detach(), **named}

    def _nets(self, device: torch.device) -> Nets:
        """The networks as a loss calls them."""
        if self.technique.precision != "bfloat16":
            return self.networks
        return {name: in_bfloat16(network, device) for name, network in self.networks.items()}

    @torch.no_grad()
    def _correct(self, parts: Noise, knobs: Knobs) -> None:
        assert self.player.after_move is not None
        before = {name: p.detach() for name, p in self._corrected.items()}
        after = self.player.after_move(before, parts, knobs)
        changed = [name for name in after if after[name] is not before[name]]
        if changed:
            torch._foreach_copy_([self._corrected[name] for name in changed], [after[name] for name in changed])

    def state(self) -> dict[str, Any]:
        """The optimiser's state, as plain data and tensors."""
        return self.optimizer.state_dict()

    def restore(self, state: dict[str, Any]) -> None:
        """Take the state that `state` gave."""
        self.optimizer.load_state_dict(state)

    def keep_settings(self) -> None:
        """Learn with the configuration's own learning rate and other settings, after a state of another trial."""
        for group, settings in zip(self.optimizer.param_groups, self._settings, strict=True):
            group.update(settings)


def in_bfloat16(network: Callable[..., Any], device: torch.device) -> Callable[..., Any]:
    """The network with its products in bfloat16, and what it gives back in float32.

    The loss around it is then float32: in bfloat16, with 8 bits, distances between nearby points are mostly rounding.
    """

    def call(*inputs: torch.Tensor, **options: Any) -> Any:
        with torch.autocast(device.type, torch.bfloat16):
            outputs = network(*inputs, **options)
        return tuple(output.float() for output in outputs) if isinstance(outputs, tuple) else outputs.float()

    return call


def _kept(part: torch.Tensor) -> torch.Tensor:
    """A part of a loss as it is now; a copy where it may be a parameter itself, or a view of one, which is about to move."""
    own = part.detach()
    return own.clone() if part.is_leaf or part._is_view() else own


def _require_grad(parameters: list[torch.nn.Parameter], *, required: bool) -> None:
    for parameter in parameters:
        parameter.requires_grad_(required)
