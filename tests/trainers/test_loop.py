"""The one loop: epochs, rounds and moves counted as the design says, on a game of two lines."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch

from gensweep.component import build
from gensweep.divergences.base import Draw
from gensweep.errors import Diverged
from gensweep.families.base import Game, Loss, Player
from gensweep.optimizers.base import Optimizer
from gensweep.trainers.loop import Trainee, train

CPU = torch.device("cpu")


class Point(torch.nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(value))

    def forward(self) -> torch.Tensor:
        return self.value


def trainee(*players: Player, lr: float = 0.1, knobs: dict[str, float] | None = None, **points: float) -> Trainee:
    game = Game({name: Point(v) for name, v in points.items()}, players, lambda n, z: z["z"], {"z": Draw((1,))})
    return Trainee(
        game, cast(Optimizer, build("optimizers", {"name": "sgd", "lr": lr, "momentum": 0.0})), knobs or {}, CPU
    )


def towards_data(nets: Any, batch: torch.Tensor, noise: Any, knobs: Any) -> Loss:
    loss = (nets["a"]() - batch.mean()) ** 2 / 2
    return Loss(loss, {"value": nets["a"]()})


def test_sgd_on_a_quadratic_is_the_recursion_by_hand() -> None:
    t = trainee(Player("one", ("a",), towards_data), a=5.0)
    data = torch.full((8, 1), 1.0)
    list(train(t, data, epochs=3, batch_size=4, seed=0))
    assert t.step == 6
    assert float(t.game.networks["a"]()) == pytest.approx(1 + 4 * 0.9**6, rel=1e-6)


def test_parts_are_means_over_the_epoch() -> None:
    t = trainee(Player("one", ("a",), towards_data), a=5.0)
    first = next(iter(train(t, torch.full((8, 1), 1.0), epochs=3, batch_size=4, seed=0)))
    assert first.parts["one.value"] == pytest.approx((5 + (1 + 4 * 0.9)) / 2, rel=1e-6)
    assert first.parts["loss.one"] == pytest.approx((16 / 2 + (4 * 0.9) ** 2 / 2) / 2, rel=1e-6)


def test_the_k_th_moves_of_all_players_share_a_batch_and_an_epoch_is_one_pass() -> None:
    seen: dict[str, list[float]] = {"critic": [], "model": []}

    def watch(name: str, net: str) -> Any:
        def loss(nets: Any, batch: torch.Tensor, noise: Any, knobs: Any) -> Loss:
            seen[name].append(float(batch[0]))
            return Loss(nets[net]() * 0, {})

        return loss

    t = trainee(
        Player("critic", ("a",), watch("critic", "a"), moves=3),
        Player("model", ("b",), watch("model", "b")),
        a=1.0,
        b=1.0,
    )
    ends = [p.step for p in train(t, torch.arange(20.0)[:, None], epochs=3, batch_size=2, seed=0)]
    assert ends == [4, 7, 10]  # ceil(10 / 3), ceil(20 / 3), ceil(30 / 3) rounds
    assert len(seen["critic"]) == 30
    assert len(seen["model"]) == 10
    assert seen["model"] == seen["critic"][::3]


def test_a_player_changes_its_own_networks_only() -> None:
    def pulls_both(nets: Any, batch: torch.Tensor, noise: Any, knobs: Any) -> Loss:
        return Loss(nets["a"]() * nets["b"](), {})

    def still(nets: Any, batch: torch.Tensor, noise: Any, knobs: Any) -> Loss:
        return Loss(nets["b"]() * 0, {})

    t = trainee(Player("one", ("a",), pulls_both), Player("two", ("b",), still), a=1.0, b=2.0)
    list(train(t, torch.ones(4, 1), epochs=1, batch_size=4, seed=0))
    assert float(t.game.networks["a"]()) == pytest.approx(1 - 0.1 * 2)
    assert float(t.game.networks["b"]()) == 2.0


def test_after_a_move_its_correction_sees_the_parts_and_may_reach_other_networks() -> None:
    def loss(nets: Any, batch: torch.Tensor, noise: Any, knobs: Any) -> Loss:
        return Loss(nets["a"]() * 0, {"omega": nets["a"]() * 2})

    def multiplier(parameters: Any, parts: Any, knobs: Any) -> Any:
        return {"m.value": parameters["m.value"] + knobs["rho"] * (parts["omega"] - 1)}

    player = Player("one", ("a",), loss, after_move=multiplier, corrects=("m",))
    t = trainee(player, knobs={"rho": 0.5}, a=3.0, m=0.0)
    list(train(t, torch.ones(8, 1), epochs=1, batch_size=4, seed=0))
    assert float(t.game.networks["m"]()) == pytest.approx(2 * 0.5 * (6 - 1))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_the_first_value_that_is_not_finite_is_named_with_its_step(bad: float) -> None:
    calls = []

    def loss(nets: Any, batch: torch.Tensor, noise: Any, knobs: Any) -> Loss:
        calls.append(0)
        return Loss(nets["a"]() * 0, {"gap": torch.tensor(bad if len(calls) == 5 else 0.0)})

    t = trainee(Player("one", ("a",), loss), a=1.0)
    with pytest.raises(Diverged, match=r"one\.gap became (nan|-?inf) at step 5") as error:
        list(train(t, torch.ones(40, 1), epochs=1, batch_size=2, seed=0))
    assert error.value.step == 5
