"""Families with an exact likelihood: it is that of a distribution, and of the one that is sampled."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch.func import jacrev, vmap

from gensweep.component import build
from gensweep.configuration import TrialConfiguration
from gensweep.datasets import base as datasets
from gensweep.datasets.base import Dataset
from gensweep.errors import ConfigError
from gensweep.families._masked import GatedPixelCNN
from gensweep.families._unbounded import Unbounded
from gensweep.families.base import Family, Game, Setting
from gensweep.families.flow import Flow
from gensweep.lr_schedules.cosine import Cosine
from gensweep.networks.base import Network
from gensweep.optimizers.base import Optimizer
from gensweep.spaces.check import load_and_check
from gensweep.trainers.loop import Trainee, train
from gensweep.trainers.streams import draw
from gensweep.trainers.technique import Technique
from gensweep.trial import build_game
from tests.conftest import small_configuration

UNIT = (0.0, 1.0)


def make(node: Any, shape: tuple[int, ...], bounds: Any = None, batch: int = 100, levels: int = 0) -> Game:
    torch.manual_seed(0)
    family = cast(Family, build("families", node))
    return family.game(Setting(shape, bounds, 2, batch, cast(Network, build("networks", "mlp")), levels=levels))


def fit(game: Game, data: torch.Tensor, epochs: int, lr: float = 3e-3, batch: int = 100) -> None:
    optimizer = cast(Optimizer, build("optimizers", {"name": "adam", "lr": lr}))
    trainee = Trainee(game, optimizer, {}, torch.device("cpu"), Technique(rate=Cosine().factor))
    for _ in train(trainee, data, epochs, batch, seed=0):
        pass


@torch.no_grad()
def log_likelihood(game: Game, x: torch.Tensor) -> torch.Tensor:
    assert game.likelihood is not None
    noise = {name: draw(wanted, 3, len(x)).to(x) for name, wanted in game.likelihood.noise.items()}
    return game.likelihood.evaluate(game.networks, x, noise)


@torch.no_grad()
def samples(game: Game, n: int) -> torch.Tensor:
    return game.sample(
        game.networks, {k: draw(wanted, i, n) for i, (k, wanted) in enumerate(game.sample_noise.items())}
    )


def shaken(game: Game) -> Game:
    """With every weight moved away from a start that may be trivial, in float64."""
    generator = torch.Generator().manual_seed(5)
    for network in game.networks.values():
        network.double()
        with torch.no_grad():
            for p in network.parameters():
                p.add_(0.3 * torch.randn(p.shape, generator=generator, dtype=torch.float64))
    return game


def binary(d: int) -> torch.Tensor:
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=d)), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(1,), (5,), (12,), (1, 3, 4)], ids=str)
def test_the_probabilities_of_all_binary_items_sum_to_one(shape: tuple[int, ...]) -> None:
    node = {"name": "autoregressive", "levels": 2, "hidden": [40, 40], "channels": 4, "layers": 3}
    game = shaken(make(node, shape, UNIT, levels=2))
    log_p = log_likelihood(game, binary(math.prod(shape)).reshape(-1, *shape))
    assert float(log_p.exp().sum()) == pytest.approx(1, abs=1e-10)
    assert float(log_p.exp().std()) > 1e-6  # not the uniform distribution


@pytest.mark.parametrize("shape", [(6,), (1, 4, 4)], ids=str)
def test_a_conditional_sees_the_values_before_it_and_no_others(shape: tuple[int, ...]) -> None:
    node = {"name": "autoregressive", "levels": 3, "hidden": [50, 50], "channels": 6, "layers": 4}
    game = shaken(make(node, shape, UNIT))
    network = game.networks["conditionals"].network
    level = torch.rand(1, *shape, dtype=torch.float64)
    d = math.prod(shape)
    centred = level if len(shape) == 3 else level.flatten(1)
    seen = jacrev(lambda x: network(x)[0].sum(-1) + network(x)[0].square().sum(-1))(centred).reshape(d, d).abs()
    earlier = torch.ones(d, d).tril(-1).bool()
    assert (seen[~earlier] == 0).all()
    assert (seen[earlier] > 0).float().mean() == 1  # and nothing before it is hidden


def test_layers_narrower_than_an_item_hide_no_value_from_the_last_one() -> None:
    d = 9
    game = shaken(make({"name": "autoregressive", "levels": 2, "hidden": [4, 5]}, (d,), UNIT, levels=2))
    network = game.networks["conditionals"].network
    points = 2 * torch.rand(200, d, dtype=torch.float64) - 1  # at one point a unit may be off
    seen = vmap(jacrev(lambda x: network(x[None])[0].sum(-1)))(points).abs().sum(0)
    assert (seen.triu() == 0).all()
    assert (seen[-1, :-1] > 0).all()
    assert float(log_likelihood(game, binary(d)).exp().sum()) == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize("shape", [(3,), (1, 2, 2)], ids=str)
def test_ancestral_samples_occur_as_often_as_their_probability(shape: tuple[int, ...]) -> None:
    node = {"name": "autoregressive", "levels": 2, "hidden": [30], "channels": 4, "layers": 2}
    game = shaken(make(node, shape, UNIT, levels=2))
    d, n = math.prod(shape), 40_000
    for network in game.networks.values():
        network.float()
    p = log_likelihood(game, binary(d).float().reshape(-1, *shape)).exp()
    codes = (samples(game, n).flatten(1).double() @ 2.0 ** torch.arange(d - 1, -1, -1, dtype=torch.float64)).long()
    found = torch.bincount(codes, minlength=2**d) / n
    # bound: five standard errors of a frequency
    assert ((found - p).abs() <= 5 * (p * (1 - p) / n).sqrt() + 1e-9).all()


@pytest.mark.parametrize("layers", [1, 2, 4])
def test_a_pixel_cnn_that_reads_pixel_by_pixel_says_what_the_whole_network_says(layers: int) -> None:
    torch.manual_seed(0)
    network = GatedPixelCNN(channels=3, n_layers=layers, n_levels=4).double()
    x = torch.randn(2, 1, 5, 7, dtype=torch.float64)
    with torch.no_grad():
        reader, answers = network.reader(torch.ones_like(x)), []
        for i in range(5 * 7):
            answers.append(reader.answer())
            reader.put(x.flatten(1)[:, i])
        torch.testing.assert_close(torch.stack(answers, 1), network(x), rtol=1e-12, atol=1e-12)


def test_a_mixture_of_conditionals_is_a_density_and_the_one_that_is_sampled() -> None:
    game = make({"name": "autoregressive", "components": 3, "hidden": [20]}, (2,))
    with torch.no_grad():  # scales close to 1 everywhere, so that a grid holds the mass
        for p in game.networks["conditionals"].double().parameters():
            p.mul_(0.4)
    side = torch.linspace(-20, 20, 1201, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)
    mass = log_likelihood(game, grid).exp() * (side[1] - side[0]) ** 2
    assert float(mass.sum()) == pytest.approx(1, abs=2e-3)
    for network in game.networks.values():
        network.float()
    x = samples(game, 40_000).double()
    mean = (mass[:, None] * grid).sum(0)
    assert x.mean(0).tolist() == pytest.approx(mean.tolist(), abs=5 * float(x.std(0).max()) / 200)


@pytest.mark.parametrize("levels", [None, 2, 3, 4])
def test_whatever_the_levels_of_a_model_its_density_is_one_on_the_cells_of_the_data(levels: int | None) -> None:
    """On data of five levels: with four, two of the data's round to one, and with two the middle goes to the darker."""
    own = torch.linspace(-1, 1, 5, dtype=torch.float64)
    node = {"name": "autoregressive", "levels": levels, "hidden": [20]}
    game = shaken(make(node, (2,), (-1.0, 1.0), levels=5))
    density = log_likelihood(game, torch.cartesian_prod(own, own)).exp()
    assert float(density.sum()) * 0.5**2 == pytest.approx(1, abs=1e-6)
    game.networks["conditionals"].float()
    assert len(samples(game, 500).unique()) == (levels or 5)


