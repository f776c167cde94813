"""What trials must have in common to be trained as one stack, as one hash; they may differ in all else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import torch

from gensweep.component import Component, Knob
from gensweep.configuration import TrialConfiguration
from gensweep.families.base import Game, Player


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
    named = [*network.named_parameters(), *network.named_buffers()]
    return {name: [str(tuple(tensor.shape)), str(tensor.dtype)] for name, tensor in named}
