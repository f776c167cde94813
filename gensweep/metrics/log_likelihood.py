"""How probable a model holds the data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Literal, cast

import torch
from pydantic import Field

from gensweep.datasets.base import Dataset
from gensweep.metrics._item_metric import ItemMetric
from gensweep.metrics._samples import fakes
from gensweep.metrics.base import Model, Score

_ROWS = 500
_DRAWS = 500  # of the prior in one block


class LogLikelihood(ItemMetric):
    """The mean over n items of log p(x), in nats, p being a density per unit of x.

    `estimator: model` asks the model. `exact` is 1 where it answers with its density, and 0 where with a lower bound, such
    as the importance-weighted one of a VAE: compare bounds with bounds, of equal numbers of draws. Of data on a grid, as
    images of 8 bits are, an item stands for the cell around it in every family, log (P(cell) / volume): one that gives a
    density at points is asked at uniform draws from the cells, which bounds it from below. `bits_per_dimension` is then
    −log₂ P(cell) per value of an item, as the literature has it; continuous data have no cells, and no such number. Not
    a number for a family without a likelihood.

    `estimator: prior` is log (1/N) Σ_j p(x|z_j) with N draws z_j of the prior, the same for every item: plain Monte Carlo, for a
    family with a density p(x|z). It needs no encoder and is unbiased before the logarithm, so that by Jensen it lies below
    log p(x) on average. Its error grows fast with the latent size, as ever fewer draws explain an item: `effective_draws`, the
    mean over items of (Σ_j w_j)² / Σ_j w_j² with w_j = p(x|z_j), says how many count, and near 1 the number is far too low.
    `monte_carlo_error` is the standard error by the draws, from the delta method, sd_j(mean_i w_ij / p_i) / √N with p_i the
    mean of w_ij over j, and too small itself where few draws count. `standard_error` is that by the choice of items.

    `estimator: parzen` puts a Gaussian of width σ on each of the model's samples, log (1/m) Σ_j N(x; y_j, σ² I). It is here
    for old papers only. WARNING: do not compare models by it. On Fashion-MNIST 1000 centroids of k-means (386 nats)
    beat 10,000 real training images (363), and samples of a Gaussian fitted to digits score 20 nats below that
    Gaussian's own density. σ is the best of ten, from 0.1 to 1 in units of the data, on the first half of the items;
    the score is of the second half.

    Fields: `estimator`; `samples` of the model for `parzen`, or draws of the prior for `prior`; `n` items of the split
    (null: all, up to 5000); `seed` of their choice.

    Source: Y. Burda, R. Grosse, R. Salakhutdinov, "Importance Weighted Autoencoders", 2016, arXiv:1509.00519, equation 8
    (the bound); Y. Wu, Y. Burda, R. Salakhutdinov, R. Grosse, "On the Quantitative Analysis of Decoder-Based Generative
    Models", 2017, arXiv:1611.04273 (why draws of the prior alone do not do); I. Goodfellow et al., "Generative Adversarial
    Nets", 2014, arXiv:1406.2661, section 5 (Parzen).
    """

    mode: ClassVar[Literal["min", "max"]] = "max"
    detail_modes: ClassVar[Mapping[str, Literal["min", "max"]]] = {"bits_per_dimension": "min"}
    bounds: ClassVar[tuple[float, float]] = (-math.inf, math.inf)

    name: Literal["log_likelihood"] = "log_likelihood"
    estimator: Literal["model", "prior", "parzen"] = Field(
        "model", description="the model's own likelihood, plain Monte Carlo over its prior, or Parzen windows"
    )
    samples: int = Field(10_000, ge=2, description="samples of the model, for parzen; draws of the prior, for prior")

    @property
    def estimate(self) -> str:
        """Whether it is exact or a bound is the model's to say: the detail `exact`."""
        windows = "Parzen windows, sigma chosen on the first half of the items, scored on the second"
        own = (
            "mean of the model's own log p, exact or a lower bound; of data on a grid, over the cells around the items"
        )
        draws = "log of the mean of p(x|z) over draws of the prior; of data on a grid, at uniform points of the cells"
        return {"parzen": windows, "prior": draws, "model": own}[self.estimator]

    @property
    def n_fake(self) -> int:
        """Only windows need samples."""
        return self.samples if self.estimator == "parzen" else 0

    def of(self, model: Model, items: torch.Tensor, dataset: Dataset) -> Score:
        """The mean of log p(x), with what it is."""
        if self.estimator == "parzen":
            return self._by_windows(model, items)
        score = self._by_prior(model, items) if self.estimator == "prior" else _by_itself(model, items)
        if not dataset.cell or math.isnan(score.value):
            return score
        nats = -score.value / items[0].numel() - math.log(dataset.cell)
        return Score(score.value, {**score.details, "bits_per_dimension": nats / math.log(2)})

    def _by_prior(self, model: Model, items: torch.Tensor) -> Score:
        """The weights are gone through twice, for there is no room for all of them."""
        sizes = [min(_DRAWS, self.samples - first) for first in range(0, self.samples, _DRAWS)]
        first, second = [], []
        for block, n in enumerate(sizes):
            found = model.log_conditionals(items, block, n)
            if found is None:
                return Score(math.nan)
            weights = found.detach().cpu().double()
            first.append(weights.logsumexp(1))
            second.append((2 * weights).logsumexp(1))
        total = torch.stack(first).logsumexp(0)
        effective = (2 * total - torch.stack(second).logsumexp(0)).exp().mean()
        values = total - math.log(self.samples)
        shares = torch.cat([
            (cast(torch.Tensor, model.log_conditionals(items, block, n)).detach().cpu().double() - values[:, None]).exp().mean(0)
            for block, n in enumerate(sizes)
        ])  # fmt: skip
        error = float(shares.std()) / math.sqrt(self.samples)
        return _described(values, {"exact": 0.0, "monte_carlo_error": error, "effective_draws": float(effective)})

    def _by_windows(self, model: Model, items: torch.Tensor) -> Score:
        drawn = fakes(model, self.samples)
        if drawn is None:
            return Score(math.nan)
        first, second = items.flatten(1).double().tensor_split(2)
        centres = drawn.flatten(1).double()
        grid = torch.logspace(-1, 0, 10, dtype=torch.float64)
        sigma = grid[parzen(first, centres, grid).mean(1).argmax()]
        return _described(parzen(second, centres, sigma[None])[0], {"sigma": float(sigma), "exact": 0.0})


def _by_itself(model: Model, items: torch.Tensor) -> Score:
    answer = model.log_likelihood(items)
    if answer is None:
        return Score(math.nan)
    values, is_exact = answer
    return _described(values.detach().cpu().double(), {"exact": float(is_exact)})


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