@pytest.mark.parametrize("shape", [(2,), (1, 1, 2)], ids=str)
def test_of_continuous_data_the_density_is_one_within_the_bounds_and_is_the_one_sampled(shape: tuple[int, ...]) -> None:
    """Four cells of width 1 fill [-1, 3]; half of those at the ends must not lie outside."""
    node = {"name": "autoregressive", "levels": 4, "hidden": [20], "channels": 4, "layers": 2}
    game = shaken(make(node, shape, (-1.0, 3.0)))
    middles = -1 + (torch.arange(400, dtype=torch.float64) + 0.5) / 100
    grid = torch.cartesian_prod(middles, middles).reshape(-1, *shape)
    density = log_likelihood(game, grid).exp()
    assert float(density.sum()) / 100**2 == pytest.approx(1, abs=1e-9)
    corners = torch.cartesian_prod(*2 * [torch.tensor([-1.0, 3.0], dtype=torch.float64)]).reshape(-1, *shape)
    assert log_likelihood(game, corners).tolist() == pytest.approx(
        log_likelihood(game, corners.sign() * (corners.abs() - 0.5)).tolist()
    )
    game.networks["conditionals"].float()
    n = 40_000
    x = samples(game, n).double()
    assert float(x.min()) >= -1
    assert float(x.max()) <= 3
    where = ((x + 1).flatten(1).long().clamp(max=3) @ torch.tensor([4, 1])).long()
    p = density.reshape(4, 100, 4, 100).mean((1, 3)).flatten()
    assert ((torch.bincount(where, minlength=16) / n - p).abs() <= 5 * (p * (1 - p) / n).sqrt() + 1e-9).all()
    within = ((x + 1) % 1).flatten()  # uniform in its cell: five standard errors of its mean and of its square's
    assert float(within.mean()) == pytest.approx(1 / 2, abs=5 / math.sqrt(12 * 2 * n))
    assert float(within.square().mean()) == pytest.approx(1 / 3, abs=5 * math.sqrt(4 / 45 / (2 * n)))


