"""What every family keeps in a pack: a member's numbers are those of the trial alone, whatever the others do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest
import torch

from gensweep import registry
from gensweep.component import build
from gensweep.errors import Diverged
from gensweep.families.base import Family, Setting
from gensweep.networks.base import Network
from gensweep.optimizers.base import Optimizer
from gensweep.trainers.loop import Progress, Trainee, train
from gensweep.trainers.pack import PackTraining
from gensweep.trainers.stack import unstackable
from gensweep.trainers.technique import Technique
from tests.contracts.test_families import BATCH, BOUNDED, ELSEWHERE, VARIANTS, Data, ids

CPU = torch.device("cpu")
SIZES = (2, 3, 5)
EPOCHS, BATCHES = 5, 10  # 50 moves of whoever moves most
everywhere = pytest.mark.parametrize(
    ("node", "data"),
    [
        *(pytest.param(node, BOUNDED, id=label) for node, label in zip(VARIANTS, ids, strict=True)),
        *(pytest.param(node, data, id=label, marks=pytest.mark.slow) for label, node, data in ELSEWHERE),
    ],
)
Said = Progress | Diverged


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def member(
    node: Mapping[str, Any],
    data: Data,
    i: int,
    optimizer: Mapping[str, Any] | None = None,
    bad_from: float = 2.0,
    latent_size: int = 2,
) -> Trainee:
    """Number i of a kind: its weights, knobs, rates and options are its own. From `bad_from` of its way on its rate is NaN."""
    family = cast(Family, build("families", narrow("families", node)))
    # smooth: weights on a clip's bound and pixels on a grid make sums that are 0 but for rounding, at a kink
    network = cast(Network, build("networks", {**dict(data.network), "activation": "tanh"}))
    torch.manual_seed(i)
    game = family.game(Setting(data.shape, data.bounds, latent_size, BATCH, network, levels=data.levels))
    for net in game.networks.values():
        net.double()
    chosen = dict(optimizer or family.optimizer_for(node))
    chosen["lr"] = chosen.get("lr", 1e-3) * (1 + i)
    if chosen["name"] != "sgd":  # where a gradient is zero but for rounding, a smaller one makes whole steps of it
        chosen["eps"] = 1e-3
    if "betas" in chosen:
        chosen |= {"betas": (0.4 + 0.1 * i, 0.9 + 0.02 * i), "weight_decay": 0.01 * i}
    knobs = {name: value * (1 + 0.3 * i) for name, value in family.knobs().items()}
    technique = Technique(
        lambda progress: math.nan if progress >= bad_from else 1 - progress / (2 + i), 0.5 + i, 0.9 - 0.1 * i
    )
    return Trainee(game, cast(Optimizer, build("optimizers", chosen)), knobs, CPU, technique)


def narrow(kind: str, node: Mapping[str, Any]) -> dict[str, Any]:
    """The node with networks of its own, those of a critic it holds too, as narrow as the trial's."""
    fields = registry.load(kind, node["name"]).model_fields
    own: dict[str, Any] = dict(node)
    if "hidden" in fields:
        own["hidden"] = [7]
    if "divergence" in own:
        own["divergence"] = narrow("divergences", {"name": own["divergence"]})
    return own


def alone(trainee: Trainee, items: torch.Tensor, epochs: int, seed: int, until: int | None = None) -> list[Said]:
    """What there is to say of each epoch of a training alone, up to epoch `until`."""
    said: list[Said] = []
    try:
        for progress in train(trainee, items, epochs, BATCH, seed):
            said.append(progress)
            if progress.epoch == until:
                break
    except Diverged as diverged:
        said.append(diverged)
    return said


def same(given: list[Said], expected: list[Said]) -> None:
    assert [type(one) for one in given] == [type(one) for one in expected]
    for one, other in zip(given, expected, strict=True):
        assert one.step == other.step
        if isinstance(one, Progress) and isinstance(other, Progress):
            assert one.epoch == other.epoch
            assert list(one.parts) == list(other.parts)
            assert one.parts == pytest.approx(other.parts, rel=1e-9, abs=1e-9)
        elif isinstance(one, Diverged) and isinstance(other, Diverged):
            assert one.reason == other.reason


def close(given: Trainee, expected: Trainee, tolerance: float = 1e-10) -> None:
    torch.testing.assert_close(given.state(), expected.state(), rtol=1e-10, atol=tolerance)


