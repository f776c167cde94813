"""What is evaluated: a trial, a checkpoint, or samples made elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import torch

from gensweep.datasets.base import Dataset
from gensweep.errors import ConfigError
from gensweep.evaluation.given import array_in, images_in
from gensweep.metrics.base import Model
from gensweep.models.checkpoint import restored
from gensweep.models.naming import holds_model, named
from gensweep.progress import tell_once

_ALSO = ", a folder of images, or samples in a file .npy, .npz or .npz:KEY"


@dataclass(frozen=True)
class Subject:
    """What is evaluated, and the dataset that it was trained on, where that is known."""

    model: Model
    dataset: Dataset | None = None


def subject(what: str, runs: Path, reference: Dataset | None, *, latest: bool = False, resize: bool = False) -> Subject:
    """What `what` names, as something that can be evaluated.

    Args:
        what: a model as models/naming.py has it, a folder of images, or a .npy or .npz file.
        runs: the folder of sweeps.
        reference: the dataset that samples made elsewhere have the shape and range of, and a model's items the shape.
        latest: a trial's newest checkpoint instead of its best.
        resize: images of another size to the reference's, instead of an error; their scores' protocols say so.

    Raises:
        ConfigError: there is no such thing, it cannot be read, or it makes items of another shape; the message names it.
    """
    path = Path(what).expanduser()
    if not holds_model(path) and (path.exists() or re.search(r"\.npz(:.*)?$|\.npy$", what)):
        if reference is None:
            raise ConfigError(f"{what}: name the data to compare it with, as in --reference fashion_mnist.")
        given = images_in(path, reference, resize=resize) if path.is_dir() else array_in(what, reference)
        return Subject(given, reference)
    found = named(what, runs, latest=latest, also=_ALSO)
    if found.why:
        tell_once(f"{what} is {found.name}: {found.why}.")
    model = restored(found.trial, found.checkpoint, torch.device("cpu"))
    return _comparable(what, Subject(model.trained, model.configuration.dataset), reference)


def _comparable(what: str, found: Subject, reference: Dataset | None) -> Subject:
    own = found.dataset
    if own and reference and own.shape != reference.shape:
        raise ConfigError(
            f"{what} makes items of shape {own.shape}, {reference.name} are {reference.shape}. Give a --reference of items "
            f"as in {own.name}, which it was trained on, or none: it is then compared with those."
        )
    return found