@pytest.mark.parametrize("name", ["flow", "autoregressive"])
def test_the_levels_are_the_datas_own_unless_they_are_given(name: str) -> None:
    x = torch.randint(17, (40, 6)) / 16
    silent, told = make(name, (6,), UNIT, levels=17), make({"name": name, "levels": 17}, (6,), UNIT, levels=17)
    torch.testing.assert_close(log_likelihood(silent, x), log_likelihood(told, x))


@pytest.mark.parametrize(
    ("node", "levels", "says"),
    [
        ({"name": "flow", "levels": 256}, 17, "the data have 17 grey levels, and a density of 256 is of other data"),
        ({"name": "flow", "levels": 2}, 17, "Write levels: null"),
        ({"name": "flow", "levels": 0}, 17, "of none is of other data"),
        ({"name": "autoregressive", "levels": 18}, 17, "Write levels: null, or 17 or less"),
        ({"name": "flow"}, 17, ""),
        ({"name": "flow", "levels": 17}, 17, ""),
        ({"name": "flow", "levels": 256}, 0, ""),
        ({"name": "autoregressive", "levels": 2}, 17, ""),
        ({"name": "autoregressive"}, 17, ""),
        ({"name": "autoregressive", "levels": 300}, 0, ""),
    ],
)
def test_levels_that_would_give_another_likelihood_are_refused(node: dict[str, Any], levels: int, says: str) -> None:
    found = cast(Family, build("families", node)).levels_misfit(levels) or ""
    assert says in found
    assert bool(says) == bool(found)


def test_a_trial_hands_the_levels_of_its_data_to_the_family() -> None:
    c = TrialConfiguration.model_validate({**small_configuration("autoregressive"), "latent_size": 1})
    assert build_game(c).networks["conditionals"].n_levels == 17


def test_finer_levels_than_the_datas_are_found_before_anything_starts() -> None:
    file = Path(__file__).parents[2] / "search_spaces" / "flow.yaml"
    with pytest.raises(ConfigError, match=r"trial.family.levels: the data have 17 grey levels"):
        load_and_check(file, ["trial.family.levels=256"])


def correlated(n: int) -> tuple[torch.Tensor, torch.distributions.MultivariateNormal]:
    law = torch.distributions.MultivariateNormal(torch.tensor([1.0, -1.0]), torch.tensor([[2.0, 1.2], [1.2, 1.0]]))
    torch.manual_seed(1)
    return law.sample((n,)), law


@pytest.mark.parametrize(
    "node",
    [{"name": "flow", "couplings": 4, "hidden": [32]}, {"name": "autoregressive", "components": 2, "hidden": [32]}],
    ids=lambda n: n["name"],
)
def test_a_trained_model_reaches_the_entropy_of_the_data(node: dict[str, Any]) -> None:
    data, law = correlated(4000)
    game = make(node, (2,))
    fit(game, data, 30, lr=1e-2)
    fresh, _ = correlated(8000)
    gap = (law.log_prob(fresh[4000:]) - log_likelihood(game, fresh[4000:])).mean()
    # KL(law | model) up to the error of 4,000 paired differences; never far below zero
    assert -0.01 < float(gap) < 0.03
    drawn = samples(game, 20_000)
    torch.testing.assert_close(drawn.T.cov(), law.covariance_matrix, atol=0.2, rtol=0)


def test_a_flow_with_its_defaults_keeps_its_samples_near_the_ring_while_it_learns() -> None:
    data = datasets.load(cast(Dataset, build("datasets", {"name": "ring", "n_train": 1600}))).train
    game = make("flow", (2,), batch=64)
    optimizer = cast(Optimizer, build("optimizers", Flow.default_optimizer))
    for progress in train(Trainee(game, optimizer, {}, torch.device("cpu")), data, 3, 64, seed=1):
        assert progress.parts["loss.flow"] < 5
        assert float(samples(game, 2000).abs().max()) < 30  # of data within 1.5; 1e5 where a coupling may scale by e^2


