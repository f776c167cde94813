"""What every family keeps, over the families found in the folder: no list to extend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import pytest
import torch
from torch.func import functional_call, grad, vmap

from gensweep import registry
from gensweep.component import build
from gensweep.configuration import TrialConfiguration
from gensweep.families.base import LATENT, Family, Game, Player, Setting
from gensweep.losses import Loss
from gensweep.networks.base import Network
from gensweep.optimizers.base import Optimizer
from gensweep.trainers.checkpoint import from_bytes, to_bytes
from gensweep.trainers.loop import Trainee, train
from gensweep.trainers.streams import draw
from gensweep.trainers.technique import Technique

SHAPE, BATCH, MEMBERS = (2,), 6, 3

# A family is tried with its defaults, with every divergence, constraint and literal option that one of its fields has, and
# with every count that is 0 by default, which turns something off, at 3.
MEMBER_FIELDS = {"divergence": "divergences", "constraint": "constraints"}


def variants() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name in registry.names("families"):
        cls = registry.load("families", name)
        found.append({"name": name})
        for field, kind in MEMBER_FIELDS.items():
            if field in cls.model_fields:
                found += [{"name": name, field: member} for member in registry.names(kind)]
        for field, info in cls.model_fields.items():
            options = getattr(info.annotation, "__args__", ())
            if field != "name" and all(isinstance(option, str) for option in options):
                found += [{"name": name, field: option} for option in options]
            if info.annotation is int and info.default == 0:
                found.append({"name": name, field: 3})
    return found


class Data(NamedTuple):
    """What a family is tried on, and with which network."""

    shape: tuple[int, ...] = SHAPE
    bounds: tuple[float, float] | None = (0.0, 1.0)
    levels: int = 0
    network: tuple[tuple[str, Any], ...] = (("name", "mlp"), ("hidden", [7]))

    def items(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """Data [n, *shape]."""
        if self.bounds is None:
            return 2 * torch.randn(n, *self.shape, generator=generator, dtype=torch.float64)
        if self.levels:
            return torch.randint(self.levels, (n, *self.shape), generator=generator).double() / (self.levels - 1)
        return torch.rand(n, *self.shape, generator=generator, dtype=torch.float64)


BOUNDED = Data()
OTHERS = {
    "unbounded": Data((3,), None),
    "images": Data((1, 8, 8), levels=17, network=(("name", "conv"), ("channels", 2))),
}


def accepted(node: dict[str, Any], data: Data = BOUNDED) -> bool:
    family = cast(Family, build("families", node))
    return family.misfit(data.shape, data.bounds) is None


VARIANTS = [node for node in variants() if accepted(node)]
ids = [" ".join(f"{k}={v}" for k, v in node.items() if k != "name") + "@" + node["name"] for node in VARIANTS]
every_variant = pytest.mark.parametrize("node", VARIANTS, ids=ids)
# on other data, a family with its defaults
ELSEWHERE = [(f"{name} on {label}", {"name": name}, data) for name in registry.names("families")
             for label, data in OTHERS.items() if accepted({"name": name}, data)]  # fmt: skip
everywhere = pytest.mark.parametrize(
    ("node", "data"),
    [*((node, BOUNDED) for node in VARIANTS), *((node, data) for _, node, data in ELSEWHERE)],
    ids=[*ids, *(label for label, _, _ in ELSEWHERE)],
)


def make_game(node: Mapping[str, Any], seed: int, data: Data = BOUNDED) -> tuple[Family, Game]:
    family = cast(Family, build("families", node))
    network = cast(Network, build("networks", dict(data.network)))
    torch.manual_seed(seed)
    game = family.game(Setting(data.shape, data.bounds, 2, BATCH, network, levels=data.levels))
    for net in game.networks.values():
        net.double()
    return family, game


def loss_of(game: Game, player: Player, trained: dict[str, torch.Tensor], fixed: dict[str, torch.Tensor],
            batch: torch.Tensor, noise: dict[str, torch.Tensor], knobs: dict[str, torch.Tensor]) -> Loss:  # fmt: skip
    def net(name: str) -> Any:
        own = {k.partition("/")[2]: v for k, v in {**trained, **fixed}.items() if k.partition("/")[0] == name}
        return lambda *inputs: functional_call(game.networks[name], own, inputs)

    return player.loss({name: net(name) for name in game.networks}, batch, noise, knobs)


def everyone(game: Game) -> list[Player]:
    """The players of a game, and that of its warm-up."""
    return [*game.players, *([game.warm_up.player(BATCH)] if game.warm_up else [])]


def parameters(game: Game, names: tuple[str, ...]) -> dict[str, torch.Tensor]:
    return {f"{n}/{k}": p.detach().clone() for n in names for k, p in game.networks[n].named_parameters()}


@everywhere
def test_a_stack_of_three_members_equals_the_three_members_alone(node: dict[str, Any], data: Data) -> None:
    games = [make_game(node, seed, data) for seed in range(MEMBERS)]
    family, game = games[0]
    for player in everyone(game):
        others = tuple(name for name in game.networks if name not in player.trains)
        members = []
        for i, (_, one) in enumerate(games):
            generator = torch.Generator().manual_seed(i)
            members.append((
                parameters(one, player.trains), parameters(one, others),
                data.items(BATCH, generator),
                {name: draw(wanted, 10 * i).double() for name, wanted in player.noise.items()},
                {name: torch.tensor(value * (1 + 0.3 * i), dtype=torch.float64) for name, value in family.knobs().items()},
            ))  # fmt: skip

        def value(*arguments: Any, player: Player = player) -> tuple[torch.Tensor, Loss]:
            loss = loss_of(game, player, *arguments)
            return loss.total, loss

        gradient = grad(value, has_aux=True)
        alone = [gradient(*member) for member in members]
        stacked = [{k: torch.stack([m[slot][k] for m in members]) for k in members[0][slot]}
                   if isinstance(members[0][slot], dict) else torch.stack([m[slot] for m in members])
                   for slot in range(5)]  # fmt: skip
        together, losses = vmap(gradient, in_dims=tuple(0 if s is not None and len(s) else None for s in stacked))(
            *stacked
        )
        for i, (one, loss) in enumerate(alone):
            torch.testing.assert_close(losses.total[i], loss.total, rtol=1e-9, atol=1e-11)
            for name, part in loss.parts.items():
                torch.testing.assert_close(losses.parts[name][i], part, rtol=1e-9, atol=1e-11)
            for name, expected in one.items():
                torch.testing.assert_close(together[name][i], expected, rtol=1e-8, atol=1e-11)


@every_variant
def test_every_player_trains_something_and_every_gradient_is_finite(node: dict[str, Any]) -> None:
    family, game = make_game(node, 0)
    if not game.players:
        assert game.fit is not None, "neither trained nor fitted"
    trained = [name for player in game.players for name in player.trains]
    assert sorted(set(trained)) == sorted(trained), "two players train one network"
    knobs = {name: torch.tensor(value, dtype=torch.float64) for name, value in family.knobs().items()}
    for player in everyone(game):
        noise = {name: draw(wanted, 3).double() for name, wanted in player.noise.items()}
        batch = torch.rand(BATCH, *SHAPE, dtype=torch.float64)
        gradients = grad(lambda p, player=player, noise=noise, batch=batch: loss_of(
            game, player, p, parameters(game, tuple(n for n in game.networks if n not in player.trains)),
            batch, noise, knobs).total)(parameters(game, player.trains))  # fmt: skip
        assert all(torch.isfinite(g).all() for g in gradients.values())
        assert any(g.abs().max() > 0 for g in gradients.values())


@everywhere
def test_samples_have_the_datas_shape_and_range_and_depend_on_their_own_noise_alone(
    node: dict[str, Any], data: Data
) -> None:
    _, game = make_game(node, 0, data)
    noise = {name: draw(wanted, 5, 9).double() for name, wanted in game.sample_noise.items()}
    items = data.items(40, torch.Generator().manual_seed(2))
    sample = game.sample if game.fit is None else game.fit(game.networks, items).sample
    samples = sample(game.networks, noise)
    assert samples.shape == (9, *data.shape)
    assert torch.isfinite(samples).all()
    if data.bounds is not None:
        assert samples.min() >= data.bounds[0]
        assert samples.max() <= data.bounds[1]
    first = sample(game.networks, {name: values[:4] for name, values in noise.items()})
    torch.testing.assert_close(first, samples[:4])


@everywhere
def test_a_code_is_decoded_to_an_item_by_itself_and_a_sample_is_a_decoded_draw_where_it_is_made_of_nothing_else(
    node: dict[str, Any], data: Data
) -> None:
    _, game = make_game(node, 0, data)
    if game.decode is None:
        assert game.encode is None, "what encodes can decode"
        assert not game.players or LATENT not in game.sample_noise, "a trained model with a latent space"
        return
    wanted = game.sample_noise[LATENT]
    z = draw(wanted, 5, 9).double()
    items = game.decode(game.networks, z)
    assert items.shape == (9, *data.shape)
    assert torch.isfinite(items).all()
    if data.bounds is not None:
        assert data.bounds[0] <= items.min() <= items.max() <= data.bounds[1]
    torch.testing.assert_close(game.decode(game.networks, z[:4]), items[:4])
    assert not torch.equal(game.decode(game.networks, -z), items)
    if game.fit is None and game.prior is not None:
        noise = {name: draw(one, 5, 9).double() for name, one in game.sample_noise.items()}
        torch.testing.assert_close(game.sample(game.networks, noise), game.decode(game.networks, game.prior(noise)))
    elif game.fit is None and set(game.sample_noise) == {LATENT}:
        torch.testing.assert_close(game.sample(game.networks, {LATENT: z}), items, rtol=0, atol=0)


@everywhere
def test_a_reconstruction_is_the_decoded_code_at_the_mean_of_the_posterior(node: dict[str, Any], data: Data) -> None:
    _, game = make_game(node, 0, data)
    if game.encode is None or game.decode is None or game.reconstruct is None:
        return
    x = data.items(9, torch.Generator().manual_seed(2))
    at_the_mean = {name: torch.zeros(9, *wanted.shape).double() for name, wanted in game.encode_noise.items()}
    code = game.encode(game.networks, x, at_the_mean)
    torch.testing.assert_close(game.decode(game.networks, code), game.reconstruct(game.networks, x))


@every_variant
def test_codes_are_points_of_the_latent_space_and_depend_on_their_own_item_and_noise_alone(
    node: dict[str, Any],
) -> None:
    _, game = make_game(node, 0)
    assert (game.encode is None) == (game.reconstruct is None)
    if game.encode is None:
        assert not game.encode_noise
        return
    x = torch.rand(9, *SHAPE, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    noise = {name: draw(wanted, 5, 9).double() for name, wanted in game.encode_noise.items()}
    codes = game.encode(game.networks, x, noise)
    assert codes.shape == (9, 2)
    first = game.encode(game.networks, x[:4], {name: values[:4] for name, values in noise.items()})
    torch.testing.assert_close(first, codes[:4])
    other = game.encode(game.networks, x, {name: -values for name, values in noise.items()})
    assert torch.equal(other, codes) == (not noise)


@everywhere
def test_training_is_finite_and_the_same_seed_gives_the_same_numbers(node: dict[str, Any], data: Data) -> None:
    def trained() -> dict[str, torch.Tensor]:
        family = cast(Family, build("families", node))
        torch.manual_seed(1)
        network = cast(Network, build("networks", dict(data.network)))
        game = family.game(Setting(data.shape, data.bounds, 2, 16, network, levels=data.levels))
        optimizer = cast(Optimizer, build("optimizers", family.optimizer_for(node)))
        trainee = Trainee(game, optimizer, family.knobs(), torch.device("cpu"))
        items = data.items(80, torch.Generator().manual_seed(2)).float()
        for progress in train(trainee, items, 3, 16, seed=7):
            assert all(torch.isfinite(torch.tensor(list(progress.parts.values()))))
        return {f"{n}.{k}": v for n, net in game.networks.items() for k, v in net.state_dict().items()}

    once, again = trained(), trained()
    assert once.keys() == again.keys()
    assert all(torch.equal(once[name], again[name]) for name in once)


@every_variant
def test_training_that_stops_and_goes_on_from_a_checkpoint_is_the_same_bit_for_bit(node: dict[str, Any]) -> None:
    data = torch.rand(80, *SHAPE, generator=torch.Generator().manual_seed(2))

    def fresh() -> Trainee:
        family = cast(Family, build("families", node))
        torch.manual_seed(1)
        network = cast(Network, build("networks", {"name": "mlp", "hidden": [16]}))
        game = family.game(Setting(SHAPE, (0.0, 1.0), 2, 16, network))
        optimizer = cast(Optimizer, build("optimizers", family.optimizer_for(node)))
        return Trainee(game, optimizer, family.knobs(), torch.device("cpu"), Technique(ema=0.9))

    through, before, after = fresh(), fresh(), fresh()
    whole = [progress.parts for progress in train(through, data, 4, 16, seed=7)]
    for progress in train(before, data, 4, 16, seed=7):
        if progress.epoch == 2:
            break
    after.restore(from_bytes(to_bytes({"trainee": before.state()}), torch.device("cpu"))["trainee"])
    rest = [progress.parts for progress in train(after, data, 4, 16, seed=7)]
    assert rest == whole[-len(rest) :]
    assert len(rest) < len(whole)
    torch.testing.assert_close(after.state(), through.state(), rtol=0, atol=0)


@pytest.mark.parametrize("name", [n for n in registry.names("families") if make_game({"name": n}, 0)[1].players])
def test_a_trained_model_is_nearer_to_the_data_than_an_untrained_one(name: str) -> None:
    """Sliced W_2 of 1000 samples: less than half of what it was before training, after 400 batches with Adam."""
    family = cast(Family, build("families", {"name": name}))
    centre, noise = torch.tensor([0.8, 0.3]), torch.randn(1000, 2, generator=torch.Generator().manual_seed(3))
    data = (centre + 0.05 * noise).clamp(0, 1)
    torch.manual_seed(1)
    network = cast(Network, build("networks", {"name": "mlp", "hidden": [32, 32]}))
    game = family.game(Setting(SHAPE, (0.0, 1.0), 2, 50, network))
    optimizer = cast(Optimizer, build("optimizers", {"name": "adam", "lr": 5e-3, "betas": (0.5, 0.9)}))
    trainee = Trainee(game, optimizer, family.knobs(), torch.device("cpu"), Technique(ema=0.9))
    before = distance(trainee.averaged(), data)
    for progress in train(trainee, data, 20, 50, seed=0):
        assert all(torch.isfinite(torch.tensor(list(progress.parts.values()))))
    assert distance(trainee.averaged(), data) < 0.5 * before


@torch.no_grad()
def distance(game: Game, data: torch.Tensor) -> float:
    """The sliced W_2 between as many samples of a game as there are data [n, 2], and them."""
    noise = {name: draw(wanted, 5, len(data)) for name, wanted in game.sample_noise.items()}
    sample = game.sample if game.fit is None else game.fit(game.networks, data).sample
    angles = torch.linspace(0, torch.pi, 17)[:-1]
    directions = torch.stack([angles.cos(), angles.sin()])
    ours, theirs = ((x @ directions).sort(0).values for x in (sample(game.networks, noise), data))
    return float((ours - theirs).square().mean().sqrt())


@pytest.mark.parametrize("name", registry.names("families"))
def test_a_family_names_itself_its_paper_and_its_source(name: str) -> None:
    cls = registry.load("families", name)
    family = build("families", name)
    assert family.dump()["name"] == name
    assert build("families", family.dump()) == family
    assert "Source:" in (cls.__doc__ or "")
    assert cls.summary
    assert cls.paper
    build("optimizers", cls.default_optimizer)


class Made(NamedTuple):
    """What a setting can change: the parameters at the start and the samples from one noise."""

    parameters: dict[str, torch.Tensor]
    samples: torch.Tensor

    @property
    def shapes(self) -> dict[str, torch.Size]:
        return {name: values.shape for name, values in self.parameters.items()}

    def equals(self, other: Made) -> bool:
        same = self.shapes == other.shapes and torch.equal(self.samples, other.samples)
        return same and all(torch.equal(values, other.parameters[name]) for name, values in self.parameters.items())


def made(node: Mapping[str, Any], data: Data, network: Mapping[str, Any], latent_size: int, batch_size: int) -> Made:
    torch.manual_seed(0)
    family, built = cast(Family, build("families", node)), cast(Network, build("networks", dict(network)))
    game = family.game(Setting(data.shape, data.bounds, latent_size, batch_size, built, levels=data.levels))
    noise = {name: draw(wanted, 5, 9) for name, wanted in game.sample_noise.items()}
    items = data.items(40, torch.Generator().manual_seed(2)).float()
    sample = game.sample if game.fit is None else game.fit(game.networks, items).sample
    parameters = {f"{n}.{k}": p for n, net in game.networks.items() for k, p in net.named_parameters()}
    return Made(parameters, sample(game.networks, noise))


WIDER = {"mlp": {"hidden": [5, 6]}, "conv": {"channels": 3}}


@everywhere
def test_what_a_family_ignores_changes_nothing_and_what_it_does_not_changes_a_shape(
    node: dict[str, Any], data: Data
) -> None:
    ignores = cast(type[Family], registry.load("families", node["name"])).ignores
    assert ignores <= TrialConfiguration.model_fields.keys()
    network = dict(data.network)
    usual = made(node, data, network, 2, BATCH)
    changed = {
        "latent_size": made(node, data, network, 3, BATCH),
        "network": made(node, data, {**network, **WIDER[network["name"]]}, 2, BATCH),
    }
    for path, other in changed.items():
        if path in ignores:
            assert other.equals(usual), path
        else:
            assert other.shapes != usual.shapes, path
    assert ("training" in ignores) == (not make_game(node, 0, data)[1].players)
    assert made(node, data, network, 2, BATCH + 1).equals(usual)
