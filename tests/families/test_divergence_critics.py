"""Families that learn a divergence by a critic: the divergence's correction follows each move of the critic."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from pydantic import ValidationError

from gensweep import registry
from gensweep.component import build
from gensweep.divergences.base import Divergence
from gensweep.families.base import Family, Setting
from gensweep.networks.base import Network
from gensweep.optimizers.base import Optimizer
from gensweep.trainers.loop import Trainee, train


def trained(family: str, divergence: dict[str, Any]) -> tuple[Trainee, list[dict[str, float]]]:
    member = cast(Family, build("families", {"name": family, "divergence": {"hidden": [16], **divergence}}))
    torch.manual_seed(0)
    game = member.game(Setting((2,), None, 2, 16, cast(Network, build("networks", {"name": "mlp", "hidden": [16]}))))
    optimizer = cast(Optimizer, build("optimizers", {"name": "adam", "lr": 1e-2}))
    trainee = Trainee(game, optimizer, member.knobs(), torch.device("cpu"))
    data = torch.randn(80, 2, generator=torch.Generator().manual_seed(1))
    return trainee, [progress.parts for progress in train(trainee, data, 4, 16, seed=0)]


@pytest.mark.parametrize("family", ["wae", "sinkhorn_generator"])
@pytest.mark.parametrize("divergence", ["sobolev_ipm", "fisher_ipm"])
def test_the_multiplier_climbs_by_rho_times_the_excess_of_each_move(family: str, divergence: str) -> None:
    trainee, history = trained(family, {"name": divergence, "rho": 0.05})
    multiplier = float(trainee.game.networks["latent_multiplier"].value.detach())  # type: ignore[arg-type, union-attr]
    moves_an_epoch = 5
    climbed = sum(0.05 * (parts["critic.omega"] - 1) * moves_an_epoch for parts in history)
    assert multiplier == pytest.approx(climbed, rel=1e-4)
    assert multiplier != 0
    last = history[-1]
    assert {"critic.critic_gap", "critic.normalised_gap", "critic.multiplier"} < set(last)


@pytest.mark.parametrize("family", ["wae", "sinkhorn_generator"])
def test_a_clipped_critic_is_clipped_and_nothing_else_is(family: str) -> None:
    trainee, _ = trained(family, {"name": "wasserstein_dual", "constraint": {"name": "clip", "bound": 0.02}})
    largest = {name: max(float(p.detach().abs().max()) for p in net.parameters())
               for name, net in trainee.game.networks.items()}  # fmt: skip
    assert largest.pop("latent_critic") <= 0.02 + 1e-9
    assert min(largest.values()) > 0.1


@pytest.mark.parametrize("family", ["wae", "sinkhorn_generator"])
def test_the_critic_makes_its_moves_for_each_of_the_model_and_an_epoch_counts_its_batches(family: str) -> None:
    trainee, history = trained(family, {"name": "sobolev_ipm", "rho": 0.05, "critic_moves": 3})
    assert [seat.player.moves for seat in trainee.seats] == [3, 1]
    assert trainee.step == 7  # ceil(4 epochs of 5 batches / 3)
    counts = [{int(s["step"]) for s in seat.optimizer.state.values()} for seat in trainee.seats]
    assert counts == [{21}, {7}]
    assert len(history) == 4


def test_one_move_of_the_critic_is_the_default_and_what_a_divergence_without_a_critic_says() -> None:
    for name in registry.names("divergences"):
        assert cast(Divergence, build("divergences", name)).n_critic_moves == 1
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        build("divergences", {"name": "kl", "critic_moves": 0})
