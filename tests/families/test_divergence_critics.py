"""Families that learn a divergence by a critic: the divergence's correction follows each move of the critic."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch

from gensweep.component import build
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
