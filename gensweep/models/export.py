"""A model as files that need no gensweep: one archive of torch.export, the weights alone, and a card that tells of both."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save as save_tensors
from torch.export.pt2_archive._package import package_pt2

from gensweep.ledger import checkpoints
from gensweep.ledger.foreign import document, json_of
from gensweep.models.card import card
from gensweep.models.generative import GenerativeModel
from gensweep.models.programs import SAMPLE, Program, programs

NOTE: Final = "gensweep.json"  # in the archive
_DEFAULT = "model"  # the program that `torch.export.load` gives


@dataclass(frozen=True)
class Exported:
    """The three files of a model by how their names end, and what the archive says of itself.

    The archive holds a program for each method; that of `sample` is the one that `torch.export.load` gives. The weights are of
    all networks of the game, those too that no program needs, named `network.parameter`.
    """

    about: Mapping[str, Any]
    archive: bytes
    weights: bytes
    card: str

    def files(self) -> dict[str, bytes]:
        """The content of each file, by how its name ends."""
        return {".pt2": self.archive, ".safetensors": self.weights, ".md": self.card.encode()}

    def write(self, folder: Path, stem: str = "model") -> None:
        """Write the files into a folder that is the caller's own."""
        for ending, content in self.files().items():
            (folder / f"{stem}{ending}").write_bytes(content)


def export(model: GenerativeModel, stem: str = "model") -> Exported:
    """The files of a model; `stem` is what the card calls them.

    Raises:
        ConfigError: its family is none that torch can export, or the data that it is fitted to are not here.
        CannotRun: what was exported gives other numbers than the model.
    """
    found = programs(model)
    about = _about(model, found)
    return Exported(about, _archive(found, about), _weights(model, about), card(model, about, stem))


def manifest_digest(checkpoint: Path) -> str:
    """The SHA-256 of a checkpoint that verified."""
    return str(json_of(document(checkpoint / checkpoints.MANIFEST))["sha256"])


def _about(model: GenerativeModel, found: Mapping[str, Program]) -> dict[str, Any]:
    """What the archive says of itself, as plain data."""
    sweep = model.named.sweep
    identity = sweep.identity() if sweep else None
    return {
        "family": model.family,
        "shape": list(model.shape),
        "bounds": None if model.bounds is None else list(model.bounds),
        "latent_size": model.latent_size,
        "methods": {
            method: {name: {"shape": list(one.shape), "law": one.law} for name, one in program.inputs.items()}
            for method, program in found.items()
        },
        "trial": model.name,
        "sweep_id": identity.sweep_id if identity else "",
        "checkpoint": manifest_digest(model.checkpoint),
        "torch": torch.__version__.partition("+")[0],
    }


def _archive(found: Mapping[str, Program], about: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    named = {_DEFAULT if method == SAMPLE else method: program.exported for method, program in found.items()}
    with _quiet():
        package_pt2(file, exported_programs=named, extra_files={NOTE: json.dumps(about)})
    return file.getvalue()


def _weights(model: GenerativeModel, about: Mapping[str, Any]) -> bytes:
    """Every parameter and buffer; a copy of each, for the format knows no tensors that share memory."""
    tensors = {
        f"{name}.{key}": value.detach().cpu().contiguous().clone()
        for name, network in model.game.networks.items()
        for key, value in network.state_dict().items()
    }
    told = {
        "family": about["family"],
        "sweep": about["sweep_id"],
        "trial": about["trial"],
        "digest": about["checkpoint"],
    }
    return save_tensors(tensors, {**told, "format": "pt"})


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch warns of: that a tensor is a part of another one, which is saved whole."""
    logger = logging.getLogger("torch.export")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logger.setLevel(level)
