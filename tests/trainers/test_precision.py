"""Products in bfloat16, losses in float32: what a loss does with networks' outputs is not rounded a second time."""

from __future__ import annotations

import copy
import math
from typing import Any, cast

import pytest
import torch

from gensweep import registry
from gensweep.component import build
from gensweep.divergences.base import Divergence
from gensweep.families.base import Family, Game, Player, Setting
from gensweep.losses import Draw, Loss
from gensweep.networks.base import Network
from gensweep.optimizers.base import Optimizer
from gensweep.trainers.player import Seat
from gensweep.trainers.streams import draw
from gensweep.trainers.technique import Technique

N, D = 256, 8
COMPUTED = [
    name for name in registry.names("divergences") if not cast(Divergence, build("divergences", name)).critics(D)
]


def family_game(node: dict[str, Any], bounds: tuple[float, float] | None = (0.0, 1.0)) -> tuple[Game, dict[str, float]]:
    torch.manual_seed(0)
    network = cast(Network, build("networks", {"name": "mlp", "hidden": [32, 32]}))
    family = cast(Family, build("families", node))
    return family.game(Setting((D,), bounds, 4, N, network)), family.knobs()


def move(game: Game, player: Player, precision: Any, knobs: dict[str, float], batch: torch.Tensor) -> tuple[Any, Any]:
    """The gradient and the parts of a player's first move."""
    adam = cast(Optimizer, build("optimizers", {"name": "adam", "lr": 1e-30}))
    networks = copy.deepcopy(dict(game.networks))
    seat = Seat(player, networks, adam, Technique(precision=precision), alone=len(game.players) == 1)
    drawn = {name: draw(wanted, 1) for name, wanted in player.noise.items()}
    parts = seat.move(batch, drawn, {name: torch.tensor(value) for name, value in knobs.items()})
    return torch.cat([p.grad.flatten() for p in seat.parameters if p.grad is not None]), parts


def error(found: torch.Tensor, exact: torch.Tensor) -> float:
    return float((found - exact).norm() / exact.norm())


@pytest.mark.parametrize("name", COMPUTED)
def test_the_gradient_of_a_divergence_is_that_of_float32(name: str) -> None:
    """Codes near the prior, where the divergence is a small difference of large distances. The codes' own rounding is .2 %."""
    divergence = cast(Divergence, build("divergences", name))
    network = torch.nn.Linear(D, D)
    with torch.no_grad():
        network.weight.copy_(torch.diag(torch.linspace(1.4, 0.7, D)))  # uneven: one direction is the furthest
        network.bias.zero_()

    def loss(nets: Any, batch: torch.Tensor, noise: Any, knobs: Any) -> Loss:
        return Loss(divergence.penalty(nets["encoder"](batch), noise["prior"], nets, noise, knobs), {})

    player = Player("one", ("encoder",), loss, {"prior": Draw((N, D)), **divergence.noise(N, D)})
    game = Game({"encoder": network}, (player,), lambda n, z: z["z"], {"z": Draw((D,))})
    batch = torch.randn(N, D, generator=torch.Generator().manual_seed(9))
    (exact, _), (found, _) = (move(game, player, p, divergence.knobs(), batch) for p in ("float32", "bfloat16"))
    assert 0 < error(found, exact) < 0.03


@pytest.mark.parametrize("name", registry.names("families"))
def test_the_gradient_of_a_family_is_that_of_float32(name: str) -> None:
    game, knobs = family_game({"name": name})
    batch = torch.rand(N, D, generator=torch.Generator().manual_seed(5))
    for player in game.players:
        (exact, _), (found, _) = (move(game, player, p, knobs, batch) for p in ("float32", "bfloat16"))
        assert 0 < error(found, exact) < 0.04


def test_a_gap_is_no_multiple_of_what_bfloat16_resolves_at_the_critics_level() -> None:
    """Around 100 it resolves 0.5. Each of 256 values errs by at most .25, uniformly: the gap by .013, one deviation."""
    game, knobs = family_game({"name": "wgan"}, None)
    with torch.no_grad():
        for parameter, factor in zip(game.networks["critic"].parameters(), (3.0, 1.0, 2.0, 1.0, 2.0, 1.0), strict=True):
            parameter.mul_(factor)
        cast(Any, game.networks["critic"]).layers[-1].bias.fill_(100.0)
    player = game.players[0]
    batch = torch.randn(N, D, generator=torch.Generator().manual_seed(5)) + 1
    (_, exact), (_, found) = (move(game, player, p, knobs, batch) for p in ("float32", "bfloat16"))
    gap = float(found["critic.critic_gap"])
    assert gap == pytest.approx(float(exact["critic.critic_gap"]), abs=0.06)


@pytest.mark.parametrize("levels", [2, 17])
def test_a_likelihood_is_not_summed_in_bfloat16(levels: int) -> None:
    game, knobs = family_game({"name": "autoregressive", "levels": levels})
    batch = torch.rand(N, D, generator=torch.Generator().manual_seed(5))
    (_, exact), (_, found) = (move(game, game.players[0], p, knobs, batch) for p in ("float32", "bfloat16"))
    loss = float(exact["loss.conditionals"])
    nats = loss + D * math.log(levels)  # of the levels themselves: the density in a cell is so much larger
    assert float(found["loss.conditionals"]) == pytest.approx(loss, abs=2e-3 * nats)


def test_a_loss_gets_the_networks_themselves_in_float32_and_outputs_of_float32_otherwise() -> None:
    game, _ = family_game({"name": "flow"})
    seen: list[Any] = []

    def loss(nets: Any, batch: torch.Tensor, noise: Any, knobs: Any) -> Loss:
        outputs = nets["flow"](batch, invert=True)
        seen.append((isinstance(nets["flow"], torch.nn.Module), *(output.dtype for output in outputs)))
        return Loss(sum(output.sum() for output in outputs), {})

    for precision in ("float32", "bfloat16"):
        move(game, Player("flow", ("flow",), loss), precision, {}, torch.rand(N, D))
    assert seen == [(True, torch.float32, torch.float32), (False, torch.float32, torch.float32)]
