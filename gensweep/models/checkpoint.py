"""A checkpoint as a trained model: what anybody may have written is checked before it is believed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gensweep.configuration import TrialConfiguration
from gensweep.errors import ConfigError
from gensweep.ledger import checkpoints
from gensweep.ledger.checkpoints import Checkpoint
from gensweep.ledger.foreign import document
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.ledger.trial_folder import TrialFolder
from gensweep.text import printable
from gensweep.trainers.checkpoint import believed, from_bytes
from gensweep.trial import STATE, TrainedModel, build_game, build_trainee, size_of_networks


@dataclass(frozen=True, eq=False)
class Restored:
    """A trained model, the configuration that it was trained by, and the scores that it had when it was saved."""

    trained: TrainedModel
    configuration: TrialConfiguration
    scores: Mapping[str, float]


def best_of(trial: Path, *, latest: bool = False) -> Checkpoint:
    """The checkpoint of a trial's best epoch, or its newest one.

    Raises:
        ConfigError: there is none that verifies.
    """
    folder = TrialFolder(trial)
    found = folder.newest() if latest else folder.best() or folder.newest()
    if found is None:
        raise ConfigError(f"{trial}: the trial has no checkpoint that verifies. {_why_none(trial)}")
    return found


def _why_none(trial: Path) -> str:
    try:
        there = sorted(one.name for one in (trial / "checkpoints").iterdir() if not one.name.startswith("."))
    except FileNotFoundError:
        there = []
    if not there and (stored := SweepFolder(trial.parents[1]).stored()) is not None:
        return (
            f"It is kept at {printable(stored.place)} as long as the trial trains; gensweep resume {trial.parents[1].name} "
            "brings those of trials that have ended."
        )
    if not there:
        return "It ended before its first evaluation."
    return (
        f"The files of {', '.join(there)} do not have the digests of their manifests: they are torn or were altered. "
        "Restore them from a copy, or take another trial; gensweep doctor says what is whole."
    )


def at(path: Path) -> Checkpoint:
    """The checkpoint in a folder.

    Raises:
        ConfigError: it is torn or altered.
    """
    found = checkpoints.at(path)
    if found is None:
        raise ConfigError(f"{path}: a torn or altered checkpoint: its files do not have the digests of its manifest.")
    return found


def configuration_of(trial: Path) -> TrialConfiguration:
    """What a trial was trained by.

    Raises:
        ConfigError: it does not say.
        DamagedSweep: what it says is no configuration.
    """
    described = TrialFolder(trial).configuration()
    if described is None:
        raise ConfigError(f"{trial / 'configuration.json'} is missing, so the networks of its checkpoints are unknown.")
    with believed(trial / "configuration.json"):
        return TrialConfiguration.model_validate(described)


def restored(trial: Path, checkpoint: Checkpoint, device: torch.device) -> Restored:
    """The model of a trial's checkpoint, with the averaged weights where it was trained with these.

    Raises:
        ConfigError: nothing says what it was trained by.
        DamagedSweep: it holds what no trial of its configuration wrote.
    """
    configuration = configuration_of(trial)
    with believed(checkpoint.path):
        data = checkpoint.read(STATE)
        if (least := size_of_networks(configuration)) > len(data):
            raise ValueError(f"its {len(data):,} bytes are not the {least:,} of the networks in configuration.json")
        state = from_bytes(data, device)
        trainee = build_trainee(configuration, build_game(configuration), device)
        trainee.restore(state["trainee"])
        scores = {str(name): float(value) for name, value in state.get("scores", {}).items()}
    return Restored(TrainedModel(trainee.averaged(), configuration, device), configuration, scores)


def protocols_of(trial: Path) -> dict[str, Any]:
    """How each of a trial's scores was taken, by its name; empty where nothing says."""
    try:
        found = json.loads(document(trial / "protocol.json"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
