"""Critics alone, trained between two known laws: what they reach is the metric's own value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
import torch

from gensweep.component import build
from gensweep.families.base import Family, Setting
from gensweep.networks.base import Network
from gensweep.optimizers.base import Optimizer
from gensweep.trainers.loop import Trainee, train


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def trained_critic(
    family_node: dict[str, Any], network: dict[str, Any], mean: float, deviation: float, epochs: int, lr: float = 1e-3
) -> dict[str, float]:
    """Parts, averaged over the last third of the epochs, of a critic between data N(0, 1) and samples N(mean, deviation^2)."""
    family = cast(Family, build("families", family_node))
    torch.manual_seed(0)
    game = family.game(Setting((1,), None, 1, 512, cast(Network, build("networks", network))))
    optimizer = cast(Optimizer, build("optimizers", {"name": "adam", "lr": lr, "betas": [0.5, 0.9]}))
    exact = {"linear.weight": torch.tensor([[deviation]]), "linear.bias": torch.tensor([mean])}
    game = replace(game, networks={**game.networks, "generator": build("networks", "affine").decoder(1, (1,))},  # type: ignore[attr-defined]
                   players=(replace(game.players[0], moves=1),))  # fmt: skip
    game.networks["generator"].load_state_dict(exact)
    data = torch.randn(51_200, 1, generator=torch.Generator().manual_seed(1))
    trainee = Trainee(game, optimizer, family.knobs(), torch.device("cpu"))
    history = [progress.parts for progress in train(trainee, data, epochs, 512, seed=0)]
    late = history[-(epochs // 3) :]
    return {name.removeprefix("critic."): sum(parts[name] for parts in late) / len(late) for name in history[0]}


TANH = {"name": "mlp", "hidden": [64, 64], "activation": "tanh"}


# The data are 51,200 draws, so a mean of f has a standard error near 0.005; 0.02 is four of them.
@pytest.mark.parametrize(("family", "mean", "deviation", "known"), [
    pytest.param({"name": "sobolev_gan", "rho": 0.01}, 1.0, 1.0, 1.004852, marks=pytest.mark.slow),
    pytest.param({"name": "sobolev_gan", "rho": 0.01}, 1.0, 2.0, 1.420867, marks=pytest.mark.slow),
    ({"name": "fisher_gan", "rho": 0.01}, 1.0, 1.0, 0.903447),
])  # fmt: skip
def test_a_critic_held_by_an_augmented_lagrangian_reaches_the_metric(
    family: dict[str, Any], mean: float, deviation: float, known: float
) -> None:
    found = trained_critic(family, TANH, mean, deviation, epochs=12, lr=2e-3)
    assert found["omega"] == pytest.approx(1, abs=0.02)
    assert found["normalised_gap"] == pytest.approx(known, abs=0.02)
    assert found["critic_gap"] == pytest.approx(known, abs=0.03)


@pytest.mark.parametrize("weight", [1.0, 10.0])
def test_the_one_sided_penalty_leaves_a_slope_above_1_between_shifted_laws(weight: float) -> None:
    """An affine critic between laws one apart: slope and gap are 1 + 1 / (2 weight), from either sign at the start."""
    family = {"name": "wgan", "constraint": {"name": "lipschitz_penalty", "weight": weight}}
    found = trained_critic(family, {"name": "mlp", "hidden": []}, 1.0, 1.0, epochs=9, lr=0.02)
    assert found["slope"] == pytest.approx(1 + 1 / (2 * weight), abs=0.02)
    assert found["critic_gap"] == pytest.approx(1 + 1 / (2 * weight), abs=0.03)


@pytest.mark.parametrize(("f", "known"), [
    ("kl", 0.5), ("reverse_kl", 0.5), ("twice_jensen_shannon", 0.222843), ("gan", -1.163451),
    ("squared_hellinger", 0.235006),
])  # fmt: skip
def test_the_bound_of_a_trained_critic_is_the_f_divergence(f: str, known: float) -> None:
    found = trained_critic({"name": "f_gan", "f": f}, TANH, 1.0, 1.0, epochs=6)
    assert found["bound"] == pytest.approx(known, abs=0.02)


@pytest.mark.parametrize(("form", "known"), [("linear", 1.382925), ("sqrt", 1.546469), ("least_squares", -0.397973)])
def test_the_value_of_a_trained_discriminator_is_that_of_its_score(form: str, known: float) -> None:
    """Scores with a deviation below 0.5 have means within 0.0022 of the laws', one deviation: 0.01 is four of them."""
    found = trained_critic({"name": "gan", "form": form}, TANH, 1.0, 1.0, epochs=6)
    assert found["value"] == pytest.approx(known, abs=0.01)


def test_the_gans_value_is_that_of_the_f_gan() -> None:
    found = trained_critic({"name": "gan"}, TANH, 1.0, 1.0, epochs=6)
    assert found["value"] == pytest.approx(-1.163451, abs=0.02)
    assert found["jensen_shannon"] == pytest.approx(0.111421, abs=0.01)
