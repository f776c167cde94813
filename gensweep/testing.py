"""What every member of a kind must keep, as a test of a user's own component says it.

    use(Path(__file__).parents[1])

    def test_it_keeps_the_contract_of_its_kind():
        check("divergences", "mine")

Each mistake is an AssertionError that says what is expected.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from gensweep import registry
from gensweep.axes import space as spaces
from gensweep.axes.arms import Arm, arms
from gensweep.component import Component, build
from gensweep.constraints.base import Bounds
from gensweep.datasets.base import load
from gensweep.early_stopping.base import Copy, GoOn, Stop
from gensweep.errors import ConfigError, suggest
from gensweep.families.base import Game, Player, Setting
from gensweep.ledger.history import Change, History, Reported, TrialRecord
from gensweep.losses import Draw
from gensweep.objective import Objective
from gensweep.plugged import given
from gensweep.trainers.streams import draw

N, D = 32, 3  # of the samples that are compared
_ITEMS: tuple[tuple[tuple[int, ...], tuple[float, float] | None], ...] = (((2,), None), ((1, 8, 8), (0.0, 1.0)))
_POINTS = {"name": "ring", "n_train": 200, "n_validation": 100, "n_test": 100}


def use(folder: str | Path) -> None:
    """Use the components of a folder, as `--plugins` does.

    Raises:
        ConfigError: with everything that is wrong in it.
    """
    given(Path(folder))


def check(kind: str, name: str, **fields: Any) -> None:
    """See to it that a member keeps the contract of its kind, with these fields.

    Raises:
        AssertionError: it does not; with what is expected.
        ConfigError: there is no such kind or member.
        pydantic.ValidationError: it has no such fields, or one has no default and is not given.
    """
    if kind not in _CHECKS:
        raise ConfigError(f"unknown kind '{kind}'. {suggest(kind, registry.KINDS)}")
    cls = registry.load(kind, name)
    member: Any = build(kind, {"name": name, **fields})
    assert (cls.__doc__ or "").strip(), f"{cls.__name__} has no docstring, of which `gensweep describe` is made"
    assert member.name == name, f'its name is \'{member.name}\': write name: Literal["{name}"] = "{name}"'
    assert build(kind, member.dump()) == member, "what it dumps builds another one: give every field a plain type"
    _CHECKS[kind](member)


def _pure(what: str, compute: Callable[[], torch.Tensor]) -> torch.Tensor:
    """What is computed: finite, the same again, and nothing drawn from torch's global generator."""
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first, second = compute(), compute()
    assert torch.equal(before, torch.get_rng_state()), (
        f"{what} draws from torch's global generator. Ask for it in noise"
    )
    assert first.shape == (), f"{what} has shape {list(first.shape)}, and must be 0-d"
    assert math.isfinite(float(first.detach())), f"{what} is {float(first.detach())} on ordinary samples"
    assert torch.equal(first, second), f"{what} is another number the second time: it keeps something between calls"
    return first


def _drawn(wanted: Mapping[str, Draw], *leading: int) -> dict[str, torch.Tensor]:
    return {name: draw(one, seed, *leading) for seed, (name, one) in enumerate(wanted.items())}


def _knobs(member: Component) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value) for name, value in member.knobs().items()}


def _some(seed: int, *shape: int) -> torch.Tensor:
    return draw(Draw(shape), seed)


def _divergence(member: Any) -> None:
    x, y = _some(1, N, D).requires_grad_(), _some(2, N, D) + 1
    nets, noise, knobs = {**member.critics(D), **member.critic_state()}, _drawn(member.noise(N, D)), _knobs(member)
    penalty = _pure("penalty", lambda: member.penalty(x, y, nets, noise, knobs))
    (gradient,) = torch.autograd.grad(penalty, x)
    assert gradient.isfinite().all(), "the gradient of penalty by x is not finite"
    assert gradient.any(), "penalty does not depend on x, the model's sample, so that nothing is learned"
    if member.critics(D):
        _pure("critic_loss", lambda: member.critic_loss(x.detach(), y, nets, noise, knobs).total)


