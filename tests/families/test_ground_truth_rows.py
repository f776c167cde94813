"""Families fit a Gaussian to a mixture, and end where their own divergence says: trained through the public interface."""

from __future__ import annotations

import csv
import math
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from test_known_fits import affine_of, mixture

from gensweep.component import build
from gensweep.families.base import Family, Setting
from gensweep.networks.base import Network
from gensweep.optimizers.base import Optimizer
from gensweep.trainers.loop import Trainee, train
from gensweep.trainers.technique import Technique

ROOT = Path(__file__).parents[2]
ROWS = {
    "kl", "reverse_kl", "jensen_shannon", "non_saturating", "jeffrey", "pearson", "neyman", "squared_hellinger",
    "total_variation", "wasserstein_1", "wasserstein_2", "relaxed_wasserstein_2", "sobolev", "sobolev_fixed_point", "cramer",
    "mmd_rbf",
}  # fmt: skip


# Where games end, or are often said to: rows of the table that tests/studies/test_gaussian_targets.py verifies.
ENDS = {
    "kl": (1.0100, 1.8304), "reverse_kl": (1.5841, 1.6294), "jensen_shannon": (1.3125, 1.7525),
    "non_saturating": (1.7431, 1.5646), "jeffrey": (1.3249, 1.7023), "pearson": (0.5663, 1.9268), "neyman": (1.8286, 1.5171),
    "squared_hellinger": (1.3175, 1.7316), "total_variation": (1.3398, 1.8782), "wasserstein_1": (1.0785, 1.8843),
    "sobolev": (0.9772, 1.7903), "sobolev_fixed_point": (1.0215, 1.7566),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def play(
    node: dict[str, Any], rounds: int, batch: int = 256, start: tuple[float, float] = (0.0, 2.0)
) -> tuple[float, float]:
    """The mean and deviation of the running mean of a family's Gaussian, after so many rounds from N(start[0], start[1]^2)."""
    data, family = mixture(204_800), cast(Family, build("families", {**node, "critic_moves": 3}))
    torch.manual_seed(0)
    network = cast(Network, build("networks", {"name": "affine", "spread": start[1]}))
    game = family.game(Setting((1,), None, 1, batch, network))
    with torch.no_grad():
        game.networks["generator"].linear.bias.fill_(start[0])
    optimizer = cast(Optimizer, build("optimizers", {"name": "adam", "lr": 3e-3, "betas": (0.5, 0.9)}))
    trainee = Trainee(game, optimizer, family.knobs(), torch.device("cpu"), Technique(ema=0.995))
    epochs = rounds * game.batches_per_round * batch // len(data)
    for _ in train(trainee, data, epochs, batch, seed=0):
        pass
    return affine_of(trainee.averaged(), "generator")


@pytest.mark.slow
def test_the_two_losses_of_a_gan_end_at_their_own_optima() -> None:
    """Minimax at (1.3125, 1.7525), that of 2 JSD; non-saturating at (1.7431, 1.5646), that of 2 KL((p + q)/2 || p)."""
    one = play({"name": "gan", "loss": "minimax"}, 1300)
    other = play({"name": "gan", "loss": "non_saturating"}, 1300)
    # half the distance between the optima: .215 in mu, .094 in sigma. A swapped loss is a whole distance away.
    assert one == pytest.approx((1.3125, 1.7525), abs=0.09)
    assert other == pytest.approx((1.7431, 1.5646), abs=0.09)


@pytest.mark.parametrize(
    ("end", "family", "batch", "bound"),
    [
        ("kl", {"name": "f_gan", "f": "kl"}, 512, 0.05),
        pytest.param("reverse_kl", {"name": "f_gan", "f": "reverse_kl"}, 512, 0.05, marks=pytest.mark.slow),
        pytest.param("pearson", {"name": "f_gan", "f": "pearson"}, 512, 0.06, marks=pytest.mark.slow),
        pytest.param(
            "wasserstein_1",
            {"name": "wgan", "constraint": {"name": "lipschitz_penalty", "weight": 10}},
            256,
            0.03,
            marks=pytest.mark.slow,
        ),
        pytest.param("sobolev_fixed_point", {"name": "sobolev_gan", "rho": 0.01}, 256, 0.02, marks=pytest.mark.slow),
    ],
)
def test_a_game_ends_at_its_own_row_and_at_no_neighbours(
    end: str, family: dict[str, Any], batch: int, bound: float
) -> None:
    """From one start for all. The distances of two seeds were below .035, .03, .045, .02 and .01."""
    found = play(family, 900, batch, start=(1.1, 1.8))
    distances = {name: math.dist(found, place) for name, place in ENDS.items()}
    assert distances[end] < bound
    assert min(distances, key=lambda name: distances[name]) == end


@pytest.mark.slow
def test_the_whole_table(tmp_path: Path) -> None:
    """Three seeds of every row lie within .03 and .04, but for the two of which the table says why they do not."""
    command = [
        sys.executable, "-m", "gensweep", "run", "search_spaces/ground_truth.yaml", "-o", str(tmp_path),
        "--tracking-uri", f"sqlite:///{tmp_path}/mlflow.db",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "ground_truth" / "report" / "ground_truth.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["objective"] for row in rows} == ROWS
    assert {row["seeds"] for row in rows} == {"3"}
    outside = [row for row in rows if row["within"] != "3"]
    assert {row["objective"] for row in outside} <= {"total_variation", "sobolev"}
    assert all(row["note"] for row in outside)
    assert "Ground truth:" in done.stdout
