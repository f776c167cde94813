"""A pack of real trials: each says what it says alone, whatever the others do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gensweep.errors import Outcome
from gensweep.faults import Fault
from gensweep.packs import Pack, alone
from gensweep.trainers.pack import PackTraining
from gensweep.trial import Failure, Job, Report, Said, Trial
from tests.conftest import job, small_configuration

ROWS = 3
CLOSE = 2e-3  # of scores in float32, relative: rounding, which Adam makes larger


def configuration(seed: int = 3, family: Any = None, **training: Any) -> dict[str, Any]:
    made = small_configuration(family or {"name": "vae", "beta": 0.5 + 0.1 * seed}, **training)
    return {**made, "seed": seed}


def packed(path: Path, made: dict[str, Any], number: int = 0, **more: Any) -> Job:
    return job(path / str(number), made, number, shape="one", rows=ROWS, **more)


def run(pack: Pack, more: list[Job] | None = None, drop: tuple[int, int] | None = None) -> dict[int, list[Said]]:
    """Everything that is said; `more` join as soon as there is room, and `drop` leaves at its report of that epoch."""
    found: dict[int, list[Said]] = {}
    waiting = list(more or [])
    while pack:
        while waiting and pack.n_members < pack.rows:
            pack.add(waiting.pop(0))
        for said in pack.turn():
            found.setdefault(said.number, []).append(said)
            if isinstance(said, Report) and drop == (said.number, said.epoch):
                pack.drop(said.number)
    return found


def agree(found: list[Said], expected: list[Said]) -> None:
    assert [type(said) for said in found] == [type(said) for said in expected]
    for one, other in zip(found, expected, strict=True):
        assert isinstance(one, Report)
        assert isinstance(other, Report)
        assert (one.epoch, one.step, one.outcome, one.items) == (other.epoch, other.step, other.outcome, other.items)
        assert one.scores == pytest.approx(other.scores, rel=CLOSE)
        assert one.test == pytest.approx(other.test, rel=CLOSE)


def test_each_says_what_it_says_alone(tmp_path: Path) -> None:
    made = [
        configuration(0),
        configuration(1, epochs=4, optimizer={"lr": 3e-3}),
        configuration(2, optimizer={"lr": 1e30}),  # diverges
        configuration(3, lr_schedule="cosine"),
        configuration(4, epochs=3),
    ]
    jobs = [packed(tmp_path / "pack", c, i, is_confirmation=i == 3) for i, c in enumerate(made)]
    pack = Pack(jobs[0])
    found = run(pack, jobs[1:], drop=(0, 4))
    apart = [list(alone(job(tmp_path / f"alone{i}", c, i, is_confirmation=i == 3))) for i, c in enumerate(made)]
    agree(found[0], apart[0][:2])
    for number in range(1, 5):
        agree(found[number], apart[number])
    assert found[2][-1].outcome is Outcome.DIVERGED  # type: ignore[union-attr]
    assert {said.mode for number in found for said in found[number] if isinstance(said, Report)} == {"pack of 3"}


def test_trials_of_several_latent_sizes_share_a_stack(tmp_path: Path) -> None:
    sizes = (2, 3, 4)
    made = [{**configuration(i), "latent_size": size} for i, size in enumerate(sizes)]
    jobs = [packed(tmp_path / "pack", c, i, latent_size=4) for i, c in enumerate(made)]
    found = run(Pack(jobs[0]), jobs[1:], drop=(1, 4))
    apart = [list(alone(job(tmp_path / f"alone{i}", c, i))) for i, c in enumerate(made)]
    agree(found[0], apart[0])
    agree(found[2], apart[2])
    agree(found[1], apart[1][:2])
    agree([*found[1], *alone(jobs[1])][2:], apart[1][1:])  # its checkpoint is of its own size: it goes on alone
    modes = [{said.mode for said in found[number] if isinstance(said, Report)} for number in range(3)]
    assert modes == [{"pack of 3, latent size 4"}, {"pack of 3, latent size 4"}, {"pack of 3"}]


def test_what_began_in_a_pack_goes_on_alone_and_what_began_alone_in_a_pack(tmp_path: Path) -> None:
    whole = list(alone(job(tmp_path / "whole", configuration(1), 1)))
    one = packed(tmp_path, configuration(1), 1)
    run(Pack(one), [packed(tmp_path, configuration(2), 2)], drop=(1, 2))
    agree(list(alone(one)), whole)  # its report of epoch 2 is said again
    other = packed(tmp_path, configuration(1), 3)
    reports = alone(other)
    next(reports)
    reports.close()
    agree(run(Pack(packed(tmp_path, configuration(4), 4)), [other])[3], whole)
    assert [said.outcome for said in run(Pack(other))[3] if isinstance(said, Report)] == [
        Outcome.COMPLETED
    ]  # once more


def test_an_error_of_one_member_ends_that_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Trial.look

    def fails(self: Trial, progress: Any) -> bool:
        if self.job.number == 1 and progress.epoch == 3:
            raise RuntimeError("a mistake of the user's")
        return whole(self, progress)

    monkeypatch.setattr(Trial, "look", fails)
    found = run(Pack(packed(tmp_path, configuration(0), 0)), [packed(tmp_path, configuration(i), i) for i in (1, 2)])
    assert [getattr(said, "epoch", None) for said in found[1]] == [2, None]
    assert isinstance(found[1][-1], Failure)
    assert found[1][-1].reason == "RuntimeError: a mistake of the user's"
    assert all([said.epoch for said in found[i] if isinstance(said, Report)] == [2, 4, 6] for i in (0, 2))


def test_a_trial_that_cannot_begin_leaves_the_others_in_peace(tmp_path: Path) -> None:
    wrong = packed(tmp_path, configuration(1, batch_size=100_000), 1)
    found = run(Pack(packed(tmp_path, configuration(0), 0)), [wrong])
    assert [type(said) for said in found[1]] == [Failure]
    assert len(found[0]) == 3


def test_where_a_round_fails_each_goes_on_alone_from_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play, turns = PackTraining.play, []

    def fails(self: PackTraining) -> Any:
        turns.append(self)
        if len(turns) == 4:
            raise RuntimeError("one of us, but who?")
        return play(self)

    monkeypatch.setattr(PackTraining, "play", fails)
    jobs = [packed(tmp_path / "pack", configuration(i), i) for i in range(2)]
    pack = Pack(jobs[0])
    found = run(pack, jobs[1:])
    assert len(turns) == 4
    assert pack.rows == 1
    for number in range(2):
        apart = list(alone(job(tmp_path / f"alone{number}", configuration(number), number)))
        agree([found[number][0], *found[number][2:]], apart)  # epoch 2 is said again
        modes = [said.mode for said in found[number] if isinstance(said, Report)]
        assert modes == ["pack of 3", "alone", "alone", "alone"]


def test_what_cannot_be_stacked_trains_alone(tmp_path: Path) -> None:
    pack = Pack(packed(tmp_path, configuration(0, family="memoriser"), 0))
    assert pack.rows == 1
    assert [said.mode for said in run(pack)[0] if isinstance(said, Report)] == ["alone"]


def test_the_next_pack_of_a_shape_takes_the_stack_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    begin = PackTraining.__init__
    monkeypatch.setattr(PackTraining, "__init__", lambda self, *a, **k: (made.append(self), begin(self, *a, **k))[1])
    first = run(
        Pack(
            packed(
                tmp_path / "a",
                configuration(0, epochs=2),
                0,
            )
        )
    )
    again = run(Pack(packed(tmp_path / "b", configuration(0, epochs=2), 0)))
    assert len(made) <= 1
    assert first[0][0].scores == again[0][0].scores  # type: ignore[union-attr]


def test_a_copied_trial_joins_with_the_weights_that_it_was_given(tmp_path: Path) -> None:
    source, target = packed(tmp_path, configuration(1), 1), packed(tmp_path, configuration(2), 2)
    run(Pack(source))
    run(Pack(target), drop=(2, 2))
    target.trial_folder().copy_from(source.trial_folder(), 1)
    apart = job(tmp_path / "apart", configuration(2), 2)
    run(Pack(apart), drop=(2, 2))
    apart.trial_folder().copy_from(source.trial_folder(), 1)
    found = run(Pack(replace(target, copies=1)))[2]
    agree(found, list(alone(replace(apart, copies=1))))


def test_where_torch_does_not_compile_a_round_it_is_played_eagerly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)  # as Dynamo does where it gives up
    pack = Pack(packed(tmp_path, configuration(0), 0, compile="on"))
    first, *more = run(pack)[0]
    assert isinstance(first, Report)
    assert first.mode == "pack of 3"
    assert first.notes == [
        "compile: its step was not compiled, and trained eagerly (torch ran it without compiling it)."
    ]
    agree([first, *more], list(alone(job(tmp_path / "alone", configuration(0), 0))))


@pytest.mark.parametrize("rows", [1, ROWS])
def test_a_training_whose_rounds_are_longer_than_a_pass_ends(tmp_path: Path, rows: int) -> None:
    made = configuration(1, "wgan", epochs=4, batch_size=400)  # 3 batches a pass, 6 a round
    found = run(Pack(job(tmp_path, made, 0, shape="long rounds", rows=rows, compile="off")))[0]
    assert [(said.epoch, said.step, said.outcome) for said in found if isinstance(said, Report)] == [
        (2, 1, None),
        (4, 2, Outcome.COMPLETED),
    ]


def test_a_fault_of_the_machine_while_one_trains_is_told_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: PackTraining) -> Any:
        raise MemoryError("no more")

    monkeypatch.setattr(PackTraining, "play", fails)
    pack = Pack(packed(tmp_path, configuration(0), 0))
    (said,) = pack.turn()
    assert isinstance(said, Failure)
    assert said.fault is Fault.MEMORY
    assert not pack


def test_what_goes_on_alone_says_each_report_before_another_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: PackTraining) -> Any:
        raise RuntimeError("one of us, but who?")

    monkeypatch.setattr(PackTraining, "play", fails)
    pack = Pack(packed(tmp_path, configuration(0), 0))
    pack.add(packed(tmp_path, configuration(1), 1))
    assert [[said.number for said in pack.turn()] for _ in range(4)] == [[0], [1], [0], [1]]


def test_a_turn_is_alive_at_every_member(tmp_path: Path) -> None:
    done: list[None] = []
    pack = Pack(packed(tmp_path, configuration(0, epochs=2), 0), lambda: done.append(None))
    for i in (1, 2):
        pack.add(packed(tmp_path, configuration(i, epochs=2), i))
    assert len(pack.turn()) == ROWS
    n_begun, n_epochs, n_seen, n_recorded = 2 * ROWS, 2, 2 * ROWS, ROWS
    assert len(done) == n_begun + n_epochs + n_seen + n_recorded
