"""Codes of a stochastic encoder are draws from q(z|x): together they are the aggregated posterior q_Z."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from gensweep.configuration import TrialConfiguration
from gensweep.datasets import base as datasets
from gensweep.metrics.base import scorer
from gensweep.metrics.latent_gap import LatentGap
from gensweep.trial import TrainedModel, build_game

STOCHASTIC: list[dict[str, Any]] = [
    {"name": "vae"}, {"name": "iwae", "particles": 2}, {"name": "wae", "encoder": "gaussian"},
]  # fmt: skip
stochastic = pytest.mark.parametrize("family", STOCHASTIC, ids=lambda node: node["name"])
SPREAD = 2.0  # the standard deviation of the data, N(0, 4)


def configuration(family: dict[str, Any], seed: int = 0) -> TrialConfiguration:
    line = {"name": "gaussian_mixture", "weights": [1.0], "means": [0.0], "covariances": [SPREAD**2]}
    return TrialConfiguration.model_validate({
        "dataset": line, "network": {"name": "affine", "hidden": []}, "latent_size": 1, "family": family,
        "training": {}, "evaluation": {"metrics": ["latent_gap"]}, "seed": seed,
    })  # fmt: skip


def model(family: dict[str, Any], slope: float, variance: float, seed: int = 0) -> TrainedModel:
    """A model whose encoder is q(z|x) = N(slope x, variance)."""
    described = configuration(family, seed)
    game = build_game(described)
    with torch.no_grad():
        encoder = game.networks["encoder"].linear
        encoder.weight.copy_(torch.tensor([[slope], [0.0]]))  # type: ignore[operator, union-attr]
        encoder.bias.copy_(torch.tensor([0.0, math.log(variance)]))  # type: ignore[operator, union-attr]
    return TrainedModel(game, described, torch.device("cpu"))


def gap_of(found: TrainedModel) -> float:
    return scorer(LatentGap(), found.dataset, "validation").score(found).value


def gap_of_normal(deviation: float) -> float:
    """MMD^2 between N(0, deviation^2) and N(0, 1) for k = 2 / (2 + r^2): the difference of two draws is normal too."""

    def kernel(variance: float) -> float:
        return float(integrate.quad(lambda g: 2 / (2 + variance * g * g) * stats.norm.pdf(g), -12, 12)[0])

    return kernel(2 * deviation**2) + kernel(2) - 2 * kernel(deviation**2 + 1)


# The means of the two encoders are N(0, 0) and N(0, 1/4), and with the posterior's own width q_Z is N(0, 1) in both.
@pytest.mark.parametrize(("slope", "variance"), [(0.0, 1.0), (0.25, 0.75)], ids=["collapsed", "exact"])
@stochastic
def test_where_the_aggregated_posterior_is_the_prior_there_is_no_gap_whatever_the_means(
    family: dict[str, Any], slope: float, variance: float
) -> None:
    of_means = gap_of_normal(slope * SPREAD)
    assert of_means > 0.03
    # 2000 codes and as many draws: over 100 pairs of samples of N(0, 1) the estimate had a deviation of 0.0004
    assert gap_of(model(family, slope, variance)) == pytest.approx(0, abs=0.0015)
    # and with a posterior of no width the codes are the means: the gap is theirs, to four deviations of at most 0.005
    assert gap_of(model(family, slope, 1e-12)) == pytest.approx(of_means, abs=0.02)


@stochastic
def test_codes_follow_the_posterior_of_their_item_and_the_trials_seed(family: dict[str, Any]) -> None:
    x = torch.linspace(-4, 4, 2500)[:, None]
    found = model(family, 0.5, 0.3)
    codes = found.codes(x)
    assert codes is not None
    again, other = model(family, 0.5, 0.3).codes(x), model(family, 0.5, 0.3, seed=1).codes(x)
    assert torch.equal(codes, found.codes(x))  # type: ignore[arg-type]
    assert torch.equal(codes, again)  # type: ignore[arg-type]
    assert not torch.equal(codes, other)  # type: ignore[arg-type]
    noise = ((codes - 0.5 * x) / math.sqrt(0.3)).flatten()
    assert stats.kstest(noise.numpy(), "norm").pvalue > 1e-3
    assert not torch.equal(noise[:1000], noise[1000:2000])  # each chunk has draws of its own
    assert abs(np.corrcoef(noise[:1000], noise[1000:2000])[0, 1]) < 4 / math.sqrt(1000)


@stochastic
def test_reconstructions_decode_the_mean(family: dict[str, Any]) -> None:
    x = datasets.load(configuration(family).dataset).validation[:50]  # type: ignore[arg-type]
    found = model(family, 0.5, 4.0)
    with torch.no_grad():
        expected = found.game.networks["decoder"](0.5 * x)
    torch.testing.assert_close(found.reconstructions(x), expected)


@pytest.mark.parametrize("name", ["wae", "autoencoder"])
def test_a_deterministic_encoder_has_one_code_an_item_and_asks_for_no_noise(name: str) -> None:
    described = configuration({"name": name})
    found = TrainedModel(build_game(described), described, torch.device("cpu"))
    x = torch.linspace(-4, 4, 30)[:, None]
    assert not found.game.encode_noise
    with torch.no_grad():
        torch.testing.assert_close(found.codes(x), found.game.networks["encoder"](x))