def apart(one: Trainee, other: Trainee) -> float:
    """The largest difference of two states."""
    leaves = [torch.utils._pytree.tree_leaves(trainee.state()) for trainee in (one, other)]
    return max(float((a - b).abs().max()) for a, b in zip(*leaves, strict=True) if isinstance(a, torch.Tensor))


def nudged(trainee: Trainee, seed: int) -> Trainee:
    """The trainee with every weight moved by one unit in the last place, or by none."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for network in trainee.game.networks.values():
            for p in network.parameters():
                p.mul_(1 + torch.finfo(p.dtype).eps * torch.randint(-1, 2, p.shape, generator=generator))
    return trainee


def played(pack: PackTraining, said: dict[int, list[Said]], epochs: int) -> None:
    """Play until the member in row 0 has ended so many epochs more."""
    end = len(said[0]) + epochs
    while len(said[0]) < end:
        for row, news in pack.play().items():
            said[row].append(news)


@everywhere
def test_a_member_equals_the_trial_alone_whatever_the_others_do(node: dict[str, Any], data: Data) -> None:
    if reason := unstackable(member(node, data, 0)):
        assert reason == "nothing is trained"
        return
    items = data.items(BATCH * BATCHES + 1, torch.Generator().manual_seed(2))
    through, short, late = member(node, data, 0), member(node, data, 1), member(node, data, 2)
    bad = member(node, data, 3, bad_from=0.3)
    said: dict[int, list[Said]] = {row: [] for row in range(4)}
    pack = PackTraining(member(node, data, 4), items, BATCH, 4)
    assert [pack.enter(one, EPOCHS, seed) for seed, one in enumerate((through, short, bad))] == [0, 1, 2]
    played(pack, said, 2)
    assert pack.leave(1) is short
    said[1], of_short = [], said[1]
    assert pack.enter(late, 3, 7) == 1
    played(pack, said, EPOCHS - 2)
    assert pack.members == {}

    for one, i, epochs, seed, until, news in (
        (through, 0, EPOCHS, 0, None, said[0]),
        (short, 1, EPOCHS, 1, 2, of_short),
        (late, 2, 3, 7, None, said[1]),
    ):
        twin = member(node, data, i)
        same(news, alone(twin, items, epochs, seed, until))
        tolerance = 1e-10
        if apart(one, twin) > tolerance:  # then training alone makes as much of one unit in the last place
            nudges = [nudged(member(node, data, i), k) for k in range(4)]
            for other in nudges:
                alone(other, items, epochs, seed, until)
            tolerance = 3 * max(apart(other, twin) for other in nudges)
            assert tolerance < 1e-7, "no training to compare rounding by"
        close(one, twin, tolerance)
        if one is short:  # which goes on alone, from the pack's state
            going_on = member(node, data, i)
            going_on.restore(one.state())
            same(alone(going_on, items, EPOCHS, 1, 3), alone(twin, items, EPOCHS, 1, 3))
            close(going_on, twin)
    expected = alone(member(node, data, 3, bad_from=0.3), items, EPOCHS, 2)
    assert isinstance(expected[-1], Diverged)
    same(said[2], expected)


@everywhere
def test_members_of_several_latent_sizes_are_what_they_are_alone(node: dict[str, Any], data: Data) -> None:
    def of(i: int) -> Trainee:
        return member(node, data, i, latent_size=SIZES[i])

    if unstackable(of(0)) or not of(0).game.pads:
        return
    assert [of(i).game.pads for i in range(len(SIZES))] == list(SIZES)
    items = data.items(BATCH * BATCHES + 1, torch.Generator().manual_seed(2))
    pack = PackTraining(member(node, data, 4, latent_size=max(SIZES)), items, BATCH, len(SIZES))
    members = [of(i) for i in range(len(SIZES))]
    said: dict[int, list[Said]] = {row: [] for row in range(len(SIZES))}
    assert [pack.enter(one, 3, seed) for seed, one in enumerate(members)] == list(said)
    played(pack, said, 3)
    for i, one in enumerate(members):
        twin = of(i)
        same(said[i], alone(twin, items, 3, i))
        tolerance = 1e-10
        if apart(one, twin) > tolerance:
            nudges = [nudged(of(i), k) for k in range(4)]
            for other in nudges:
                alone(other, items, 3, i)
            tolerance = 3 * max(apart(other, twin) for other in nudges)
            assert tolerance < 1e-7, "no training to compare rounding by"
        close(one, twin, tolerance)
