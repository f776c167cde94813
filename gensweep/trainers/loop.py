"""The one training loop, for every family: nothing here names one.

A family hands over a game; the loop draws batches and noise, lets every player make its moves, and yields once an
epoch. Nothing is read back from the device between the ends of chunks.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from gensweep.devices import moved
from gensweep.errors import Diverged
from gensweep.families.base import Game
from gensweep.optimizers.base import Optimizer
from gensweep.seeding import derive
from gensweep.trainers.arithmetic import products
from gensweep.trainers.epochs import Epochs, Means
from gensweep.trainers.player import Seat
from gensweep.trainers.streams import BatchOrder, NoiseChunks
from gensweep.trainers.technique import RunningMean, Technique


@dataclass(frozen=True)
class Progress:
    """The end of one epoch. `parts` are means over the epoch (or over its rounds since a resume); seconds are of training.

    A warm-up counts to the first epoch: its seconds, and the parts of its last round.
    """

    epoch: int
    step: int
    parts: dict[str, float]
    seconds: float


class Trainee:
    """A game in training: networks, optimisers and the step, which is the number of rounds played."""

    def __init__(
        self,
        game: Game,
        optimizer: Optimizer,
        knobs: dict[str, float],
        device: torch.device,
        technique: Technique | None = None,
    ) -> None:
        self.game, self.optimizer, self.device, self.step = game, optimizer, device, 0
        self.technique = technique or Technique()
        for network in game.networks.values():
            network.to(device)
        alone = len(game.players) == 1
        self.seats = [Seat(p, game.networks, optimizer, self.technique, alone=alone) for p in game.players]
        self.knobs = {name: torch.tensor(value, device=device) for name, value in knobs.items()}
        self.mean = RunningMean(game.networks, self.technique.ema) if self.technique.ema else None

    def averaged(self) -> Game:
        """The game with the networks to sample from: the running means where there are any."""
        return replace(self.game, networks=self.mean.networks) if self.mean else self.game

    def before(self, n_items: int) -> Trainee:
        """The warm-up as a game of its own on these networks, with batches of `n_items` and a constant learning rate."""
        assert self.game.warm_up is not None
        game = replace(self.game, players=(self.game.warm_up.player(n_items),), warm_up=None)
        technique = Technique(grad_clip=self.technique.grad_clip, precision=self.technique.precision)
        knobs = {name: float(value) for name, value in self.knobs.items()}
        return Trainee(game, self.optimizer, knobs, self.device, technique)

    def state(self) -> dict[str, Any]:
        """Everything that training changes, as plain data and tensors."""
        return {
            "step": self.step,
            "networks": {name: network.state_dict() for name, network in self.game.networks.items()},
            "optimizers": {seat.player.name: seat.state() for seat in self.seats},
            **({"means": self.mean.state()} if self.mean else {}),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take the state that `state` gave."""
        if type(state["step"]) is not int or state["step"] < 0:
            raise ValueError(f"{state['step']!r:.60} is no step")
        self.step = state["step"]
        for name, network in self.game.networks.items():
            network.load_state_dict(state["networks"][name])
        for seat in self.seats:
            seat.restore(state["optimizers"][seat.player.name])
        if self.mean:
            self.mean.restore(state["means"])

    def adopt(self, state: dict[str, Any]) -> None:
        """Take the weights and the optimisers' moments of another trainee's `state`; step and settings stay its own."""
        step = self.step
        self.restore(state)
        self.step = step
        for seat in self.seats:
            seat.keep_settings()


def train(trainee: Trainee, data: torch.Tensor, epochs: int, batch_size: int, seed: int) -> Iterator[Progress]:
    """Train from the trainee's step to the end of `epochs`, yielding at the end of each epoch.

    Args:
        data: [n, *shape], on the trainee's device or, where it does not fit there, on the CPU.
        epochs: passes over `data` in all, those before a resume included.
        batch_size: of every move; an incomplete last batch of a pass is left out.
        seed: of the trial.

    Raises:
        Diverged: a loss was not finite, or beyond a limit of the game; with its name and the step.
    """
    order = BatchOrder(seed, len(data), batch_size)
    noise = NoiseChunks(seed, trainee.game)
    course = Epochs(epochs, order.per_pass, trainee.game.batches_per_round)
    while (epoch := course.after(trainee.step)) is not None:
        began = time.perf_counter()
        before = warm_up(trainee, data, seed) if trainee.step == 0 else {}
        losses = _play_until(course.ends[epoch], trainee, data, order, noise, course.rounds)
        yield Progress(epoch, trainee.step, before | losses.means(), time.perf_counter() - began)


