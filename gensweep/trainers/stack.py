"""Trials of one shape as the rows of one set of tensors: all that training changes, and all in which they differ.

A network's parameters lie flat in one tensor [n, p], a member a row, so that an optimiser's step is a few operations on
whole tables. Rows are written and read in place: no tensor is ever replaced, and shapes and strides never change.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch

from gensweep.trainers.loop import Trainee
from gensweep.trainers.padding import NO_PADDING, Padding
from gensweep.trainers.player import Seat

Table = torch.Tensor  # [n, p]


class Rows(NamedTuple):
    """What the members of a pack are, each tensor with a member a row.

    `parameters`, and `means` of them where there are any: network -> [n, p]; `buffers`: network -> name -> [n, *shape];
    `moments`: player -> moment -> network -> [n, p], and `counts` of its moves: player -> [n], float64; `settings` of its
    optimiser: player -> name -> [n], float64; `knobs`: name -> [n]; `clip`, the largest norm of a player's gradient, and
    `follow`, the share of the present in a running mean: [n], float64.
    """

    parameters: dict[str, Table]
    means: dict[str, Table]
    buffers: dict[str, dict[str, torch.Tensor]]
    moments: dict[str, dict[str, dict[str, Table]]]
    counts: dict[str, torch.Tensor]
    settings: dict[str, dict[str, torch.Tensor]]
    knobs: dict[str, torch.Tensor]
    clip: torch.Tensor
    follow: torch.Tensor


class Layout:
    """How one network's parameters lie in a row."""

    def __init__(self, network: torch.nn.Module) -> None:
        named = dict(network.named_parameters())
        self.names, self.shapes = list(named), [p.shape for p in named.values()]
        self.sizes = [p.numel() for p in named.values()]

    def unflatten(self, row: torch.Tensor) -> dict[str, torch.Tensor]:
        """The parameters by name, as views of a row [p]."""
        parts = torch.split(row, self.sizes)
        return {n: part.view(shape) for n, part, shape in zip(self.names, parts, self.shapes, strict=True)}

    def flatten(self, values: Mapping[str, torch.Tensor], padding: Padding = NO_PADDING) -> torch.Tensor:
        """The row [p] of parameters by name."""
        padded = (padding.out(values[name], shape) for name, shape in zip(self.names, self.shapes, strict=True))
        return torch.cat([value.reshape(-1) for value in padded])


