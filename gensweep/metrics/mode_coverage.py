"""How many modes of a toy the samples reach."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field

from gensweep.datasets.base import Dataset, SplitName, load
from gensweep.errors import ConfigError
from gensweep.metrics._samples import fakes, protocol
from gensweep.metrics.base import Metric, Model, Score, Scorer

_WITHIN = 3  # standard deviations, Euclidean


class ModeCoverage(Metric):
    """The share of a mixture's modes that have a sample within 3σ of their centre.

    For data of equally wide round Gaussians, such as ring and grid. Details: `modes`, how many are reached;
    `high_quality`, the share of samples within 3σ of any centre (0.989 for the data themselves in the plane);
    `evenness`, the entropy of how these spread over the modes, divided by its largest value log k: near 1 for the
    data, 0 where all are at one mode.

    Fields: `n_fake` samples.

    Source: A. Srivastava, L. Valkov, C. Russell, M. Gutmann, C. Sutton, "VEEGAN", 2017, arXiv:1705.07761, section 4.1.
    """

    mode: ClassVar[Literal["min", "max"]] = "max"
    detail_modes: ClassVar[Mapping[str, Literal["min", "max"]]] = {
        "modes": "max",
        "high_quality": "max",
        "evenness": "max",
    }
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    name: Literal["mode_coverage"] = "mode_coverage"
    n_fake: int = Field(2500, ge=1, description="samples")

    def misfit(self, dataset: Dataset) -> str | None:
        """It needs to know where the modes are."""
        if dataset.modes() is None:
            return (
                f"metric mode_coverage: dataset {dataset.name} is no mixture of equally wide round Gaussians. "
                "Use it with ring, grid or such a gaussian_mixture, or take density_coverage."
            )
        return None

    def against(self, dataset: Dataset, split: SplitName) -> Scorer:
        """The scorer; of the data it needs the centres only."""
        if reason := self.misfit(dataset):
            raise ConfigError(reason)
        return _Scorer(self, dataset, split)


class _Scorer(Scorer):
    def __init__(self, metric: ModeCoverage, dataset: Dataset, split: SplitName) -> None:
        modes = dataset.modes()
        assert modes is not None
        self.centres, self.radius, self.n_fake = modes[0].double(), _WITHIN * modes[1], metric.n_fake
        sizes = (len(load(dataset).split(split)), metric.n_fake)
        self.protocol = protocol(
            metric, dataset, split, sizes, modes=len(self.centres), estimator="within 3 standard deviations of a centre"
        )

    def score(self, model: Model) -> Score:
        drawn = fakes(model, self.n_fake)
        if drawn is None:
            return Score(math.nan)
        distance, nearest = torch.cdist(drawn.flatten(1).double(), self.centres).min(dim=1)
        good = distance <= self.radius
        counts = torch.bincount(nearest[good], minlength=len(self.centres)).double()
        reached, total = int((counts > 0).sum()), float(counts.sum())
        details = {"modes": float(reached), "high_quality": total / len(drawn)}
        if len(counts) > 1:
            shares = counts / max(total, 1.0)
            details["evenness"] = float(torch.special.entr(shares).sum()) / math.log(len(counts))
        return Score(reached / len(counts), details)
