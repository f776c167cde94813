"""Rows of a stack, and what a pack does around them: entering, leaving, refusing, falling back."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any, cast

import pytest
import torch

from gensweep.component import build
from gensweep.errors import Diverged
from gensweep.families.base import Family, Game, Player, Setting
from gensweep.losses import Draw, Loss
from gensweep.networks.base import Network
from gensweep.optimizers.base import Optimizer
from gensweep.trainers.checkpoint import from_bytes, to_bytes
from gensweep.trainers.compiling import Compiled, Uncompilable
from gensweep.trainers.loop import Progress, Trainee, train
from gensweep.trainers.pack import PackTraining
from gensweep.trainers.stack import Stack, unstackable
from gensweep.trainers.technique import Technique

CPU = torch.device("cpu")
BATCH = 4


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def member(i: int, name: str = "wgan", technique: Technique | None = None, width: int = 5, **optimizer: Any) -> Trainee:
    family = cast(Family, build("families", name))
    network = cast(Network, build("networks", {"name": "mlp", "hidden": [width], "activation": "tanh"}))
    torch.manual_seed(i)
    game = family.game(Setting((2,), (0.0, 1.0), 2, BATCH, network))
    chosen = build("optimizers", {"name": "adam", "lr": 1e-3 * (1 + i), "eps": 1e-3, **optimizer})
    return Trainee(game, cast(Optimizer, chosen), family.knobs(), CPU, technique or Technique(ema=0.9))


def rmsprop() -> Trainee:
    one = member(1)
    return Trainee(one.game, cast(Optimizer, build("optimizers", "rmsprop")), {}, CPU, one.technique)


def items(n: int = 42) -> torch.Tensor:
    return torch.rand(n, 2, generator=torch.Generator().manual_seed(3))


def all_of(pack: PackTraining) -> dict[int, list[Progress | Diverged]]:
    said: dict[int, list[Progress | Diverged]] = {}
    while pack.members:
        for row, news in pack.play().items():
            said.setdefault(row, []).append(news)
    return said


@pytest.mark.parametrize("epochs", [0, 2])
def test_what_is_put_into_a_row_is_taken_out_again_bit_for_bit(epochs: int) -> None:
    one, other = member(1), member(2)
    list(train(one, items(), epochs, BATCH, 0))
    stack = Stack(member(0), 3)
    stack.put(1, one)
    other.step = one.step
    stack.take(1, other)
    before, after = one.state(), other.state()
    for state in (before, after):  # settings stay the trainee's own
        state["optimizers"] = {name: own["state"] for name, own in state["optimizers"].items()}
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    assert (after["optimizers"]["critic"] == {}) == (epochs == 0)


def test_what_is_taken_out_shares_nothing_with_the_stack() -> None:
    one = member(1)
    list(train(one, items(), 1, BATCH, 0))
    stack = Stack(member(0), 2)
    stack.put(0, one)
    stack.take(0, one)
    kept = from_bytes(to_bytes(one.state()), CPU)
    stack.clear(0)
    torch.testing.assert_close(one.state(), kept, rtol=0, atol=0)
    assert len(to_bytes(one.state())) < 1.1 * len(to_bytes(kept))
    list(train(one, items(), 2, BATCH, 0))  # each parameter has a count of its own
    counts = {float(state["step"]) for state in one.seats[0].optimizer.state.values()}
    assert counts == {one.step * one.game.players[0].moves}


def test_a_row_is_written_in_place_so_that_nothing_compiled_is_compiled_again() -> None:
    stack = Stack(member(0), 3)
    before = [(id(t), t.stride()) for t in stack.rows.parameters.values()]
    others = stack.rows.parameters["critic"][[0, 2]].clone()
    stack.put(1, member(1))
    assert [(id(t), t.stride()) for t in stack.rows.parameters.values()] == before
    assert torch.equal(stack.rows.parameters["critic"][[0, 2]], others)
    assert not torch.equal(stack.rows.parameters["critic"][1], others[0])


@pytest.mark.parametrize(
    "other",
    [
        lambda: member(1, width=6),
        lambda: member(1, "vae"),
        lambda: member(1, technique=Technique()),
        rmsprop,
    ],
    ids=["wider", "another family", "no means", "another optimiser"],
)
def test_a_trial_of_another_shape_is_refused_and_leaves_the_row_free(other: Any) -> None:
    pack = PackTraining(member(0), items(), BATCH, 2)
    with pytest.raises(ValueError, match="another shape"):
        pack.enter(other(), 2, 0)
    assert pack.free == [0, 1]


def test_what_cannot_be_stacked_is_refused_with_the_reason() -> None:
    assert unstackable(member(0)) == ""
    shared = member(0)
    tied = Trainee(
        Game({**shared.game.networks, "twin": shared.game.networks["critic"]}, shared.game.players,
             shared.game.sample, shared.game.sample_noise),
        shared.optimizer, {}, CPU,
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"trained alone: .* share parameters"):
        PackTraining(tied, items(), BATCH, 2)
    one = member(0)
    one.game.networks["critic"].layers[0].float()
    assert "several kinds" in unstackable(one)
    fitted = Trainee(build("families", "uniform_noise").game(  # type: ignore[attr-defined]
        Setting((2,), (0.0, 1.0), 2, BATCH, cast(Network, build("networks", "mlp")))), one.optimizer, {}, CPU)  # fmt: skip
    assert unstackable(fitted) == "nothing is trained"


def test_members_whose_epochs_end_at_other_rounds_keep_their_own() -> None:
    """One entered in the middle of another's epoch, with other numbers of epochs; one row stays empty."""
    first, second = member(0), member(1)
    pack = PackTraining(member(4), items(), BATCH, 3)
    pack.enter(first, 3, 0)
    list(train(second, items(), 3, BATCH, 1))  # as far as a shorter training goes: the longer one's epochs go on
    assert pack.enter(second, 5, 1) == 1
    said = all_of(pack)
    for i, trainee, epochs in ((0, first, 3), (1, second, 5)):
        twin = member(i)
        if i:
            list(train(twin, items(), 3, BATCH, 1))
        expected = list(train(twin, items(), epochs, BATCH, i))
        assert [news.step for news in said[i]] == [news.step for news in expected]
        torch.testing.assert_close(trainee.state(), twin.state(), rtol=1e-10, atol=1e-10)


