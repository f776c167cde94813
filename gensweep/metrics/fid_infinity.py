"""Fréchet distance extrapolated to infinitely many samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field

from gensweep.datasets.base import Dataset, SplitName, load
from gensweep.errors import ConfigError
from gensweep.metrics._featured import Featured
from gensweep.metrics._frechet import frechet_distance_from_root, moments, root
from gensweep.metrics._reference_cache import WORTH_A_FILE, cached
from gensweep.metrics._samples import fakes, protocol, subset, warn_of_few
from gensweep.metrics.base import Model, Score, Scorer
from gensweep.seeding import derive

_DEFAULT_N = 5000


class FIDInfinity(Featured):
    """FID of several numbers of samples, extrapolated along 1/n to infinitely many.

    FID(n) ≈ FID∞ + b/n. FID is taken of `sizes` numbers of samples from n_fake/10 to n_fake, evenly spaced, each a
    random subset, against the whole split; the intercept of the least-squares line in 1/n is the score. It removes
    the samples' bias of order 1/n, which depends on the model; what is left is mostly the finite split's, which all
    models are compared with. It may be negative. Details: `fid`, at n_fake; `slope` b; `residual`, the root mean square
    about the line; `floor`, the score of n_fake training items, which shows what is left.

    Fields: `extractor` as in Featured; `n_fake` samples (null: 5000); `sizes`; `seed` of the subsets and of the
    choice of training items for the floor.

    Source: M. J. Chong, D. Forsyth, "Effectively unbiased FID and Inception score and where to find them", 2020,
    arXiv:1911.07023, section 4; 15 sizes and the tenth as in the authors' code.
    Differs: the samples are the model's own sequence, not Sobol points.
    """

    mode: ClassVar[Literal["min", "max"]] = "min"
    detail_modes: ClassVar[Mapping[str, Literal["min", "max"]]] = {"fid": "min"}
    bounds: ClassVar[tuple[float, float]] = (-math.inf, math.inf)

    name: Literal["fid_infinity"] = "fid_infinity"
    n_fake: int | None = Field(None, ge=100, description="samples; null: 5000")
    sizes: int = Field(15, ge=2, le=200, description="numbers of samples that the line is fitted to")
    seed: int = Field(0, ge=0, description="seed of the subsets and of the floor's items")

    def against(self, dataset: Dataset, split: SplitName) -> Scorer:
        """The scorer; takes the reference's moments once, and keeps those of a large one on disk."""
        if reason := self.misfit(dataset):
            raise ConfigError(reason)
        return _Scorer(self, dataset, split)


class _Scorer(Scorer):
    def __init__(self, metric: FIDInfinity, dataset: Dataset, split: SplitName) -> None:
        splits = load(dataset)
        self.real, self.train, self.seed = splits.split(split), splits.train, metric.seed
        self.extractor = metric.features(dataset)
        self.n_fake = metric.n_fake or _DEFAULT_N
        self.sizes = torch.linspace(self.n_fake // 10, self.n_fake, metric.sizes).int().tolist()
        self.protocol = protocol(
            metric, dataset, split, (len(self.real), self.n_fake), **self.extractor.described,
            estimator="intercept of FID in 1/n; covariances over n - 1, float64", from_n=self.sizes[0],
        )  # fmt: skip
        large = len(self.real) >= WORTH_A_FILE
        prepared = cached(self.protocol.content, self._prepare) if large else self._prepare()
        self.mean, self.root = prepared["mean"], root(prepared["covariance"])
        warn_of_few("fid_infinity", min(len(self.real), self.sizes[0]), len(self.mean))
        self.floor = {"floor": float(prepared["floor"])} if "floor" in prepared else {}

    def score(self, model: Model) -> Score:
        drawn = fakes(model, self.n_fake)
        found = Score(math.nan) if drawn is None else self._of(drawn)
        return Score(found.value, {**found.details, **self.floor})

    def _of(self, items: torch.Tensor) -> Score:
        features = self.extractor.features(items)
        generator = torch.Generator().manual_seed(derive(self.seed, "subsets"))
        values = []
        for n in self.sizes:
            chosen = features[torch.randperm(self.n_fake, generator=generator)[:n]]
            found = moments([chosen])
            values.append(frechet_distance_from_root(self.mean, self.root, found.mean, found.covariance))
        return _extrapolated(self.sizes, values)

    def _prepare(self) -> dict[str, torch.Tensor]:
        found = moments(self.extractor.batches(self.real))
        prepared = {"mean": found.mean, "covariance": found.covariance}
        if len(self.train) >= self.n_fake:
            self.mean, self.root = found.mean, root(found.covariance)
            floor = self._of(subset(self.train, self.n_fake, self.seed, "floor")).value
            prepared["floor"] = torch.tensor(floor, dtype=torch.float64)
        return prepared


def _extrapolated(sizes: list[int], values: list[float]) -> Score:
    """The least-squares line through (1/n, value)."""
    if not all(map(math.isfinite, values)):
        return Score(math.nan)
    inverse, y = 1 / torch.tensor(sizes, dtype=torch.float64), torch.tensor(values, dtype=torch.float64)
    slope = float(((inverse - inverse.mean()) * y).sum() / (inverse - inverse.mean()).square().sum())
    intercept = float(y.mean()) - slope * float(inverse.mean())
    residual = float((y - intercept - slope * inverse).square().mean().sqrt())
    return Score(intercept, {"fid": values[-1], "slope": slope, "residual": residual})