def test_a_flow_is_undone_by_its_inverse_and_its_determinant_is_that_of_autograd() -> None:
    game = shaken(make({"name": "flow", "couplings": 5, "hidden": [16, 16]}, (5,)))
    flow = game.networks["flow"]
    y = torch.randn(20, 5, dtype=torch.float64)
    with torch.no_grad():
        z, forward = flow(y)
        again, backward = flow(z, invert=True)
    torch.testing.assert_close(again, y, rtol=0, atol=1e-10)
    torch.testing.assert_close(forward, -backward, rtol=0, atol=1e-10)
    jacobians = vmap(jacrev(lambda one: flow(one[None])[0][0]))(y)
    torch.testing.assert_close(forward, torch.linalg.slogdet(jacobians).logabsdet, rtol=0, atol=1e-10)
    assert float(forward.std()) > 0.01
    assert not torch.allclose(z, y, atol=0.1)


def test_the_logit_of_bounded_data_has_its_jacobian_and_comes_back() -> None:
    space = Unbounded((3,), (-1.0, 3.0), levels=0)
    x = torch.rand(9, 3, dtype=torch.float64) * 4 - 1
    y, log_slope = space.forward(x)
    torch.testing.assert_close(space.inverse(y), x, rtol=0, atol=1e-10)
    jacobians = vmap(jacrev(lambda one: space.forward(one[None])[0][0]))(x)
    torch.testing.assert_close(log_slope, torch.linalg.slogdet(jacobians).logabsdet, rtol=0, atol=1e-10)


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_grey_levels_come_back_whatever_the_noise_that_filled_them(levels: int) -> None:
    space = Unbounded((levels,), UNIT, levels=levels)
    x = torch.linspace(0, 1, levels, dtype=torch.float64)[None].expand(50, -1)
    u = torch.rand(50, levels, dtype=torch.float64) * 0.999 + 0.0005
    y, log_slope = space.forward(x, u)
    torch.testing.assert_close(space.inverse(y), x, rtol=0, atol=1e-10)
    jacobians = vmap(jacrev(lambda a, b: space.forward(a[None], b[None])[0][0]))(x[:3], u[:3])
    torch.testing.assert_close(log_slope[:3], torch.linalg.slogdet(jacobians).logabsdet, rtol=0, atol=1e-8)


@pytest.mark.parametrize("levels", [0, 3])
def test_the_density_of_a_flow_on_bounded_data_integrates_to_one(levels: int) -> None:
    game = shaken(make({"name": "flow", "couplings": 3, "hidden": [8], "levels": levels}, (2,), UNIT))
    assert game.likelihood is not None
    assert game.likelihood.is_exact is (levels == 0)
    n = 600
    side = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    grid = torch.cartesian_prod(side, side)
    with torch.no_grad():
        if levels == 0:
            total = log_likelihood(game, grid).exp().mean()
        else:  # every cell of side 1/2, with its noise on a grid
            corners = torch.cartesian_prod(*2 * [torch.linspace(0, 1, levels, dtype=torch.float64)])
            cells = [game.likelihood.evaluate(game.networks, c.expand_as(grid), {"cell": grid}) for c in corners]
            total = torch.stack(cells).exp().mean(1).sum() * 0.5**2
    # alpha leaves the tails of the logit outside the bounds: the mass within is at most 1, and close to it
    assert 0.7 < float(total) <= 1.0001


def test_digits_cost_fewer_bits_after_training_and_samples_are_grey_levels() -> None:
    data = datasets.load(cast(Dataset, build("datasets", "digits"))).train
    binarised = (data >= 0.5).float()  # 16 grey levels to one bit at a threshold of 8
    game = make({"name": "autoregressive", "levels": 2, "channels": 8, "layers": 3}, (1, 8, 8), UNIT, levels=2)
    before = log_likelihood(game, binarised[:200]).mean()
    fit(game, binarised[200:], 4, lr=1e-2, batch=50)
    bits = -log_likelihood(game, binarised[:200]).mean() / (64 * math.log(2))
    assert float(bits) < 0.6
    assert float(bits) < -float(before) / (64 * math.log(2)) - 0.3
    drawn = samples(game, 20)
    assert set(drawn.unique().tolist()) <= {0.0, 1.0}
    # a pixel on average is on about as often as in the data
    assert float(drawn.mean()) == pytest.approx(float(binarised.mean()), abs=0.1)


def test_a_coarser_cell_is_accounted_for_in_the_density() -> None:
    """On [0, 2] with three levels a cell has side 1; on [0, 1] side 1/2, so every value gains log 2."""
    node = {"name": "autoregressive", "levels": 3, "hidden": [8]}
    wide, narrow = make(node, (4,), (0.0, 2.0), levels=3), make(node, (4,), UNIT, levels=3)
    x = torch.tensor([[0.0, 0.5, 1.0, 0.5]])
    assert float(log_likelihood(narrow, x) - log_likelihood(wide, 2 * x)) == pytest.approx(4 * math.log(2), rel=1e-6)