def test_a_member_takes_over_anothers_weights_in_the_middle() -> None:
    """As population-based training has it: settle, adopt, enter again."""
    pack, better, worse = PackTraining(member(4), items(), BATCH, 2), member(0), member(1)
    pack.enter(better, 4, 0)
    pack.enter(worse, 4, 1)
    for _ in range(2):
        pack.play()
    assert worse.step == 4
    state, copier = pack.settle(0).state(), pack.leave(1)
    twin = member(1)
    twin.step = 4
    for trainee in (copier, twin):
        trainee.adopt(from_bytes(to_bytes(state), CPU))
    assert pack.enter(copier, 4, 1) == 1
    all_of(pack)
    list(train(twin, items(), 4, BATCH, 1))
    torch.testing.assert_close(copier.state(), twin.state(), rtol=1e-10, atol=1e-10)


def test_products_in_bfloat16_are_those_of_the_trial_alone() -> None:
    torch.set_default_dtype(torch.float32)
    technique = Technique(ema=0.9, precision="bfloat16")
    pack, one = PackTraining(member(4, "vae", technique), items(), BATCH, 2), member(1, "vae", technique)
    pack.enter(one, 1, 0)
    (said,) = all_of(pack).values()
    (expected,) = train(member(1, "vae", technique), items(), 1, BATCH, 0)
    (plain,) = train(member(1, "vae"), items(), 1, BATCH, 0)
    assert isinstance(said[0], Progress)
    name = next(iter(expected.parts))
    loss = said[0].parts[name]
    assert loss == pytest.approx(expected.parts[name], rel=1e-3)
    assert loss != pytest.approx(plain.parts[name], rel=1e-6)


def test_what_cannot_be_compiled_is_said_and_the_pack_goes_on_eagerly() -> None:
    def branches(nets: Any, batch: torch.Tensor, noise: Any, knobs: Any) -> Loss:
        torch._dynamo.graph_break()  # type: ignore[no-untyped-call]
        return Loss((nets["a"](batch) - batch).square().mean(), {})

    def trainee() -> Trainee:
        torch.manual_seed(1)
        game = Game(
            {"a": torch.nn.Linear(2, 2)}, (Player("one", ("a",), branches),), lambda n, z: z["z"], {"z": Draw((1,))}
        )
        return Trainee(game, cast(Optimizer, build("optimizers", "sgd")), {}, CPU)

    one, twin = trainee(), trainee()
    pack = PackTraining(trainee(), items(), BATCH, 2, compiled=True)
    pack.enter(one, 2, 0)
    with pytest.raises(Uncompilable):
        pack.play()
    assert one.step == 0
    pack.fall_back()
    all_of(pack)
    list(train(twin, items(), 2, BATCH, 0))
    torch.testing.assert_close(one.state(), twin.state(), rtol=1e-10, atol=1e-10)


def test_a_function_that_torch_runs_without_compiling_it_is_noticed() -> None:
    torch.compiler.set_stance("force_eager")
    try:
        double = Compiled(lambda x: 2 * x)
        assert torch.equal(double(torch.ones(2)), torch.full((2,), 2.0))
        with pytest.raises(Uncompilable, match="without compiling"):
            double(torch.ones(2))
    finally:
        torch.compiler.set_stance("default")


def test_where_torch_cannot_write_what_it_compiles_it_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(torch, "compile", lambda function, **_: read_only)
    with pytest.raises(Uncompilable, match="Read-only"):
        Compiled(lambda x: 2 * x)(torch.ones(2))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wae", "wgan", "fisher_gan"])
def test_a_compiled_pack_equals_the_trials_alone(name: str) -> None:
    technique = Technique(lambda t: 1 - t, 0.5, 0.9)
    pack = PackTraining(member(4, name, technique), items(), BATCH, 3, compiled=True)
    members = [member(i, name, technique) for i in range(2)]
    pack.enter(members[0], 3, 0)
    pack.play()
    pack.enter(members[1], 4, 1)
    before = dict(torch._dynamo.utils.counters["stats"])
    all_of(pack)
    assert dict(torch._dynamo.utils.counters["stats"]) == before, "compiled again"
    for i, one in enumerate(members):
        twin = member(i, name, technique)
        list(train(twin, items(), 3 + i, BATCH, i))
        torch.testing.assert_close(one.state(), twin.state(), rtol=1e-10, atol=1e-10)
