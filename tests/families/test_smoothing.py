"""Maximum likelihood on smoothed data: its loss, its optimum, and what it becomes without smoothing."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch

from gensweep.component import build
from gensweep.configuration import TrialConfiguration
from gensweep.families.base import Family, Game, Setting
from gensweep.lr_schedules.cosine import Cosine
from gensweep.networks.base import Network
from gensweep.optimizers.base import Optimizer
from gensweep.shape_key import shape_key
from gensweep.trainers.loop import Trainee, train
from gensweep.trainers.streams import draw
from gensweep.trainers.technique import Technique
from gensweep.trial import build_game
from tests.conftest import small_configuration

SMOOTHED = ["vae", "iwae", "flow", "autoregressive"]
N, D = 8, 2


def family_of(name: str, **fields: Any) -> Family:
    return cast(Family, build("families", {"name": name, **fields}))


def game_of(family: Family, shape: tuple[int, ...] = (D,), batch: int = N, network: str = "mlp") -> Game:
    torch.manual_seed(0)
    return family.game(Setting(shape, None, 2, batch, cast(Network, build("networks", network))))


def loss_of(game: Game, family: Family, batch: torch.Tensor, noise: dict[str, torch.Tensor]) -> float:
    knobs = {name: torch.tensor(value) for name, value in family.knobs().items()}
    with torch.no_grad():
        return float(game.players[0].loss(game.networks, batch, noise, knobs).total)


@pytest.mark.parametrize("name", SMOOTHED)
def test_the_loss_is_the_plain_one_at_moved_items_and_tends_to_it(name: str) -> None:
    batch = torch.randn(N, D)
    plain = family_of(name)
    without = game_of(plain)
    assert "smoothing" not in without.players[0].noise
    gaps = []
    for sigma in (0.4, 1e-3, 1e-5):
        family = family_of(name, smoothing=sigma)
        game = game_of(family)
        (player,) = game.players
        noise = {key: draw(one, i) for i, (key, one) in enumerate(sorted(player.noise.items()))}
        assert noise["smoothing"].shape == batch.shape
        rest = {key: values for key, values in noise.items() if key != "smoothing"}
        moved = loss_of(without, plain, batch + sigma * noise["smoothing"], rest)
        assert loss_of(game, family, batch, noise) == pytest.approx(moved, rel=1e-6)
        gaps.append(abs(moved - loss_of(without, plain, batch, rest)))
    assert gaps[0] > 1e-3
    assert gaps[2] < gaps[1] < gaps[0]
    assert gaps[2] < 1e-3


def test_a_normal_density_costs_half_of_sigma_squared_a_dimension() -> None:
    """A flow begins as the identity: -log N(x + s e) and -log N(x - s e) have the mean -log N(x) + s^2 |e|^2 / 2."""
    family, plain = family_of("flow", smoothing=0.7), family_of("flow")
    batch, eps = torch.randn(N, D), torch.randn(N, D)
    both = [loss_of(game_of(family), family, batch, {"smoothing": sign * eps}) for sign in (1, -1)]
    expected = loss_of(game_of(plain), plain, batch, {}) + 0.49 * float(eps.square().sum(1).mean()) / 2
    assert sum(both) / 2 == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("d", [5, 1100])  # the second is fitted by subspace iteration
def test_the_gaussian_fit_has_the_covariance_of_the_data_plus_sigma_squared(d: int) -> None:
    data = torch.randn(60, d, generator=torch.Generator().manual_seed(1)) * torch.linspace(1, 3, d)

    def deviations(**fields: Any) -> torch.Tensor:
        family = family_of("pca_gaussian", k=5, **fields)
        game = family.game(Setting((d,), None, 2, N, cast(Network, build("networks", "mlp"))))
        assert game.fit is not None
        model = game.fit(game.networks, data)
        z = torch.cat([torch.zeros(1, 5), torch.eye(5)])
        at = model.sample({}, {"latent": z}).double()
        return (at[1:] - at[0]).norm(dim=1).sort().values

    largest = torch.linalg.eigvalsh(
        (data.double() - data.double().mean(0)).T @ (data.double() - data.double().mean(0)) / 60
    )[-5:]
    torch.testing.assert_close(deviations(smoothing=2.0).square(), largest + 4, rtol=1e-4, atol=0)
    torch.testing.assert_close(deviations(smoothing=1e-4), deviations(), rtol=1e-5, atol=0)
    torch.testing.assert_close(deviations().square(), largest, rtol=1e-4, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [0.0, 0.2, 1.0])
def test_a_linear_vae_has_the_variance_of_the_data_plus_sigma_squared(sigma: float) -> None:
    """a^2 + v = Var + sigma^2 for a decoder a z + b with the fixed variance v, which goes to that of the data with sigma."""
    data = 1 + 1.5 * torch.randn(20_000, 1, generator=torch.Generator().manual_seed(2))
    family = family_of("vae", likelihood="gaussian", variance=0.5, smoothing=sigma)
    torch.manual_seed(0)
    game = family.game(Setting((1,), None, 1, 250, cast(Network, build("networks", "affine"))))
    adam = cast(Optimizer, build("optimizers", {"name": "adam", "lr": 0.01}))
    trainee = Trainee(game, adam, family.knobs(), torch.device("cpu"), Technique(rate=Cosine().factor))
    for _ in train(trainee, data, 30, 250, seed=0):
        pass
    with torch.no_grad():
        zero, one = game.networks["decoder"](torch.tensor([[0.0], [1.0]])).flatten().tolist()
    assert (one - zero) ** 2 + 0.5 == pytest.approx(float(data.var()) + sigma**2, abs=0.08)


@pytest.mark.parametrize(
    ("name", "fields", "bounds", "why"),
    [
        ("autoregressive", {}, (0.0, 1.0), "one of levels"),
        ("flow", {}, (0.0, 1.0), "the flow's logit ends"),
        ("vae", {"likelihood": "bernoulli"}, (0.0, 1.0), "likelihood: gaussian"),
        ("iwae", {"likelihood": "bernoulli"}, (0.0, 1.0), "likelihood: gaussian"),
    ],
)
def test_where_no_density_can_be_smoothed_it_is_refused(name: str, fields: Any, bounds: Any, why: str) -> None:
    assert why in (family_of(name, smoothing=0.1, **fields).misfit((2,), bounds) or "")
    assert family_of(name, **fields).misfit((2,), bounds) is None
    assert family_of(name, smoothing=0.1).misfit((2,), None) is None


def test_none_is_written_as_before_there_was_any_and_a_pack_may_differ_in_its_size_alone() -> None:
    assert all("smoothing" not in family_of(name, smoothing=0).dump() for name in [*SMOOTHED, "pca_gaussian"])
    keys = []
    for sigma in (0.0, 0.1, 0.2):
        node = small_configuration({"name": "vae", "smoothing": sigma})
        configuration = TrialConfiguration.model_validate(node)
        keys.append(shape_key(configuration, build_game(configuration), torch.device("cpu")))
    assert keys[0] != keys[1] == keys[2]


def test_smoothed_data_are_not_what_the_ground_truth_takes_the_fit_for() -> None:
    objective = family_of("vae", samples="observation", smoothing=0.1).population_objective()
    assert objective is not None
    assert "smoothed by 0.1" in objective.bias
