"""How probable a model holds the data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from pydantic import Field

from gensweep.datasets.base import Dataset
from gensweep.metrics._item_metric import ItemMetric
from gensweep.metrics._samples import fakes
from gensweep.metrics.base import Model, Score

_ROWS = 500


class LogLikelihood(ItemMetric):
    """The mean over n items of log p(x), in nats, p being a density per unit of x.

    `estimator: model` asks the model. `exact` is 1 where it answers with its density, and 0 where with a lower bound, such
    as the importance-weighted one of a VAE: compare bounds with bounds, of equal numbers of draws. Of data on a grid, as
    images of 8 bits are, an item stands for the cell around it in every family, log (P(cell) / volume): one that gives a
    density at points is asked at uniform draws from the cells, which bounds it from below. `bits_per_dimension` is then
    −log₂ P(cell) per value of an item, as the literature has it; continuous data have no cells, and no such number. Not
    a number for a family without a likelihood.

    `estimator: parzen` puts a Gaussian of width σ on each of the model's samples, log (1/m) Σ_j N(x; y_j, σ² I). It is here
    for old papers only. WARNING: do not compare models by it. On Fashion-MNIST 1000 centroids of k-means (386 nats)
    beat 10,000 real training images (363), and samples of a Gaussian fitted to digits score 20 nats below that
    Gaussian's own density. σ is the best of ten, from 0.1 to 1 in units of the data, on the first half of the items;
    the score is of the second half.

    Fields: `estimator`; `samples` of the model for `parzen`; `n` items of the split (null: all, up to 5000); `seed` of
    their choice.

    Source: Y. Burda, R. Grosse, R. Salakhutdinov, "Importance Weighted Autoencoders", 2016, arXiv:1509.00519, equation 8
    (the bound); I. Goodfellow et al., "Generative Adversarial Nets", 2014, arXiv:1406.2661, section 5 (Parzen).
    """

    mode: ClassVar[Literal["min", "max"]] = "max"
    detail_modes: ClassVar[Mapping[str, Literal["min", "max"]]] = {"bits_per_dimension": "min"}
    bounds: ClassVar[tuple[float, float]] = (-math.inf, math.inf)

    name: Literal["log_likelihood"] = "log_likelihood"
    estimator: Literal["model", "parzen"] = Field("model", description="the model's own likelihood, or Parzen windows")
    samples: int = Field(10_000, ge=2, description="samples of the model, for parzen")

    @property
    def estimate(self) -> str:
        """Whether it is exact or a bound is the model's to say: the detail `exact`."""
        windows = "Parzen windows, sigma chosen on the first half of the items, scored on the second"
        own = (
            "mean of the model's own log p, exact or a lower bound; of data on a grid, over the cells around the items"
        )
        return windows if self.estimator == "parzen" else own

    @property
    def n_fake(self) -> int:
        """Only windows need samples."""
        return self.samples if self.estimator == "parzen" else 0

    def of(self, model: Model, items: torch.Tensor, dataset: Dataset) -> Score:
        """The mean of log p(x), with what it is."""
        if self.estimator == "parzen":
            return self._by_windows(model, items)
        answer = model.log_likelihood(items)
        if answer is None:
            return Score(math.nan)
        values, is_exact = answer
        score = _described(values.detach().cpu().double(), {"exact": float(is_exact)})
        if not dataset.cell:
            return score
        nats = -score.value / items[0].numel() - math.log(dataset.cell)
        return Score(score.value, {**score.details, "bits_per_dimension": nats / math.log(2)})

    def _by_windows(self, model: Model, items: torch.Tensor) -> Score:
        drawn = fakes(model, self.samples)
        if drawn is None:
            return Score(math.nan)
        first, second = items.flatten(1).double().tensor_split(2)
        centres = drawn.flatten(1).double()
        grid = torch.logspace(-1, 0, 10, dtype=torch.float64)
        sigma = grid[parzen(first, centres, grid).mean(1).argmax()]
        return _described(parzen(second, centres, sigma[None])[0], {"sigma": float(sigma), "exact": 0.0})


def parzen(x: torch.Tensor, centres: torch.Tensor, sigmas: torch.Tensor) -> torch.Tensor:
    """log (1/m) Σ_j N(x; c_j, σ² I) in nats for x [n, d], centres [m, d] and each of sigmas [s]: [s, n]."""
    d, m = x.shape[1], len(centres)
    parts = []
    for rows in torch.split(x, _ROWS):
        squared = torch.cdist(rows, centres).square()
        exponents = [torch.logsumexp(-squared / (2 * s.square()), 1) for s in sigmas]
        parts.append(torch.stack(exponents))
    return torch.cat(parts, dim=1) - math.log(m) - d * (sigmas.log()[:, None] + 0.5 * math.log(2 * math.pi))


def _described(values: torch.Tensor, what: dict[str, float]) -> Score:
    error = float(values.std()) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return Score(float(values.mean()), {**what, "standard_error": error})
