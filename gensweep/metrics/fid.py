"""Fréchet distance to the data in the features of a frozen network."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field

from gensweep.cache import WORTH_A_FILE, cached
from gensweep.datasets.base import Dataset, SplitName, load
from gensweep.mathematics.frechet import frechet_distance_from_root, moments, root
from gensweep.metrics._featured import Featured
from gensweep.metrics._samples import fakes, protocol, warn_of_few
from gensweep.metrics.base import Model, Score, Scorer, subset

_MAX_FAKE = 5000


class FID(Featured):
    """The Fréchet distance between Gaussians fitted to the features of n_fake samples and of a whole split.

    FID = |m_r − m_f|² + Tr(C_r + C_f − 2 (C_r^½ C_f C_r^½)^½), computed in float64.

    Values compare with published ones only with `extractor: inception` and the publication's own n and resizing. For
    each image dataset that ships a small classifier of its own, trained on the training split, ships too. The finite
    samples bias the value upwards, by about 0.27 d²/n for d unit features; `floor` is the same number for n_fake
    training items instead of samples.

    Fields: `extractor` as in Featured; `n_fake` samples (null: as many as the training split has, at most 5000);
    `seed` of the choice of training items for the floor.

    Source: M. Heusel, H. Ramsauer, T. Unterthiner, B. Nessler, S. Hochreiter, "GANs trained by a two time-scale update
    rule converge to a local Nash equilibrium", 2017, arXiv:1706.08500, equation 6.
    Differs: the default extractor; the trace by the eigenvalues of a symmetric matrix instead of `sqrtm`.
    """

    mode: ClassVar[Literal["min", "max"]] = "min"
    is_ratio: ClassVar[bool] = True

    name: Literal["fid"] = "fid"
    n_fake: int | None = Field(None, ge=2, description="samples; null: the training split's size, at most 5000")
    seed: int = Field(0, ge=0, description="seed of the choice of training items for the floor")

    def against(self, dataset: Dataset, split: SplitName) -> Scorer:
        """The scorer; takes the reference's moments once, and keeps those of a large one on disk."""
        return _Scorer(self, dataset, split)


class _Scorer(Scorer):
    def __init__(self, metric: FID, dataset: Dataset, split: SplitName) -> None:
        splits = load(dataset)
        self.real, self.train, self.seed = splits.split(split), splits.train, metric.seed
        self.extractor = metric.features(dataset)
        self.n_fake = metric.n_fake or min(_MAX_FAKE, len(splits.train))
        self.protocol = protocol(
            metric, dataset, split, (len(self.real), self.n_fake), **self.extractor.described,
            estimator="biased V-statistic, covariances over n - 1, float64",
        )  # fmt: skip
        large = len(self.real) >= WORTH_A_FILE
        prepared = cached(self.protocol.content, self._prepare) if large else self._prepare()
        self.mean, self.root = prepared["mean"], root(prepared["covariance"])
        warn_of_few("fid", min(len(self.real), self.n_fake), len(self.mean))
        self.details = {"floor": float(prepared["floor"])} if "floor" in prepared else {}

    def score(self, model: Model) -> Score:
        drawn = fakes(model, self.n_fake)
        return Score(math.nan if drawn is None else self._distance(drawn), self.details)

    def _distance(self, items: torch.Tensor) -> float:
        found = moments(self.extractor.batches(items))
        return frechet_distance_from_root(self.mean, self.root, found.mean, found.covariance)

    def _prepare(self) -> dict[str, torch.Tensor]:
        found = moments(self.extractor.batches(self.real))
        prepared = {"mean": found.mean, "covariance": found.covariance}
        if len(self.train) >= self.n_fake:
            self.mean, self.root = found.mean, root(found.covariance)
            floor = self._distance(subset(self.train, self.n_fake, self.seed, "floor"))
            prepared["floor"] = torch.tensor(floor, dtype=torch.float64)
        return prepared
