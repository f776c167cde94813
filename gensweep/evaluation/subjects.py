"""What is evaluated: a trial, a checkpoint, or samples made elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import torch

from gensweep.configuration import TrialConfiguration
from gensweep.datasets.base import Dataset
from gensweep.errors import ConfigError, suggest
from gensweep.evaluation.given import array_in, images_in
from gensweep.ledger import checkpoints
from gensweep.ledger.checkpoints import Checkpoint
from gensweep.ledger.sweep_folder import SweepFolder, sweeps
from gensweep.ledger.trial_folder import TrialFolder
from gensweep.metrics.base import Model
from gensweep.trainers.checkpoint import believed, from_bytes
from gensweep.trial import STATE, TrainedModel, build_game, build_trainee, size_of_networks

_ACCEPTED = (
    "a trial (NAME/NUMBER), a trial's or a checkpoint's folder, a folder of images, or samples in a file .npy, .npz or "
    ".npz:KEY"
)


@dataclass(frozen=True)
class Subject:
    """What is evaluated, and the dataset that it was trained on, where that is known."""

    model: Model
    dataset: Dataset | None = None


def subject(what: str, runs: Path, reference: Dataset | None, *, latest: bool = False, resize: bool = False) -> Subject:
    """What `what` names, as something that can be evaluated.

    Args:
        what: a trial (NAME/NUMBER), a trial's or a checkpoint's folder, a folder of images, or a .npy or .npz file.
        runs: the folder of sweeps.
        reference: the dataset that samples made elsewhere have the shape and range of, and a model's items the shape.
        latest: a trial's newest checkpoint instead of its best.
        resize: images of another size to the reference's, instead of an error; their scores' protocols say so.

    Raises:
        ConfigError: there is no such thing, it cannot be read, or it makes items of another shape; the message names it.
    """
    path = Path(what).expanduser()
    if (path / checkpoints.MANIFEST).is_file():
        return _comparable(what, _of_checkpoint(path.parent.parent, _whole(path)), reference)
    if (path / "configuration.json").is_file():
        return _comparable(what, _of_trial(path, latest=latest), reference)
    if path.exists() or re.search(r"\.npz(:.*)?$|\.npy$", what):
        if reference is None:
            raise ConfigError(f"{what}: name the data to compare it with, as in --reference fashion_mnist.")
        found = images_in(path, reference, resize=resize) if path.is_dir() else array_in(what, reference)
        return Subject(found, reference)
    return _comparable(what, _of_trial(_trial_path(what, runs), latest=latest), reference)


def _comparable(what: str, found: Subject, reference: Dataset | None) -> Subject:
    own = found.dataset
    if own and reference and own.shape != reference.shape:
        raise ConfigError(
            f"{what} makes items of shape {own.shape}, {reference.name} are {reference.shape}. Give a --reference of items "
            f"as in {own.name}, which it was trained on, or none: it is then compared with those."
        )
    return found


def _of_trial(path: Path, *, latest: bool) -> Subject:
    folder = TrialFolder(path)
    checkpoint = folder.newest() if latest else folder.best() or folder.newest()
    if checkpoint is None:
        raise ConfigError(f"{path}: the trial has no checkpoint that verifies. It ended before its first evaluation.")
    return _of_checkpoint(path, checkpoint)


def _of_checkpoint(trial: Path, checkpoint: Checkpoint) -> Subject:
    described = TrialFolder(trial).configuration()
    if described is None:
        raise ConfigError(f"{checkpoint.path}: {trial / 'configuration.json'} is missing, so its networks are unknown.")
    with believed(trial / "configuration.json"):
        configuration = TrialConfiguration.model_validate(described)
    device = torch.device("cpu")
    with believed(checkpoint.path):
        data = checkpoint.read(STATE)
        if (least := size_of_networks(configuration)) > len(data):
            raise ValueError(f"its {len(data):,} bytes are not the {least:,} of the networks in configuration.json")
        trainee = build_trainee(configuration, build_game(configuration), device)
        trainee.restore(from_bytes(data, device)["trainee"])
    return Subject(TrainedModel(trainee.averaged(), configuration, device), configuration.dataset)


def _whole(path: Path) -> Checkpoint:
    checkpoint = checkpoints.at(path)
    if checkpoint is None:
        raise ConfigError(f"{path}: a torn or altered checkpoint: its files do not have the digests of its manifest.")
    return checkpoint


def _trial_path(what: str, runs: Path) -> Path:
    name, _, number = what.rpartition("/")
    if not name or not number.isdecimal():
        raise ConfigError(f"'{what}': no such file or folder. Accepted: {_ACCEPTED}.")
    if not (runs / name / "sweep.yaml").exists():
        raise ConfigError(f"there is no sweep '{name}' in {runs}. {suggest(name, [f.name for f in sweeps(runs)])}")
    folder = SweepFolder.open(runs / name)
    trials = folder.state().trials
    if int(number) not in trials:
        raise ConfigError(f"{name} has no trial {number}. It has {len(trials)} trials, from 0 on.")
    return folder.path / "trials" / trials[int(number)].folder_name
