"""Fréchet distance to the data in the features of a frozen network."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field, field_validator

from gensweep.datasets.base import Dataset, SplitName, load
from gensweep.errors import ConfigError, suggest
from gensweep.metrics.base import Metric, Model, Score, ScoreProtocol, Scorer

_MAX_FAKE = 5000
_CACHED_FROM = 2000


class FID(Metric):
    """The Fréchet distance between Gaussians fitted to the features of n_fake samples and of a whole split.

    FID = |m_r − m_f|² + Tr(C_r + C_f − 2 (C_r^½ C_f C_r^½)^½), computed in float64.

    The features are not Inception's, so the values compare with no published FID: for each image dataset that ships a
    small classifier of its own, trained on the training split, ships too. Its hash is part of the protocol. The finite
    samples bias it upwards, by about 0.27 d²/n for d unit features; `floor` is the same number for n_fake training
    items instead of samples.

    Fields: `extractor`, `auto` (the one that ships for the dataset; `identity` for vectors), `identity` (the raw
    values) or the name of one that ships; `n_fake` samples (null: as many as the training split has, at most 5000);
    `seed` of the choice of training items for the floor.

    Source: M. Heusel, H. Ramsauer, T. Unterthiner, B. Nessler, S. Hochreiter, "GANs trained by a two time-scale update
    rule converge to a local Nash equilibrium", 2017, arXiv:1706.08500, equation 6.
    Differs: the feature extractor; the trace by the eigenvalues of a symmetric matrix instead of `sqrtm`.
    """

    mode: ClassVar[Literal["min", "max"]] = "min"

    name: Literal["fid"] = "fid"
    extractor: str = Field("auto", description="auto, identity, or the name of an extractor that ships")
    n_fake: int | None = Field(None, ge=2, description="samples; null: the training split's size, at most 5000")
    seed: int = Field(0, ge=0, description="seed of the choice of training items for the floor")

    @field_validator("extractor")
    @classmethod
    def _exists(cls, extractor: str) -> str:
        from gensweep.metrics._cards import IDENTITY, names

        known = ["auto", IDENTITY, *names()]
        if extractor not in known:
            raise ValueError(f"unknown extractor '{extractor}'. {suggest(extractor, known)}")
        return extractor

    def misfit(self, dataset: Dataset) -> str | None:
        """Why no features can be taken of `dataset`."""
        from gensweep.metrics._cards import IDENTITY, card, names

        data, chosen = dataset.dump()["name"], self._extractor_for(dataset)
        if chosen == IDENTITY:
            return None
        if chosen not in names():
            return (
                f"metric fid: no feature extractor ships for dataset {data}; there are {', '.join(names())}. Choose "
                "`extractor: identity` (raw values), or the metrics wasserstein and sliced_wasserstein."
            )
        if (wanted := tuple(card(chosen)["shape"])) != dataset.shape:
            return f"metric fid: extractor {chosen} takes items of shape {wanted}, dataset {data} has {dataset.shape}."
        return None

    def against(self, dataset: Dataset, split: SplitName) -> Scorer:
        """The scorer; takes the reference's moments once, and keeps those of a large one on disk."""
        if reason := self.misfit(dataset):
            raise ConfigError(reason)
        return _Scorer(self, dataset, split, self._extractor_for(dataset))

    def _extractor_for(self, dataset: Dataset) -> str:
        if self.extractor != "auto":
            return self.extractor
        return "identity" if len(dataset.shape) == 1 else str(dataset.dump()["name"])


class _Scorer(Scorer):
    def __init__(self, metric: FID, dataset: Dataset, split: SplitName, extractor: str) -> None:
        from gensweep.metrics import _frechet
        from gensweep.metrics._extractor import load_extractor
        from gensweep.metrics._reference_cache import cached
        from gensweep.metrics._samples import reference

        splits = load(dataset)
        self.real, self.train, self.seed = splits.split(split), splits.train, metric.seed
        self.extractor = load_extractor(extractor)
        self.n_fake = metric.n_fake or min(_MAX_FAKE, len(splits.train))
        self.protocol = ScoreProtocol({
            "metric": "fid", "version": 1, "estimator": "biased V-statistic, covariances over n - 1, float64",
            **reference(dataset, split),
            "extractor": extractor, "weights": self.extractor.hash, "n_real": len(self.real), "n_fake": self.n_fake,
            "values": list(dataset.bounds) if dataset.bounds else "unbounded", "clipping": "none", "seed": metric.seed,
        })  # fmt: skip
        large = len(self.real) >= _CACHED_FROM
        prepared = cached(self.protocol.content, self._prepare) if large else self._prepare()
        self.mean, self.root = prepared["mean"], _frechet.root(prepared["covariance"])
        self.details = {"floor": float(prepared["floor"])} if "floor" in prepared else {}

    def score(self, model: Model) -> Score:
        from gensweep.metrics._samples import fakes

        drawn = fakes(model, self.n_fake)
        return Score(math.nan if drawn is None else self._distance(drawn), self.details)

    def _distance(self, items: torch.Tensor) -> float:
        from gensweep.metrics._frechet import frechet_distance_from_root, moments

        found = moments(self.extractor.batches(items))
        return frechet_distance_from_root(self.mean, self.root, found.mean, found.covariance)

    def _prepare(self) -> dict[str, torch.Tensor]:
        from gensweep.metrics import _frechet
        from gensweep.metrics._samples import subset

        found = _frechet.moments(self.extractor.batches(self.real))
        prepared = {"mean": found.mean, "covariance": found.covariance}
        if len(self.train) >= self.n_fake:
            self.mean, self.root = found.mean, _frechet.root(found.covariance)
            floor = self._distance(subset(self.train, self.n_fake, self.seed, "floor"))
            prepared["floor"] = torch.tensor(floor, dtype=torch.float64)
        return prepared