def _constraint(member: Any) -> None:
    critic = torch.nn.Sequential(torch.nn.Linear(D, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    nets, knobs = {"critic": critic, **member.state()}, _knobs(member)
    assert isinstance(member.bounds, Bounds), "bounds is one of gensweep.constraints.base.Bounds"
    noise, real, fake = _drawn(member.noise((D,), N)), _some(1, N, D), _some(2, N, D)
    loss = member.penalty(real, fake, nets, noise, knobs)
    _pure("penalty", lambda: member.penalty(real, fake, nets, noise, knobs).total)
    before = {f"{net}.{name}": p.detach() for net in nets for name, p in nets[net].named_parameters()}
    after = member.after_move(dict(before), loss.parts, knobs)
    assert {name: p.shape for name, p in after.items()} == {name: p.shape for name, p in before.items()}, (
        "after_move gives every parameter back, in its shape"
    )


class _Items:
    """A model whose samples are these items, and which can do nothing else."""

    def __init__(self, items: torch.Tensor) -> None:
        self._items = items

    def samples(self, n: int) -> torch.Tensor:
        return self._items.repeat(-(-n // len(self._items)), *(1 for _ in self._items.shape[1:]))[:n]

    def reconstructions(self, x: torch.Tensor) -> None:
        return None

    def codes(self, x: torch.Tensor) -> None:
        return None

    def prior(self, n: int) -> None:
        return None

    def log_likelihood(self, x: torch.Tensor) -> None:
        return None

    def log_conditionals(self, x: torch.Tensor, block: int, n: int) -> None:
        return None


def _metric(member: Any) -> None:
    dataset: Any = next(
        (d for d in (build("datasets", _POINTS), build("datasets", "digits")) if not member.misfit(d)), None
    )
    assert dataset is not None, "misfit refuses points of the plane and small pictures alike"
    scorer, train = member.against(dataset, "validation"), load(dataset).train
    json.dumps(scorer.protocol.content)  # the protocol is plain data
    first, second = (scorer.score(_Items(train)) for _ in range(2))
    assert isinstance(first.value, float), f"the value of a score is {first.value!r}, and must be a float"
    assert first.value == second.value or math.isnan(first.value), "the same samples have another score the second time"
    scorer.score(_Items(torch.full_like(train, math.nan)))  # is a result, and no error


def _dataset(member: Any) -> None:
    splits, n_items = load(member), member.n_items()
    for name in ("train", "validation", "test"):
        items = splits.split(name)
        wanted = f"[{n_items[name]}, {', '.join(map(str, member.shape))}]"
        assert items.dtype == torch.float32, f"{name} is {items.dtype}, and must be float32"
        assert tuple(items.shape) == (n_items[name], *member.shape), (
            f"{name} has shape {list(items.shape)}, and says {wanted}"
        )
        if member.bounds is not None:
            low, high = member.bounds
            assert low <= float(items.min()) <= float(items.max()) <= high, (
                f"{name} has values outside of {member.bounds}"
            )
    assert member.read().digest == splits.digest, "it reads other data the second time"


def _network(member: Any) -> None:
    fitting = [shape for shape, _ in _ITEMS if not member.misfit(shape)]
    assert fitting, "misfit refuses points of the plane and small pictures alike"
    for shape in fitting:
        decoded = member.decoder(D, shape)(_some(1, N, D))
        assert tuple(decoded.shape) == (N, *shape), f"decoder gives {list(decoded.shape)}, and must give {[N, *shape]}"
        encoded = member.encoder(shape, 2)(_some(2, N, *shape))
        assert tuple(encoded.shape) == (N, 2), f"encoder gives {list(encoded.shape)}, and must give {[N, 2]}"


def _optimizer(member: Any) -> None:
    weight = torch.nn.Parameter(torch.full((4,), 3.0))
    optimizer = member.over([weight], 0.5)
    assert math.isclose(optimizer.param_groups[0]["lr"], 0.5 * member.lr), "its learning rate is lr * lr_ratio"
    for _ in range(2):
        optimizer.zero_grad()
        weight.square().sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert weight.isfinite().all(), "two steps on a parabola are not finite"
    assert float(weight.detach().abs().max()) < 3, "two steps on a parabola do not go down"


def _lr_schedule(member: Any) -> None:
    for progress in (0.0, 0.1, 0.5, 0.99):
        factor = member.factor(progress)
        assert math.isfinite(factor), f"factor({progress}) is {factor}"
        assert factor >= 0, f"factor({progress}) is {factor}, and must not be below 0"
        assert factor == member.factor(progress), f"factor({progress}) is another number the second time"


def _arm() -> Arm:
    space, _, _ = spaces.read({"family": {"name": "vae", "beta": "loguniform(0.1, 2)"}, "latent_size": "int(1, 8)"})
    (arm,) = arms(space, None, Objective(metric="fid"))
    return arm


def _searcher(member: Any) -> None:
    arm = _arm()
    assert member.misfit(arm) is None, f"misfit refuses an ordinary space: {member.misfit(arm)}"
    for position in range(min(4, member.limit(arm) or 4)):
        first, second = (dict(member.propose(arm, History(), position, 7)) for _ in range(2))
        assert first == second, f"propose gives other values the second time for position {position}"
        arm.configuration(first, seed=0)  # raises where it is none of the arm
    assert (type(member).summary or "").strip(), "summary says in a line what it is"


def _early_stopping(member: Any) -> None:
    arm, history = _arm(), History()
    configuration = {"latent_size": 4, "family": {"name": "vae", "beta": 1.0}, "training": {"epochs": 4}}
    parameters = {"latent_size": 4, "family.beta": 1.0}
    for number in range(2):
        trial = TrialRecord(number, "key", arm.label, number, dict(parameters), dict(parameters), dict(configuration))
        history.add(Change("issued", trial))
        for epoch, score in enumerate((3.0, 2.0, math.inf, 2.5), start=1):
            trial.reports.append(report := Reported(epoch, epoch, {"fid": score + number}))
            history.add(Change("reported", trial, report))
            first, second = (member.decide(arm, history, trial, 0) for _ in range(2))
            is_one = isinstance(first, GoOn | Stop | Copy)
            assert is_one, f"decide gives {first!r}, and must give GoOn(), Stop(...) or Copy(...)"
            assert first == second, "decide gives another answer the second time"


def _family(member: Any) -> None:
    fitting = [item for item in _ITEMS if not member.misfit(*item)]
    assert fitting, "misfit refuses points of the plane and small pictures alike"
    shape, bounds = fitting[0]
    setting = Setting(shape, bounds, D, N, build("networks", {"name": "mlp", "hidden": [8]}))  # type: ignore[arg-type]
    game = member.game(setting)
    batch = setting.into_bounds(_some(1, N, *shape))
    for player in game.players:
        _player(player, game, batch, _knobs(member))
    fitted = game.fit(game.networks, batch) if game.fit else game
    with torch.no_grad():
        samples = fitted.sample(game.networks, _drawn(game.sample_noise, 5))
    assert tuple(samples.shape) == (5, *shape), f"samples have shape {list(samples.shape)}, and must have {[5, *shape]}"


def _player(player: Player, game: Game, batch: torch.Tensor, knobs: Mapping[str, torch.Tensor]) -> None:
    noise = _drawn(player.noise)
    total = _pure(f"the loss of {player.name}", lambda: player.loss(game.networks, batch, noise, knobs).total)
    weights = [weight for name in player.trains for weight in game.networks[name].parameters()]
    gradients = torch.autograd.grad(total, weights, allow_unused=True)
    has_one = any(gradient is not None and bool(gradient.any()) for gradient in gradients)
    assert has_one, f"the loss of {player.name} depends on nothing that it trains"


_CHECKS: dict[str, Callable[[Any], None]] = {
    "families": _family, "divergences": _divergence, "constraints": _constraint, "metrics": _metric, "datasets": _dataset,
    "networks": _network, "optimizers": _optimizer, "lr_schedules": _lr_schedule, "searchers": _searcher,
    "early_stopping": _early_stopping,
}  # fmt: skip
