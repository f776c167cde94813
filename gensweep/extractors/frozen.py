"""The frozen networks in whose features images are compared, and how one is known not to have changed."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch

from gensweep.component import Location
from gensweep.errors import ConfigError
from gensweep.extractors import foreign
from gensweep.extractors.cards import Card
from gensweep.extractors.networks import SmallCNN
from gensweep.extractors.preparation import Preparation
from gensweep.extractors.spectrum import Spectrum

FOLDER = Path(__file__).parent / "weights"
IDENTITY, SPECTRUM = "identity", "spectrum"  # no networks: the raw values, and what of an image no shift changes
FOREIGN = ("inception", "file")  # networks that do not ship: see foreign.py
_BATCH = 100  # its activations stay in the cache: half the time of 500


class ExtractorName(Location):
    """Marks a field that names an extractor: `file:PATH` and `inception:PATH` hold a path, others none."""

    def path(self, text: str) -> str:
        """See Location."""
        kind, _, path = text.partition(":")
        return path if kind in FOREIGN else ""

    def absolute(self, text: str, folder: Path) -> str:
        """See Location."""
        kind, _, path = text.partition(":")
        return f"{kind}:{super().absolute(path, folder)}" if path and kind in FOREIGN else text


def names() -> list[str]:
    """Every extractor that ships: a folder listing, nothing is loaded."""
    return sorted(card.stem for card in FOLDER.glob("*.json"))


def card(name: str) -> dict[str, Any]:
    """What is known of extractor `name`: its input's shape, its features, its accuracy and how it was trained."""
    return json.loads((FOLDER / f"{name}.json").read_text())  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Extractor:
    """A frozen map from items to features.

    `hash` is the first 8 digits of the SHA-256 of its weights' file. `described` is what the protocol says of it.
    """

    name: str
    hash: str
    network: torch.nn.Module
    prepare: Preparation = field(default_factory=Preparation)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    card: Card = field(default_factory=Card)

    def batches(self, items: torch.Tensor) -> Iterator[torch.Tensor]:
        """The features of items [n, *shape], as batches [b, d] in order. Without gradients, on the CPU.

        Raises:
            ConfigError: a value lies outside the range that the network's input declares.
        """
        began, said = time.monotonic(), 2.0
        done = 0
        for batch in torch.split(items, _BATCH):
            with torch.inference_mode():
                if self.network.training:
                    self.network.eval()  # whoever holds the network may have set its mode
                features = self.network(self.prepare(batch, self.name), **self.arguments).flatten(1)
            yield features
            done += len(batch)
            if (passed := time.monotonic() - began) > said and done < len(items):
                said = passed + 10
                print(f"{self.name}: features of {done} of {len(items)} items, {passed:.0f} s", file=sys.stderr)

    def features(self, items: torch.Tensor) -> torch.Tensor:
        """`batches` as one tensor [n, d]."""
        return torch.cat(list(self.batches(items)))

    @property
    def described(self) -> dict[str, Any]:
        """What a protocol says of the features. Where the file lies is no part of it."""
        return {"extractor": self.name, "weights": self.hash, **self.prepare.described, **self.card.described}


@cache
def load_extractor(name: str, bounds: tuple[float, float] | None = None) -> Extractor:
    """The extractor, in evaluation mode, for data within `bounds`.

    `identity` leaves items as they are, flattened; `spectrum` is in spectrum.py; `inception`, `inception:PATH` and
    `file:PATH` are in foreign.py.

    Raises:
        ConfigError: its weights are not the ones that its card describes, or cannot be had.
    """
    if name == IDENTITY:
        return Extractor(name, IDENTITY, torch.nn.Flatten())
    if name == SPECTRUM:
        return Extractor(name, SPECTRUM, Spectrum())
    kind, _, path = name.partition(":")
    if kind in FOREIGN:
        file = foreign.inception_file(path) if kind == "inception" else Path(path).expanduser()
        found = foreign.load(kind, file, bounds)
        return Extractor(kind, found.digest[:8], found.network, found.preparation, foreign.ARGUMENTS[kind], found.card)
    described, weights_file = card(name), FOLDER / f"{name}.pt"
    data = weights_file.read_bytes() if weights_file.exists() else b""
    digest = hashlib.sha256(data).hexdigest()
    if digest != described["sha256"]:
        raise ConfigError(
            f"feature extractor '{name}': {weights_file} is {'damaged or altered' if data else 'missing'}: SHA-256 "
            f"{digest}, its card says {described['sha256']}. Scores taken with other weights could not be compared; "
            "reinstall gensweep, or restore the file from the repository."
        )
    shipped = SmallCNN(tuple(described["shape"]), described["features"])
    weights = torch.load(io.BytesIO(data), weights_only=True)
    shipped.load_state_dict({key: value.float() for key, value in weights.items()})
    return Extractor(name, digest[:8], shipped.eval().requires_grad_(False))
