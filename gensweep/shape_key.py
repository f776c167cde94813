"""What trials must have in common to be trained as one stack, as one hash; they may differ in all else."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from typing import Any

import torch

from gensweep.component import Component, Knob
from gensweep.configuration import TrialConfiguration
from gensweep.families.base import Game, Player
from gensweep.trainers.padding import Padding

_PADDED_AT_MOST = 1.25  # numbers of the networks and draws: a stack's step takes about as much longer


def shape_key(configuration: TrialConfiguration, game: Game, device: torch.device) -> str:
    """The hash of the shape of a trial: 16 hexadecimal digits, equal for trials that one pack may hold.

    In it are the family with all its parts but their knobs, the networks and what they are made of, the data, batch and
    latent size, the optimiser's kind with the fields that it says are shared, who plays, how often and on what noise,
    precision, whether gradients are clipped and weights averaged, and the device. Not in it are the seed, knobs, all other
    settings of the optimiser, the schedule, the decay, the largest gradient, the number of epochs, and what is measured.
    """
    training = configuration.training
    optimizer = training.optimizer
    shape = {
        "family": _fixed(configuration.family),
        "network": _fixed(configuration.network),
        "dataset": configuration.dataset.dump(),
        "latent_size": configuration.latent_size,
        "batch_size": training.batch_size,
        "optimizer": [
            type(optimizer).__qualname__,
            *sorted(f"{field}={getattr(optimizer, field)}" for field in optimizer.shared),
            *optimizer.moments,
        ],
        "players": [_player(player) for player in game.players],
        "networks": {name: _tensors(network) for name, network in game.networks.items()},
        "precision": training.precision,
        "is_clipped": training.grad_clip > 0,
        "is_averaged": training.ema > 0,
        "device": str(device),
    }
    return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:16]


def is_worth_padding(game: Game, wide: Game) -> bool:
    """Whether a game may train as a row of the wide one of a larger latent size, without much more to compute."""
    padding = Padding(game.pads, wide.pads)
    if not wide.pads or game.networks.keys() != wide.networks.keys():
        return False
    pairs = [(_shapes(game.networks[name]), _shapes(wide.networks[name])) for name in game.networks]
    pairs += [
        (
            {name: draw.shape for name, draw in own.noise.items()},
            {name: draw.shape for name, draw in other.noise.items()},
        )
        for own, other in zip(game.players, wide.players, strict=True)
    ]
    if any(own.keys() != other.keys() for own, other in pairs):
        return False
    fits = all(padding.fits(shape, other[name]) for own, other in pairs for name, shape in own.items())
    sizes = [sum(math.prod(shape) for own in shapes for shape in own.values()) for shapes in zip(*pairs, strict=True)]
    return fits and sizes[1] <= _PADDED_AT_MOST * sizes[0]


def unstackable_part(configuration: TrialConfiguration) -> str:
    """Why a component of a trial says that no pack may hold it; "" where none says so."""
    roots = (configuration.family, configuration.network, configuration.training.optimizer)
    parts = (part for root in roots for part in _parts(root))
    return next((f"{part.name}: {part.unstackable}" for part in parts if part.unstackable), "")


def _parts(component: Component) -> Iterator[Component]:
    """The component and those in its fields, at any depth."""
    yield component
    for name in type(component).model_fields:
        value = getattr(component, name)
        for member in value if isinstance(value, tuple | list) else (value,):
            if isinstance(member, Component):
                yield from _parts(member)


def _fixed(value: Any) -> Any:
    """A component without its knobs, as plain data; any other value as it is written."""
    if not isinstance(value, Component):
        return [_fixed(one) for one in value] if isinstance(value, tuple | list) else repr(value)
    fields = type(value).model_fields.items()
    free = {name for name, field in fields if any(isinstance(mark, Knob) for mark in field.metadata)}
    own = {name: _fixed(getattr(value, name)) for name, _ in fields if name not in free}
    return {"class": f"{type(value).__module__}.{type(value).__qualname__}", **own}


def _player(player: Player) -> list[Any]:
    noise = {name: [draw.shape, draw.law] for name, draw in player.noise.items()}
    return [player.name, player.trains, player.corrects, player.moves, noise]


def _tensors(network: torch.nn.Module) -> dict[str, list[str]]:
    return {name: [str(tuple(tensor.shape)), str(tensor.dtype)] for name, tensor in _named(network).items()}


def _shapes(network: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in _named(network).items()}


def _named(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return dict([*network.named_parameters(), *network.named_buffers()])
