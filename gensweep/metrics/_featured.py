"""The field that chooses a feature extractor, shared by every metric that compares features."""

from __future__ import annotations

import math
import shlex
from abc import ABC
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field, field_validator

from gensweep.datasets.base import Dataset
from gensweep.errors import ConfigError, suggest
from gensweep.extractors import foreign
from gensweep.extractors.frozen import (
    FOREIGN,
    IDENTITY,
    SPECTRUM,
    Extractor,
    ExtractorName,
    card,
    load_extractor,
    names,
)
from gensweep.extractors.trust import trust
from gensweep.metrics.base import Metric


class Featured(Metric, ABC):
    """A metric in the features of a frozen network.

    `extractor` is `auto` (the one that ships for the dataset; `identity` for vectors), `identity` (the raw values),
    `spectrum` (what of an image no shift changes; see extractors/spectrum.py), the name of one that ships, `inception` or
    `inception:PATH` (the literature's; see extractors/foreign.py), or `file:PATH` (any torch.export or TorchScript file).
    Its hash is part of the protocol. `trust` says that the file may run code: one of TorchScript is refused without it. It
    counts in a search-space file and never in a sweep's folder, which may be anyone's.
    """

    extractor: Annotated[str, ExtractorName()] = Field(
        "auto", description="auto, identity, spectrum, one that ships, inception, inception:PATH or file:PATH"
    )

    is_trusted: bool = Field(False, alias="trust", exclude=True, description="the extractor's file may run code")

    @field_validator("extractor")
    @classmethod
    def _exists(cls, extractor: str) -> str:
        kind, _, path = extractor.partition(":")
        if kind in FOREIGN and (path or extractor == "inception"):
            return extractor
        known = ["auto", IDENTITY, SPECTRUM, *names(), "inception", "file:PATH"]
        if extractor not in known[:-1]:
            raise ValueError(f"unknown extractor '{extractor}'. {suggest(extractor, known)}")
        return extractor

    def misfit(self, dataset: Dataset) -> str | None:
        """Why no features can be taken of `dataset`."""
        chosen = self._chosen(dataset)
        kind = chosen.partition(":")[0]
        if chosen == IDENTITY or kind == "file":
            return None
        reason = _no_image(kind, dataset) if kind in (SPECTRUM, "inception") else _not_its_shape(chosen, dataset)
        return reason and f"metric {self.name}: {reason}"

    def problem(self) -> str | None:
        """Why the weights cannot be had."""
        kind, _, path = self.extractor.partition(":")
        reason = foreign.problem(kind, path) if kind in FOREIGN else None
        return reason and f"metric {self.name}: {reason}"

    def left_unopened(self) -> str | None:
        """Inception where it is not here yet."""
        kind, _, path = self.extractor.partition(":")
        fetched = kind == "inception" and foreign.is_to_be_fetched(path)
        return f"extractor {self.extractor} is fetched by `gensweep run`" if fetched else None

    def trust(self) -> None:
        """Remember the file, where `trust` is true."""
        kind, _, path = self.extractor.partition(":")
        if self.is_trusted and kind == "file":
            trust(Path(path))

    def ready(self, dataset: Dataset) -> None:
        """Open the extractor."""
        self.features(dataset)

    def features(self, dataset: Dataset) -> Extractor:
        """The extractor for `dataset`.

        Raises:
            ConfigError: there is none, or it is damaged, or it cannot take the data.
        """
        if reason := self.misfit(dataset):
            raise ConfigError(reason)
        found = load_extractor(self._chosen(dataset), dataset.bounds)
        if (made_from := found.card.shape) and made_from != dataset.shape:
            raise ConfigError(
                f"metric {self.name}: {self.extractor} was made from items of shape {made_from}, dataset {dataset.name} has "
                f"{dataset.shape}. Make one of this dataset with `gensweep train-extractor`."
            )
        if found.name in FOREIGN:
            low, high = dataset.bounds or (0.0, 1.0)
            grid = torch.linspace(low, high, 3 * math.prod(dataset.shape)).reshape(3, *dataset.shape)
            foreign.probe(found.features, found.name, grid)
        return found

    def _chosen(self, dataset: Dataset) -> str:
        if self.extractor != "auto":
            return self.extractor
        return IDENTITY if len(dataset.shape) == 1 else dataset.name


def _no_image(kind: str, dataset: Dataset) -> str | None:
    """Why the items of `dataset` are no images that `spectrum` or `inception` takes."""
    is_image = len(dataset.shape) == 3
    if kind == SPECTRUM:
        cure = "Choose `extractor: identity`."
        return None if is_image else f"extractor spectrum takes images; {dataset.name} has none. {cure}"
    if is_image and dataset.shape[0] in (1, 3) and dataset.bounds:
        return None
    return f"extractor inception takes images of a known range, grey or in colour; {dataset.name} has none."


def _not_its_shape(chosen: str, dataset: Dataset) -> str | None:
    """Why the extractor named `chosen`, which ships if there is one, does not take the items of `dataset`."""
    if chosen not in names():
        line = dataset.line
        of = shlex.quote(line) if line else "--of YOUR_FILE.yaml"
        return (
            f"no feature extractor ships for dataset {dataset.name}; there are {', '.join(names())}. Make one, "
            f"`gensweep train-extractor {of} -o FILE.pt2`, and choose `extractor: file:FILE.pt2`; or "
            "`extractor: inception` or `extractor: identity` (raw values), or the metrics wasserstein and "
            "sliced_wasserstein."
        )
    if (wanted := tuple(card(chosen)["shape"])) != dataset.shape:
        return f"extractor {chosen} takes items of shape {wanted}, dataset {dataset.name} has {dataset.shape}."
    return None