class Stack:
    """n rows for members like one trainee. A row that no member has holds what that trainee began with."""

    def __init__(self, like: Trainee, n: int) -> None:
        networks = like.game.networks
        self.layouts = {name: Layout(network) for name, network in networks.items() if [*network.parameters()]}
        self.templates = {name: copy.deepcopy(network).to("meta") for name, network in networks.items()}
        self.pads = like.game.pads
        self.draws = {
            player.name: {name: wanted.shape for name, wanted in player.noise.items()} for player in like.game.players
        }
        self._buffers = {n: {k: b.shape for k, b in net.named_buffers()} for n, net in networks.items()}
        self._blank = self._row(like)
        self.rows: Rows = _map(lambda value: value[None].expand(n, *value.shape).clone(), self._blank)

    @property
    def n(self) -> int:
        """How many rows there are."""
        return len(self.rows.clip)

    def put(self, row: int, trainee: Trainee) -> None:
        """Write a member's weights, moments, means and settings into a row.

        Raises:
            ValueError: it is of another shape than the stack, which would have gone wrong in silence.
        """
        try:
            one = self._row(trainee)
        except (ValueError, KeyError):
            one = None
        if one is None or _shape(one) != _shape(self._blank):
            raise ValueError("this trial is of another shape than the pack that it is to enter")
        self._write(row, one)

    def clear(self, row: int) -> None:
        """Write what an empty row holds."""
        self._write(row, self._blank)

    def take(self, row: int, trainee: Trainee) -> None:
        """Write a row's weights, moments and means into the trainee whose it is; its step is its own to count."""
        one: Rows = _map(lambda value: value[row], self.rows)
        networks, padding = trainee.game.networks, self.padding_of(trainee)
        with torch.no_grad():
            for name, layout in self.layouts.items():
                _copy(networks[name].named_parameters(), layout.unflatten(one.parameters[name]), padding)
                if trainee.mean:
                    _copy(trainee.mean.networks[name].named_parameters(), layout.unflatten(one.means[name]), padding)
            for name, buffers in one.buffers.items():
                _copy(networks[name].named_buffers(), buffers, padding)
        for seat in trainee.seats:
            seat.restore({**seat.state(), "state": self._kept(seat, one, padding)})

    def padding_of(self, trainee: Trainee) -> Padding:
        """What a trainee of a smaller latent size needs to be a row; nothing for one of the stack's own."""
        return Padding(trainee.game.pads, self.pads)

    def _kept(self, seat: Seat, one: Rows, padding: Padding) -> dict[int, dict[str, torch.Tensor]]:
        """A row as the state of a player's torch optimiser."""
        name, count = seat.player.name, one.counts[seat.player.name]
        if not count:
            return {}
        trained = [network for network in seat.player.trains if network in self.layouts]
        moments = {
            moment: [v for network in trained for v in self.layouts[network].unflatten(tables[network]).values()]
            for moment, tables in one.moments[name].items()
        }
        # as torch's own begins, on the CPU and in the default precision; a fused optimiser takes it over as its own is
        step = {"step": count.to("cpu", torch.get_default_dtype())} if seat.recipe.counts else {}
        return {
            i: {
                **{k: v.clone() for k, v in step.items()},
                **{moment: padding.back(values[i], p.shape).clone() for moment, values in moments.items()},
            }
            for i, p in enumerate(seat.parameters)
            if step or moments
        }

    @torch.no_grad()
    def _write(self, row: int, one: Rows) -> None:
        for table, value in zip(_leaves(self.rows), _leaves(one), strict=True):
            table[row].copy_(value)

    def _row(self, trainee: Trainee) -> Rows:
        """A trainee as one row, without the axis of members."""
        networks, device, technique = trainee.game.networks, trainee.device, trainee.technique
        if networks.keys() != self.templates.keys():
            raise ValueError("it has other networks")
        padding = self.padding_of(trainee)

        def number(value: float) -> torch.Tensor:
            return torch.tensor(value, dtype=torch.float64, device=device)

        def flat(of: Mapping[str, torch.nn.Module]) -> dict[str, torch.Tensor]:
            named = ((name, dict(of[name].named_parameters())) for name in self.layouts)
            return {name: self.layouts[name].flatten(values, padding).detach() for name, values in named}

        sizes = {"latent_size": torch.tensor(float(trainee.game.pads), device=device)} if trainee.game.pads else {}
        return Rows(
            parameters=flat(networks),
            means=flat(trainee.mean.networks) if trainee.mean else {},
            buffers={
                name: {k: padding.out(b.detach(), self._buffers[name][k]) for k, b in network.named_buffers()}
                for name, network in networks.items()
            },
            moments={seat.player.name: self._moments(seat, padding) for seat in trainee.seats},
            counts={seat.player.name: number(_count(seat)) for seat in trainee.seats},
            settings={
                seat.player.name: {k: number(v) for k, v in seat.recipe.settings(seat.player.lr_ratio).items()}
                for seat in trainee.seats
            },
            knobs={**trainee.knobs, **sizes},
            clip=number(technique.grad_clip),
            follow=number(1 - technique.ema),
        )

    def _moments(self, seat: Seat, padding: Padding) -> dict[str, dict[str, torch.Tensor]]:
        """Moment -> network -> its row, zero where a parameter has not been moved."""
        found: dict[str, dict[str, torch.Tensor]] = {moment: {} for moment in seat.recipe.moments}
        for moment, tables in found.items():
            for name in seat.player.trains:
                if name in self.layouts:
                    parameters = dict(seat.networks[name].named_parameters())
                    state = {k: seat.optimizer.state.get(p, {}).get(moment) for k, p in parameters.items()}
                    filled = {k: torch.zeros_like(p) if state[k] is None else state[k] for k, p in parameters.items()}
                    tables[name] = self.layouts[name].flatten(filled, padding).detach()
        return found


def unstackable(trainee: Trainee) -> str:
    """Why a trainee cannot be a row of a stack, by what it is made of; "" where nothing is known against it."""
    if not trainee.seats:
        return "nothing is trained"
    if reason := trainee.optimizer.unstackable:
        return reason
    networks = trainee.game.networks
    tensors = [p for network in networks.values() for p in network.parameters()]
    if len({id(p) for p in tensors}) < len(tensors):
        return "two of its networks share parameters"
    mixed = [name for name, network in networks.items() if len({p.dtype for p in network.parameters()}) > 1]
    return f"the parameters of its network {mixed[0]} are numbers of several kinds" if mixed else ""


def _count(seat: Seat) -> int:
    """How many moves a player's optimiser has made, where that matters to it; else whether it has made any."""
    states = [seat.optimizer.state[p] for p in seat.parameters if seat.optimizer.state.get(p)]
    return max((int(state.get("step", 1)) for state in states), default=0)


def _copy(targets: Iterable[tuple[str, torch.Tensor]], values: Mapping[str, torch.Tensor], padding: Padding) -> None:
    for name, target in targets:
        target.copy_(padding.back(values[name], target.shape))


def _map(function: Any, rows: Any) -> Any:
    """The function of every tensor in a tree of tuples and dictionaries."""
    return torch.utils._pytree.tree_map(function, rows)


def _shape(rows: Rows) -> tuple[Any, list[tuple[torch.Size, torch.dtype]]]:
    """What is equal in two rows of one stack."""
    leaves, structure = torch.utils._pytree.tree_flatten(rows)
    return structure, [(leaf.shape, leaf.dtype) for leaf in leaves]


def _leaves(rows: Any) -> list[torch.Tensor]:
    leaves: list[torch.Tensor] = torch.utils._pytree.tree_leaves(rows)
    return leaves
