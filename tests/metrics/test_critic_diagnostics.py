"""Critics that are set by hand, and those of models whose law is known, against the best ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from gensweep import registry
from gensweep.configuration import TrialConfiguration
from gensweep.datasets.digits import Digits
from gensweep.datasets.gaussian_mixture import GaussianMixture
from gensweep.divergences.f_divergence import FDivergence
from gensweep.mathematics.best_critics import DISCRIMINATOR
from gensweep.metrics.base import Score, TrainedCritic, scorer
from gensweep.metrics.critic_diagnostics import CriticDiagnostics
from gensweep.trial import TrainedModel, build_game

from .conftest import Drawn

LINE = GaussianMixture(weights=(1.0,), means=(0.0,), covariances=(1.0,), n_train=10, n_validation=10, n_test=10)


@dataclass
class Judged(Drawn):
    """N(1, 1) against the data N(0, 1), whose best discriminator is 1 / (1 + e^(x - 1/2)), with a critic of one's own."""

    trained: TrainedCritic | None = None

    def critic(self) -> TrainedCritic | None:
        return self.trained


def score(values: Any) -> Score:
    model = Judged(torch.zeros, TrainedCritic(values, DISCRIMINATOR, 1.0, 1.0))
    return scorer(CriticDiagnostics(), LINE, "validation").score(model)


def test_the_best_critic_is_at_0_and_a_shifted_one_at_its_shift() -> None:
    best = score(lambda x: torch.sigmoid(0.5 - x))
    assert best.value == pytest.approx(0, abs=1e-12)
    assert best.details["correlation"] == pytest.approx(1)
    shifted = score(lambda x: torch.sigmoid(0.5 - x) + 0.1)
    assert shifted.value == pytest.approx(0.1)
    assert shifted.details["correlation"] == pytest.approx(1)
    blind = score(lambda x: torch.full_like(x, 0.5))  # the mean of D under (P + Q) / 2
    assert blind.value == pytest.approx(blind.details["deviation"], abs=1e-9)
    assert blind.details["relative"] == pytest.approx(1)
    assert math.isnan(blind.details["correlation"])


def test_what_has_no_critic_or_a_broken_one_has_no_score() -> None:
    bound = scorer(CriticDiagnostics(), LINE, "validation")
    assert math.isnan(bound.score(Drawn(torch.zeros)).value)
    assert math.isnan(bound.score(Judged(torch.zeros)).value)
    assert math.isnan(score(lambda x: x / 0).value)


@pytest.mark.parametrize("dataset", [Digits(), GaussianMixture(means=((0.0, 0.0), (1.0, 1.0)))])
def test_other_data_have_no_such_score(dataset) -> None:
    assert "gaussian_mixture" in (CriticDiagnostics().misfit(dataset) or "")


def trained(family: dict[str, Any], network: dict[str, Any] | None = None) -> TrainedModel:
    """An untrained model of the family whose law is N(1, 1), and whose critic's output is 1/2 - x."""
    configuration = TrialConfiguration.model_validate({
        "dataset": LINE.dump(), "latent_size": 1, "family": family, "evaluation": {"metrics": ["critic_diagnostics"]},
        "network": network or {"name": "affine", "hidden": []}, "training": {"epochs": 1, "batch_size": 5},
    })  # fmt: skip
    game = build_game(configuration)
    with torch.no_grad():
        for name, (slope, constant) in {
            "generator": (-1.0, 1.0),
            "critic": (-1.0, 0.5),
            "latent_critic": (-1.0, 0.5),
        }.items():
            parameters = game.networks[name].parameters() if name in game.networks else ()
            for parameter, value in zip(parameters, (slope, constant), strict=False):
                parameter.fill_(value)
    return TrainedModel(game, configuration, torch.device("cpu"))


@pytest.mark.parametrize(
    ("family", "distance"),
    [
        ({"name": "gan"}, 0.0),  # log p / q = 1/2 - x
        ({"name": "gan", "form": "sqrt"}, None),  # whose best output is twice that
        ({"name": "f_gan", "f": "kl"}, 1.0),  # T = 1 + log p / q
        ({"name": "f_gan", "f": "squared_hellinger"}, None),  # T = 1 - sqrt(q / p) for the output half of that
        ({"name": "f_gan", "f": "reverse_kl"}, 0.0),  # T = -q / p = -exp(-output)
        ({"name": "f_gan", "f": "twice_jensen_shannon"}, 0.0),
        ({"name": "f_gan", "f": "jeffrey"}, None),
        ({"name": "f_gan", "f": "alpha", "alpha": 0.3}, 0.0),  # whose output is the logarithm of the ratio
        ({"name": "wgan", "constraint": "lipschitz_penalty"}, 0.0),  # the potential of a shift to the right falls by 1
        ({"name": "wgan", "constraint": "clip"}, 0.0),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
def test_each_game_is_held_to_its_own_best_critic(family: dict[str, Any], distance: float | None) -> None:
    found = scorer(CriticDiagnostics(), LINE, "validation").score(trained(family))
    if distance is None:
        assert found.value > 0.01
    else:
        assert found.value == pytest.approx(distance, abs=1e-3)
    if distance == 0:
        assert found.details["relative"] == pytest.approx(0, abs=1e-3)
    assert found.details["correlation"] > 0.8


@pytest.mark.parametrize(
    ("family", "network"),
    [
        ({"name": "gan"}, {"name": "mlp", "hidden": [4]}),  # no Gaussian
        ({"name": "gan", "constraint": "gradient_penalty"}, None),  # another critic is best
        ({"name": "sobolev_gan", "measure": "interpolates"}, None),
    ],
)
def test_where_the_law_or_the_best_critic_is_not_known_there_is_no_score(family, network) -> None:
    assert trained(family, network).critic() is None


@pytest.mark.parametrize(
    ("divergence", "relative"),
    [("wasserstein_dual", 0.0), ("jensen_shannon", 0.0), ("kl", 0.0), ("f_divergence", 0.0), ("fisher_ipm", None),
     ("sobolev_ipm", None)],
)  # fmt: skip
def test_a_divergence_with_a_critic_is_one_too(divergence: str, relative: float | None) -> None:
    """The same critic, 1/2 - x, on samples of the data's space."""
    model = trained({"name": "sinkhorn_generator", "divergence": {"name": divergence, "hidden": []}})
    found = scorer(CriticDiagnostics(), LINE, "validation").score(model)
    assert found.details["correlation"] > 0.8
    if relative is not None:
        assert found.details["relative"] == pytest.approx(relative, abs=1e-3)


def test_an_output_that_its_divergence_bends_is_bent() -> None:
    """30 tanh(s / 30) stands for s where an exponential would overflow."""
    divergence = registry.load("divergences", "f_divergence")(f="kl")
    assert isinstance(divergence, FDivergence)
    assert float(divergence.scaled(torch.tensor([[1e4]]))) == pytest.approx(30)
