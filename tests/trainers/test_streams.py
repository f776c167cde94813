"""Random streams are functions of seed and position: order of asking, chunking and history do not show."""

from __future__ import annotations

import torch

from gensweep.families.base import Game, Player
from gensweep.losses import Draw, Loss
from gensweep.seeding import derive
from gensweep.trainers.streams import BatchOrder, NoiseChunks, draw


def test_every_pass_sees_every_item_once_but_for_the_incomplete_batch() -> None:
    order = BatchOrder(seed=1, n_items=103, batch_size=10)
    first = torch.cat([order.batch(i) for i in range(10)])
    second = torch.cat([order.batch(i) for i in range(10, 20)])
    assert len(first.unique()) == len(second.unique()) == 100
    assert not torch.equal(first, second)


def test_batch_number_n_is_the_same_from_any_start() -> None:
    forward, fresh = BatchOrder(7, 50, 8), BatchOrder(7, 50, 8)
    expected = [forward.batch(i).tolist() for i in range(30)]
    assert fresh.batch(23).tolist() == expected[23]
    assert fresh.batch(2).tolist() == expected[2]
    assert BatchOrder(8, 50, 8).batch(2).tolist() != expected[2]


def test_noise_chunks_do_not_depend_on_what_was_drawn_before_or_on_other_players() -> None:
    def nothing(*_: object) -> Loss:
        raise AssertionError

    def game(*players: Player) -> Game:
        return Game({}, players, sample=lambda n, z: z["latent"], sample_noise={})

    one = Player("one", (), nothing, {"latent": Draw((4, 2)), "u": Draw((4,), "uniform")}, moves=3)
    two = Player("two", (), nothing, {"latent": Draw((4, 2))})
    alone, both = NoiseChunks(5, game(one)), NoiseChunks(5, game(two, one))
    both.chunk(0, torch.device("cpu"))
    a, b = alone.chunk(3, torch.device("cpu")), both.chunk(3, torch.device("cpu"))
    assert a["one"]["latent"].shape == (alone.rounds, 3, 4, 2)
    assert torch.equal(a["one"]["latent"], b["one"]["latent"])
    assert not torch.equal(b["two"]["latent"][:, 0], b["one"]["latent"][:, 0])
    assert a["one"]["u"].min() >= 0
    assert a["one"]["u"].max() < 1


def test_a_law_has_its_moments() -> None:
    normal, uniform = draw(Draw((100_000,)), 1), draw(Draw((100_000,), "uniform"), 1)
    # four standard errors
    assert abs(float(normal.mean())) < 4 / 316
    assert abs(float(normal.var()) - 1) < 4 * (2 / 100_000) ** 0.5
    assert abs(float(uniform.mean()) - 0.5) < 4 * (1 / 12 / 100_000) ** 0.5


def test_streams_of_other_names_seeds_and_positions_differ() -> None:
    seeds = {
        derive(0),
        derive(1),
        derive(0, "a"),
        derive(0, "b"),
        derive(0, "a", 1),
        derive(0, "a1"),
        derive(0, "a", "1", ""),
    }
    assert len(seeds) == 7
    assert derive(0, "a", 1) == derive(0, "a", "1")
    assert all(0 <= seed < 2**63 for seed in seeds)
