"""One round of a game for every row of a stack, as one function of tensors: the same eagerly and compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch.func import functional_call, grad, vmap

from gensweep.families.base import Player
from gensweep.losses import Loss, Nets
from gensweep.trainers.loop import Trainee
from gensweep.trainers.player import in_bfloat16
from gensweep.trainers.stack import Rows, Stack

Parts: TypeAlias = dict[str, torch.Tensor]
Draws: TypeAlias = Mapping[str, Mapping[str, torch.Tensor]]
Round: TypeAlias = Callable[[Rows, torch.Tensor, Draws, torch.Tensor], Parts]


def round_of(trainee: Trainee, stack: Stack) -> Round:
    """The function of a round: it plays it on rows in place and gives the logged parts, each [n].

    Its arguments are the rows; the batches [n, batches of a round, items, *shape]; the draws, player -> name ->
    [n, moves, *shape]; and the factor on the learning rates, [n], float64. Whatever tells members apart is in these
    tensors; all else is `trainee`'s.
    """
    players = [_Move(seat.player, trainee, stack) for seat in trainee.seats]

    def play(rows: Rows, batches: torch.Tensor, draws: Draws, factor: torch.Tensor) -> Parts:
        parts: Parts = {}
        for move in players:
            own = draws[move.player.name]
            for k in range(move.player.moves):
                noise = {name: values[:, k] for name, values in own.items()}
                parts |= move(rows, batches[:, k], noise, factor)
        for name, mean in rows.means.items():
            share = rows.follow.to(mean.dtype)[:, None]
            mean.copy_(mean + share * (rows.parameters[name] - mean))
        return parts

    return play


class _Move:
    """One player's move: `Seat.move`, for all rows."""

    def __init__(self, player: Player, trainee: Trainee, stack: Stack) -> None:
        self.player, self.recipe, self.stack = player, trainee.optimizer, stack
        self.device, self.technique = trainee.device, trainee.technique
        self.trained = [name for name in player.trains if name in stack.layouts]
        self.corrected = [name for name in player.corrects or player.trains if name in stack.layouts]

    def __call__(self, rows: Rows, batch: torch.Tensor, noise: Parts, factor: torch.Tensor) -> Parts:
        trained = {name: rows.parameters[name] for name in self.trained}
        others = {name: row for name, row in rows.parameters.items() if name not in trained}
        gradient = vmap(grad(self._loss, has_aux=True))
        gradients, loss = gradient(trained, others, rows.buffers, batch, noise, rows.knobs)
        self._descend(rows, gradients, factor)
        if self.player.after_move is not None:
            corrected = {name: rows.parameters[name] for name in self.corrected}
            for name, after in vmap(self._correction)(corrected, loss.parts, rows.knobs).items():
                rows.parameters[name].copy_(after)
        named = {f"{self.player.name}.{name}": part for name, part in loss.parts.items()}
        return {f"loss.{self.player.name}": loss.total, **named}

    def _loss(
        self, trained: Parts, others: Parts, buffers: Any, batch: torch.Tensor, noise: Parts, knobs: Parts
    ) -> tuple[torch.Tensor, Loss]:
        """Of one member: the total twice, once to be differentiated; parts that rows of parameters cannot change."""
        loss = self.player.loss(self._nets({**others, **trained}, buffers), batch, noise, knobs)
        return loss.total, Loss(loss.total, {name: part.clone() for name, part in loss.parts.items()})

    def _nets(self, parameters: Parts, buffers: Mapping[str, Parts]) -> Nets:
        """The networks as a loss calls them."""

        def net(name: str) -> Callable[..., Any]:
            template = self.stack.templates[name]
            own = self.stack.layouts[name].unflatten(parameters[name]) if name in parameters else {}

            def call(*inputs: torch.Tensor, **options: Any) -> Any:
                return functional_call(template, (own, buffers[name]), inputs, options)

            return in_bfloat16(call, self.device) if self.technique.precision == "bfloat16" else call

        return {name: net(name) for name in self.stack.templates}

    def _descend(self, rows: Rows, gradients: Parts, factor: torch.Tensor) -> None:
        name = self.player.name
        if self.technique.grad_clip:
            squares = sum(g.square().sum(1) for g in gradients.values())
            assert isinstance(squares, torch.Tensor)
            share = (rows.clip.to(squares.dtype) / (squares.sqrt() + 1e-6)).clamp(max=1.0)
            gradients = {network: g * share[:, None] for network, g in gradients.items()}
        count = rows.counts[name] + 1
        settings = {**rows.settings[name], "lr": rows.settings[name]["lr"] * factor}
        for network, g in gradients.items():
            moments = {moment: tables[network] for moment, tables in rows.moments[name].items()}
            after, changed = self.recipe.rows(rows.parameters[network], g, moments, count, settings)
            rows.parameters[network].copy_(after)
            for moment, value in changed.items():
                moments[moment].copy_(value)
        rows.counts[name].copy_(count)

    def _correction(self, corrected: Parts, parts: Parts, knobs: Parts) -> Parts:
        """Of one member: network -> its row as it shall be after the move, of those that change."""
        assert self.player.after_move is not None
        layouts = self.stack.layouts
        before = {f"{n}.{k}": v for n, row in corrected.items() for k, v in layouts[n].unflatten(row).items()}
        after = self.player.after_move(before, parts, knobs)
        changed = {name.partition(".")[0] for name in after if after[name] is not before[name]}
        own = {n: {k: after[f"{n}.{k}"] for k in layouts[n].names} for n in corrected if n in changed}
        return {n: layouts[n].flatten(values) for n, values in own.items()}
