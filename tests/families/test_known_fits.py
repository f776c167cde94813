"""Families trained on problems whose optimum is known: a sign or a factor that is wrong moves these."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch

from gensweep.component import build
from gensweep.datasets import base as datasets
from gensweep.datasets.base import Dataset
from gensweep.families.base import Family, Game, Setting
from gensweep.lr_schedules.cosine import Cosine
from gensweep.networks.base import Network
from gensweep.optimizers.base import Optimizer
from gensweep.trainers.loop import Trainee, train
from gensweep.trainers.technique import Technique

FALLING = Technique(rate=Cosine().factor)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def mixture() -> torch.Tensor:
    """0.33 N(-1, 0.0625) + 0.67 N(2, 2): mean 1.01, variance 3.350525."""
    dataset = cast(Dataset, build("datasets", {
        "name": "gaussian_mixture", "weights": [0.33, 0.67], "means": [[-1.0], [2.0]], "covariances": [0.0625, 2.0],
        "n_train": 20000, "n_validation": 100, "n_test": 100,
    }))  # fmt: skip
    return datasets.load(dataset).train


def fit(
    family_node: dict[str, Any], lr: float, epochs: int, batch: int = 500, technique: Technique | None = None
) -> Game:
    data = mixture()
    family = cast(Family, build("families", family_node))
    torch.manual_seed(0)
    game = family.game(Setting((1,), None, 1, batch, cast(Network, build("networks", "affine"))))
    optimizer = cast(Optimizer, build("optimizers", {"name": "adam", "lr": lr}))
    trainee = Trainee(game, optimizer, family.knobs(), torch.device("cpu"), technique)
    for _ in train(trainee, data, epochs, batch, seed=0):
        pass
    return game


def moments(game: Game) -> tuple[float, float]:
    z = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(1))
    noise = {name: z for name in game.sample_noise}
    if "observation" in noise:
        noise["observation"] = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        x = game.sample(game.networks, noise)
    return float(x.mean()), float(x.std())


def test_a_linear_vae_finds_the_maximum_likelihood_decoder() -> None:
    """With a fixed variance v of the observation noise, the optimal slope has a^2 = Var - v; here a = 1.6883."""
    data = mixture()
    game = fit({"name": "vae", "likelihood": "gaussian", "variance": 0.5, "samples": "observation"}, lr=0.01, epochs=30)
    mean, deviation = moments(game)
    # bound: the sample's own moments (n = 20,000) are the optimum, reached to .03 by Adam
    assert mean == pytest.approx(float(data.mean()), abs=0.03)
    assert deviation == pytest.approx(float(data.std()), abs=0.03)
    z = torch.tensor([[0.0], [1.0]])
    with torch.no_grad():
        g = game.networks["decoder"](z)
    assert abs(float(g[1] - g[0])) == pytest.approx(float((data.var() - 0.5).sqrt()), abs=0.03)


def test_a_larger_lambda_takes_the_wae_towards_the_wasserstein_fit() -> None:
    """Affine decoder, lambda -> infinity: the W2-optimal Gaussian has mean 1.0100 and deviation 1.7705.

    At 1, 10 and 100 long trainings reached deviations of 1.883, 1.820 and 1.796. Each lambda starts from the fit of the
    one before, at a rate that falls to zero: from a cold start a large one first folds the encoder, for thousands of
    steps.
    """
    family = cast(
        Family, build("families", {"name": "wae", "divergence": {"name": "sliced_wasserstein", "projections": 1}})
    )
    torch.manual_seed(0)
    network = cast(Network, build("networks", {"name": "affine", "spread": 1.9}))
    game = family.game(Setting((1,), None, 1, 500, network))
    optimizer = cast(Optimizer, build("optimizers", {"name": "adam", "lr": 0.02}))
    for weight, deviation, epochs in ((1.0, 1.883, 40), (10.0, 1.820, 20), (100.0, 1.796, 20)):
        trainee = Trainee(game, optimizer, {**family.knobs(), "lambda": weight}, torch.device("cpu"), FALLING)
        for _ in train(trainee, mixture(), epochs, 500, seed=0):
            pass
        found = moments(game)
        # bound: the sample's own moments differ by .01 (mean) and .005, and training ends within .02 of its optimum
        assert found == pytest.approx((1.01, deviation), abs=0.025)


def test_exact_transport_of_batches_finds_the_wasserstein_fit() -> None:
    """The generator without an encoder, trained on W2^2 itself: the same Gaussian as lambda -> infinity."""
    game = fit(
        {"name": "sinkhorn_generator", "divergence": "exact_transport"}, lr=0.03, epochs=4, batch=200, technique=FALLING
    )
    # bound: the sample's own moments differ by .01 and .005; 400 batches of 200 leave an error of 3.35^.5 / 200 = .01
    assert moments(game) == pytest.approx((1.01, 1.7705), abs=0.05)


def test_reconstruction_scale_and_lambda_only_count_by_their_ratio() -> None:
    a = moments(fit({"name": "wae", "lambda": 10.0, "divergence": "mmd"}, lr=0.005, epochs=2))
    b = moments(fit({"name": "wae", "lambda": 0.5, "recon_scale": 0.05, "divergence": "mmd"}, lr=0.005, epochs=2))
    assert a == pytest.approx(b, abs=2e-3)  # Adam does not feel a common factor