def warm_up(trainee: Trainee, data: torch.Tensor, seed: int) -> dict[str, float]:
    """Play what comes before round 0, if anything does; the parts of its last round.

    Raises:
        Diverged: as in `train`.
    """
    if (wanted := trainee.game.warm_up) is None:
        return {}
    n_items, own = min(wanted.batch_size, len(data)), derive(seed, "warm-up")
    before = trainee.before(n_items)
    order, noise = BatchOrder(own, len(data), n_items), NoiseChunks(own, before.game)
    try:
        losses = _play_until(wanted.rounds, before, data, order, noise, wanted.rounds)
    except Diverged as error:
        raise Diverged(f"{error.reason} in round {error.step} of the warm-up", trainee.step) from None
    if trainee.mean:  # which began at networks that are no more
        trainee.mean = RunningMean(trainee.game.networks, trainee.technique.ema)
    return losses.last


def _play_until(
    end: int, trainee: Trainee, data: torch.Tensor, order: BatchOrder, noise: NoiseChunks, total: int
) -> Means:
    """Play the rounds from the trainee's step to `end`, of `total` in all."""
    losses = Means(trainee.game.limits)
    while trainee.step < end:
        until = min(end, (trainee.step // noise.rounds + 1) * noise.rounds)
        if trainee.seats:
            with products(trainee.technique.precision, trainee.device):
                history = _play(trainee, data, order, noise, range(trainee.step, until), total)
            losses.add(list(history[0]), read(history), trainee.step)
        trainee.step = until
    return losses


def _play(
    trainee: Trainee, data: torch.Tensor, order: BatchOrder, noise: NoiseChunks, rounds: range, total: int
) -> list[dict[str, torch.Tensor]]:
    """The parts of each of these rounds of `total`, all in one chunk of noise."""
    number, per_round = rounds.start // noise.rounds, trainee.game.batches_per_round
    drawn = noise.chunk(number, trainee.device)
    moves = {seat.player.name: _unbound(drawn[seat.player.name]) for seat in trainee.seats}
    indices = moved(order.batches(rounds.start * per_round, len(rounds) * per_round), data.device).unbind()
    history: list[dict[str, torch.Tensor]] = []
    for i, step in enumerate(rounds):
        row, factor = step - number * noise.rounds, trainee.technique.rate(step / total)
        parts: dict[str, torch.Tensor] = {}
        batches = indices[i * per_round : (i + 1) * per_round]
        data_of = [moved(data.index_select(0, batch), trainee.device) for batch in batches]
        for seat in trainee.seats:
            seat.scale_rate(factor)
            for k in range(seat.player.moves):
                mine = {name: values[row * seat.player.moves + k] for name, values in moves[seat.player.name].items()}
                parts |= seat.move(data_of[k], mine, trainee.knobs)
        if trainee.mean:
            trainee.mean.follow()
        history.append(parts)
    return history


def _unbound(drawn: dict[str, torch.Tensor]) -> dict[str, tuple[torch.Tensor, ...]]:
    """Name -> the draw of each move of a chunk, in turn: taken apart once, which is quicker than one by one."""
    return {name: values.flatten(0, 1).unbind() for name, values in drawn.items()}


def read(history: list[dict[str, torch.Tensor]]) -> torch.Tensor:
    """The parts of some rounds, all of one shape: [rounds, parts, *shape], float64, by one reading from the device."""
    values = torch.stack([part for parts in history for part in parts.values()])
    return values.view(len(history), -1, *values.shape[1:]).double().cpu()
