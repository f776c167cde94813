"""Options of training: each against its formula, and bit for bit the same after an interruption."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch

from gensweep.component import build
from gensweep.families.base import Game, Player
from gensweep.ledger.trial_folder import TrialFolder
from gensweep.losses import Draw, Loss
from gensweep.optimizers.base import Optimizer
from gensweep.trainers.checkpoint import from_bytes
from gensweep.trainers.loop import Trainee, train
from gensweep.trainers.technique import Technique
from gensweep.trial import run_trial
from tests.conftest import job, small_configuration

CPU = torch.device("cpu")
OPTIONS: list[dict[str, Any]] = [
    {"lr_schedule": "cosine"},
    {"lr_schedule": {"name": "step", "at": [0.4, 0.6], "factors": [0.5, 0.1]}},
    {"grad_clip": 0.5},
    {"ema": 0.9},
    {"precision": "bfloat16"},
]


class Point(torch.nn.Module):
    def __init__(self, *values: float) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(values))

    def forward(self) -> torch.Tensor:
        return self.value


def descend(technique: Technique, slope: list[float], rounds: int, lr: float = 0.1) -> Trainee:
    """Plain gradient descent from the origin on -slope . a."""

    def loss(nets: Any, batch: torch.Tensor, noise: Any, knobs: Any) -> Loss:
        return Loss(-(nets["a"]() * torch.tensor(slope)).sum(), {})

    game = Game(
        {"a": Point(*[0.0] * len(slope))}, (Player("one", ("a",), loss),), lambda n, z: z["z"], {"z": Draw((1,))}
    )
    optimizer = cast(Optimizer, build("optimizers", {"name": "sgd", "lr": lr, "momentum": 0.0}))
    trainee = Trainee(game, optimizer, {}, CPU, technique)
    for _ in train(trainee, torch.zeros(2, 1), rounds, 2, seed=0):
        pass
    return trainee


def test_the_running_mean_is_its_closed_form() -> None:
    """On the path theta_t = v t from a_0 = 0: a_t = v (t - d (1 - d^t) / (1 - d)) for the decay d."""
    d, rounds = 0.8, 12
    trainee = descend(Technique(ema=d), [3.0], rounds)
    assert float(trainee.game.networks["a"]().detach()) == pytest.approx(0.3 * rounds, rel=1e-5)
    averaged = trainee.averaged().networks["a"]().detach()
    assert float(averaged) == pytest.approx(0.3 * (rounds - d * (1 - d**rounds) / (1 - d)), rel=1e-5)


def test_without_a_running_mean_the_networks_themselves_are_sampled() -> None:
    trainee = descend(Technique(), [3.0], 2)
    assert trainee.averaged() is trainee.game
    assert "means" not in trainee.state()


def test_a_gradient_longer_than_the_clip_has_its_length_and_a_shorter_one_its_own() -> None:
    assert descend(Technique(grad_clip=1.0), [3.0, 4.0], 1).game.networks["a"]().tolist() == pytest.approx([0.06, 0.08])
    assert descend(Technique(grad_clip=9.0), [3.0, 4.0], 1).game.networks["a"]().tolist() == pytest.approx([0.3, 0.4])


def test_the_schedule_scales_each_round_by_the_share_that_is_past() -> None:
    moved = descend(Technique(rate=lambda t: 1 - t), [1.0], 4).game.networks["a"]().detach()
    assert float(moved) == pytest.approx(0.1 * (1 + 0.75 + 0.5 + 0.25))


def test_bfloat16_rounds_the_products_and_neither_the_weights_nor_what_a_loss_makes_of_them() -> None:
    seen = []

    def loss(nets: Any, batch: torch.Tensor, noise: Any, knobs: Any) -> Loss:
        seen.append(nets["a"](batch).detach())
        return Loss(nets["a"](batch).square().mean(), {})

    game = Game({"a": torch.nn.Linear(3, 3)}, (Player("one", ("a",), loss),), lambda n, z: z["z"], {"z": Draw((1,))})
    for precision in ("float32", "bfloat16"):
        technique = Technique(precision=precision)  # type: ignore[arg-type]
        trainee = Trainee(game, cast(Optimizer, build("optimizers", {"name": "adam", "lr": 1e-12})), {}, CPU, technique)
        list(train(trainee, torch.rand(4, 3), 1, 4, seed=0))
    exact, found = seen
    assert found.dtype == torch.float32
    assert torch.equal(found, found.bfloat16().float())
    assert not torch.equal(exact, exact.bfloat16().float())
    assert all(p.dtype == torch.float32 for p in game.networks["a"].parameters())


@pytest.mark.parametrize("family", ["vae", {"name": "wae", "divergence": "jensen_shannon"}], ids=["vae", "wae"])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(map(str, o)))
def test_an_interrupted_trial_continues_bit_for_bit_and_the_option_changes_it(
    tmp_path: Path, options: dict[str, Any], family: Any
) -> None:
    configuration = small_configuration(family, epochs=4, **options)
    whole = list(run_trial(job(tmp_path / "whole", configuration)))
    next(run_trial(job(tmp_path / "cut", configuration)))
    rest = list(run_trial(job(tmp_path / "cut", configuration)))
    assert rest[-1].scores == whole[-1].scores
    states = [_state(tmp_path / name) for name in ("whole", "cut")]
    for kind in ("networks", "means") if "ema" in options else ("networks",):
        for network, weights in states[0][kind].items():
            assert all(torch.equal(states[1][kind][network][name], value) for name, value in weights.items())
    without = list(run_trial(job(tmp_path / "without", small_configuration(family, epochs=4))))
    assert without[-1].scores["fid"] != whole[-1].scores["fid"]


def _state(folder: Path) -> dict[str, Any]:
    newest = TrialFolder(folder).newest()
    assert newest is not None
    return from_bytes(newest.read("state.pt"), CPU)["trainee"]
