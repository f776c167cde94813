"""WGAN's variants: the optimiser that each brings, and moves of the critic before the first round."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch

from gensweep import registry
from gensweep.component import build
from gensweep.configuration import TrialConfiguration
from gensweep.families.base import Family, Game, Setting
from gensweep.families.fisher_gan import FisherGAN
from gensweep.families.sobolev_gan import SobolevGAN
from gensweep.networks.base import Network
from gensweep.optimizers.base import Optimizer
from gensweep.trainers.loop import Trainee, train
from gensweep.trainers.technique import Technique

N, LATENT = 32, 3
RMSPROP = {"name": "rmsprop", "lr": 5e-5}
WGAN_GP = {"name": "adam", "lr": 1e-4, "betas": (0.5, 0.9)}


def optimizer(family: Any, given: Any = None) -> dict[str, Any]:
    training = {"epochs": 1} if given is None else {"epochs": 1, "optimizer": given}
    trial = {"dataset": "digits", "network": "mlp", "family": family, "training": training}
    found = TrialConfiguration.model_validate({**trial, "evaluation": {"metrics": ["fid"]}}).training.optimizer
    return found.dump()


def expected(node: dict[str, Any]) -> dict[str, Any]:
    return build("optimizers", node).dump()


@pytest.mark.parametrize(
    ("constraint", "brings"),
    [
        ("clip", RMSPROP),
        ("gradient_penalty", WGAN_GP),
        ({"name": "lipschitz_penalty", "weight": 3.0}, WGAN_GP),
        ({"name": "spectral_norm"}, WGAN_GP),
        ("sobolev", SobolevGAN.default_optimizer),
        ("fisher", FisherGAN.default_optimizer),
    ],
)
def test_every_constraint_brings_the_optimiser_of_its_own_paper(constraint: Any, brings: dict[str, Any]) -> None:
    assert optimizer({"name": "wgan", "constraint": constraint}) == expected(brings)


def test_without_a_constraint_it_is_the_papers_own_and_what_a_trial_gives_lies_over_it() -> None:
    assert optimizer("wgan") == optimizer({"name": "wgan"}) == expected(RMSPROP)
    penalised = {"name": "wgan", "constraint": "gradient_penalty"}
    assert optimizer(penalised, {"lr": 0.01}) == expected({**WGAN_GP, "lr": 0.01})
    assert optimizer(penalised, "sgd") == expected({"name": "sgd"})
    assert optimizer(penalised, {"name": "rmsprop", "lr": 0.01}) == expected({"name": "rmsprop", "lr": 0.01})


@pytest.mark.parametrize("constraint", [3, None, {"weight": 1.0}, ["clip"], "clop"])
def test_what_is_no_constraint_is_said_where_it_stands_and_nowhere_else(constraint: Any) -> None:
    with pytest.raises(ValueError, match="constraint") as raised:
        optimizer({"name": "wgan", "constraint": constraint})
    assert all(error["loc"][0] == "family" for error in cast(Any, raised.value).errors())


@pytest.mark.parametrize("name", registry.names("families"))
def test_every_other_family_has_one_for_all_its_variants(name: str) -> None:
    cls = registry.load("families", name)
    assert cast(Any, cls).optimizer_for({"name": name}) == cls.default_optimizer  # type: ignore[attr-defined]


def played(node: dict[str, Any], rate: float) -> tuple[Game, dict[str, Any], dict[str, float]]:
    """The game after one epoch of two rounds, the networks before it, and the parts."""
    torch.manual_seed(0)
    family = cast(Family, build("families", node))
    network = cast(Network, build("networks", {"name": "mlp", "hidden": [16]}))
    game = family.game(Setting((2,), None, LATENT, N, network))
    before = {name: {k: v.clone() for k, v in net.state_dict().items()} for name, net in game.networks.items()}
    adam = cast(Optimizer, build("optimizers", {"name": "adam", "lr": 1e-2}))
    data = torch.randn(320, 2, generator=torch.Generator().manual_seed(1)) + 2
    still = Technique(rate=lambda _: rate)
    (progress,) = train(Trainee(game, adam, family.knobs(), torch.device("cpu"), still), data, 1, N, seed=0)
    return game, before, progress.parts


@pytest.mark.parametrize("name", ["wgan", "fisher_gan"])
def test_a_warm_up_moves_the_critic_and_what_holds_it_before_the_generator_moves(name: str) -> None:
    node = {"name": name, "constraint": "gradient_penalty"} if name == "wgan" else {"name": name, "rho": 0.1}
    game, before, parts = played({**node, "critic_warm_up": 60}, rate=0.0)  # the rounds move nothing but multipliers
    critic = game.networks["critic"].state_dict()
    assert not any(torch.equal(v, before["critic"][k]) for k, v in critic.items() if k.endswith("weight"))
    assert all(torch.equal(v, before["generator"][k]) for k, v in game.networks["generator"].state_dict().items())
    assert parts["critic_warm_up.critic_gap"] > 0.5
    assert parts["critic.critic_gap"] == pytest.approx(parts["critic_warm_up.critic_gap"], rel=0.5)
    _, _, cold = played(node, rate=0.0)
    assert cold["critic.critic_gap"] < 0.3
    assert not any(key.startswith("critic_warm_up") for key in cold)
    if name == "fisher_gan":
        assert abs(parts["critic_warm_up.multiplier"]) > 0.1


def test_a_warm_up_keeps_the_clip_and_reads_batches_of_the_trials_size() -> None:
    game, _, _ = played({"name": "wgan", "critic_warm_up": 5, "critic_moves": 2}, rate=0.0)
    assert all(p.abs().max() <= 0.01 for p in game.networks["critic"].parameters())
    assert game.warm_up is not None
    assert (game.warm_up.rounds, game.warm_up.batch_size) == (5, N)
    player = game.warm_up.player(7)
    assert (player.moves, player.trains) == (1, ("critic",))
    assert {name: wanted.shape for name, wanted in player.noise.items()} == {"latent": (7, LATENT)}
    assert played({"name": "wgan"}, rate=0.0)[0].warm_up is None
