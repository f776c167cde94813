"""The one loop: epochs, rounds and moves counted as the design says, on a game of two lines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
import torch

from gensweep.component import build
from gensweep.errors import Diverged
from gensweep.families.base import Game, Limit, Player, WarmUp
from gensweep.losses import Draw, Loss
from gensweep.optimizers.base import Optimizer
from gensweep.trainers.checkpoint import from_bytes, to_bytes
from gensweep.trainers.loop import Trainee, train
from gensweep.trainers.technique import Technique

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


def test_a_part_that_is_a_view_of_a_parameter_is_logged_as_it_was_before_the_move() -> None:
    def loss(nets: Any, batch: torch.Tensor, noise: Any, knobs: Any) -> Loss:
        value = nets["a"]()
        return Loss((value - batch.mean()) ** 2 / 2, {"view": value.view(1)[0], "itself": value, "made": value * 1})

    t = trainee(Player("one", ("a",), loss), a=5.0)
    first = next(iter(train(t, torch.full((4, 1), 1.0), epochs=1, batch_size=4, seed=0)))
    assert {name: value for name, value in first.parts.items() if name.startswith("one.")} == {
        "one.view": 5.0, "one.itself": 5.0, "one.made": 5.0,
    }  # fmt: skip


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


def test_a_part_beyond_a_limit_of_the_game_ends_the_training_with_its_meaning() -> None:
    calls: list[int] = []

    def loss(nets: Any, batch: torch.Tensor, noise: Any, knobs: Any) -> Loss:
        calls.append(0)
        return Loss(nets["a"]() * 0, {"gap": torch.tensor(-11.0 if len(calls) == 3 else 10.0)})

    t = trainee(Player("one", ("a",), loss), a=1.0)
    limits = {"one.gap": Limit(10.0, "the critic has exploded"), "other.gap": Limit(0.0, "nobody's")}
    t.game = replace(t.game, limits=limits)
    with pytest.raises(Diverged, match=r"one\.gap became -11: the critic has exploded") as error:
        list(train(t, torch.ones(40, 1), epochs=1, batch_size=2, seed=0))
    assert error.value.step == 3


class TestWarmUp:
    """A game of one point `a`, that its player pulls to the data, after a warm-up that pulls it to 3."""

    def trainee(
        self, rounds: int, seen: dict[str, list[Any]] | None = None, technique: Technique | None = None, **sgd: float
    ) -> Trainee:
        seen = {"one": [], "before": []} if seen is None else seen

        def pull(name: str, to: float | None) -> Any:
            def loss(nets: Any, batch: torch.Tensor, noise: Any, knobs: Any) -> Loss:
                seen[name].append((batch.flatten().tolist(), noise["z"].tolist()))
                target = batch.mean() if to is None else knobs["three"]
                return Loss((nets["a"]() - target) ** 2 / 2, {"value": nets["a"]()})

            return loss

        def before(n: int) -> Player:
            return Player("before", ("a",), pull("before", 3.0), {"z": Draw((n,))})

        game = Game(
            {"a": Point(5.0), "b": Point(7.0)},
            (Player("one", ("a",), pull("one", None), {"z": Draw((4,))}),),
            lambda n, z: z["z"],
            {"z": Draw((1,))},
            warm_up=WarmUp(before, rounds, 1000) if rounds else None,
        )
        optimizer = cast(Optimizer, build("optimizers", {"name": "sgd", "lr": 0.1, "momentum": 0.0, **sgd}))
        return Trainee(game, optimizer, {"three": 3.0}, CPU, technique)

    DATA = torch.arange(8.0)[:, None]

    def test_it_is_played_once_before_round_0_and_its_optimiser_ends_with_it(self) -> None:
        t = self.trainee(rounds=40, momentum=0.5)  # more than one chunk of noise
        ends = list(train(t, torch.ones(8, 1), epochs=2, batch_size=4, seed=0))
        assert [p.step for p in ends] == [2, 4]
        a, velocity = 5.0, 0.0
        for target, rounds in ((3.0, 40), (1.0, 4)):
            velocity = 0.0  # of the optimiser that begins here
            for _ in range(rounds):
                velocity = 0.5 * velocity + (a - target)
                a -= 0.1 * velocity
        assert float(t.game.networks["a"]()) == pytest.approx(a, rel=1e-6)
        assert float(t.game.networks["b"]()) == 7.0

    def test_what_its_last_round_left_is_told_with_the_first_epoch_and_no_other(self) -> None:
        t = self.trainee(rounds=3)
        first, second = train(t, torch.ones(8, 1), epochs=2, batch_size=4, seed=0)
        assert first.parts["before.value"] == pytest.approx(3 + 2 * 0.9**2, rel=1e-6)
        assert first.parts["loss.before"] == pytest.approx((2 * 0.9**2) ** 2 / 2, rel=1e-6)
        assert set(second.parts) == {"loss.one", "one.value"}

    def test_the_rounds_see_the_same_data_and_noise_with_it_and_without(self) -> None:
        with_it: dict[str, list[Any]] = {"one": [], "before": []}
        without: dict[str, list[Any]] = {"one": [], "before": []}
        list(train(self.trainee(5, with_it), self.DATA, 3, 4, seed=1))
        list(train(self.trainee(0, without), self.DATA, 3, 4, seed=1))
        assert with_it["one"] == without["one"]
        assert (len(with_it["one"]), len(with_it["before"]), len(without["before"])) == (6, 5, 0)

    def test_its_batches_are_all_the_data_where_they_are_few_in_an_order_of_their_own(self) -> None:
        seen: dict[str, list[Any]] = {"one": [], "before": []}
        list(train(self.trainee(5, seen), self.DATA, 3, 8, seed=1))
        batches = [batch for batch, _ in seen["before"]]
        assert all(sorted(batch) == list(range(8)) for batch in batches)
        assert len({tuple(batch) for batch in batches}) == 5
        assert batches[:3] != [batch for batch, _ in seen["one"]]
        noises = [tuple(noise) for _, noise in seen["before"]]
        assert all(len(noise) == 8 for noise in noises)
        assert len(set(noises)) == 5

    def test_one_that_goes_on_from_a_checkpoint_does_not_warm_up_again(self) -> None:
        t = self.trainee(5)
        running = train(t, self.DATA, 3, 4, seed=1)
        next(running)
        saved = to_bytes(t.state())
        rest = [p.parts for p in running]
        seen: dict[str, list[Any]] = {"one": [], "before": []}
        again = self.trainee(5, seen)
        again.restore(from_bytes(saved, CPU))
        assert [p.parts for p in train(again, self.DATA, 3, 4, seed=1)] == rest
        assert not seen["before"]
        assert to_bytes(again.state()) == to_bytes(t.state())

    def test_the_running_mean_begins_where_it_ended(self) -> None:
        t = self.trainee(50, technique=Technique(ema=0.5))
        list(train(t, torch.full((4, 1), 3.0), epochs=1, batch_size=4, seed=0))
        assert float(t.averaged().networks["a"]()) == pytest.approx(3, abs=0.02)  # and not halfway from 5

    def test_its_rate_is_the_optimisers_and_its_gradient_is_clipped(self) -> None:
        t = self.trainee(1, technique=Technique(rate=lambda _: 1e-9, grad_clip=0.5))
        list(train(t, torch.ones(4, 1), epochs=1, batch_size=4, seed=0))
        assert float(t.game.networks["a"]()) == pytest.approx(5 - 0.1 * 0.5)

    def test_a_loss_of_it_that_is_not_finite_is_named_with_its_round(self) -> None:
        t = self.trainee(500, lr=1e3)
        with pytest.raises(
            Diverged, match=r"(loss\.before|before\.value) became .* in round \d+ of the warm-up"
        ) as error:
            list(train(t, torch.ones(4, 1), epochs=1, batch_size=4, seed=0))
        assert error.value.step == 0


@pytest.mark.parametrize("warm", [False, True])
def test_the_items_that_rounds_see_are_those_of_their_batches_and_of_the_warm_up(warm: bool) -> None:
    seen: list[int] = []

    def counting(nets: Any, batch: torch.Tensor, noise: Any, knobs: Any) -> Loss:
        seen.append(len(batch))
        return Loss(nets["a"]() * 0, {})

    def blind(nets: Any, batch: torch.Tensor, noise: Any, knobs: Any) -> Loss:
        return Loss(nets["b"]() * 0, {})

    t = trainee(Player("critic", ("a",), counting, moves=3), Player("model", ("b",), blind), a=1.0, b=1.0)
    if warm:
        warm_up = WarmUp(lambda n: Player("before", ("a",), counting), rounds=2, batch_size=100)
        t.game = replace(t.game, warm_up=warm_up)
    assert t.game.items(0, 4, 10) == 0
    list(train(t, torch.zeros(10, 1), epochs=3, batch_size=4, seed=0))
    assert t.game.items(t.step, 4, 10) == sum(seen) == 24 + 20 * warm


def test_who_trains_nothing_sees_nothing() -> None:
    assert trainee(a=1.0).game.items(7, 4, 10) == 0
