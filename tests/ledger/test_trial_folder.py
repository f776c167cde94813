"""A trial's folder: checkpoints that verify or are moved aside, rows that keep their first writing."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gensweep.errors import DamagedSweep
from gensweep.ledger.checkpoints import Checkpoint
from gensweep.ledger.trial_folder import Row, TrialFolder


def payload(step: int) -> bytes:
    return f"state after step {step} ".encode() * 50


def save(trial: TrialFolder, step: int, *, best: bool = False) -> None:
    trial.save(step, {"state.pt": payload(step), "random.json": b"{}"}, best=best)


def row(epoch: int, fid: float = 1.0, time: int = 1_700_000_000_000) -> Row:
    return Row(epoch, epoch * 10, time, 0.25, {"fid": fid})


def names(trial: TrialFolder) -> set[str]:
    return {path.name for path in (trial.path / "checkpoints").iterdir()}


def step_of(checkpoint: Checkpoint | None) -> int | None:
    if checkpoint is None:
        return None
    assert checkpoint.read("state.pt") == payload(checkpoint.step)
    return checkpoint.step


@pytest.fixture
def trial(tmp_path: Path) -> TrialFolder:
    return TrialFolder(tmp_path / "0001-wae-abcdef01")


def test_the_newest_two_and_the_best_stay(trial: TrialFolder) -> None:
    assert (trial.newest(), trial.best()) == (None, None)
    for step in (9, 99, 1000, 9_999_999, 10_000_000):  # by number: the names alone would sort otherwise
        save(trial, step, best=step == 99)
    assert names(trial) == {"best", "step-9999999", "step-10000000"}
    assert (step_of(trial.newest()), step_of(trial.best())) == (10_000_000, 99)


def test_order_is_by_step_and_not_by_the_clock(trial: TrialFolder) -> None:
    save(trial, 10)
    save(trial, 20)
    os.utime(trial.path / "checkpoints" / "step-000020", (0, 0))
    save(trial, 30)
    assert names(trial) == {"step-000020", "step-000030"}
    os.utime(trial.path / "checkpoints" / "step-000030", (0, 0))
    assert step_of(trial.newest()) == 30


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


TEARS: dict[str, Callable[[Path], None]] = {
    "state cut": lambda path: cut(path / "state.pt"),
    "state emptied": lambda path: os.truncate(path / "state.pt", 0),
    "state changed": lambda path: flip(path / "state.pt"),
    "state lost": lambda path: (path / "state.pt").unlink(),
    "manifest cut": lambda path: cut(path / "manifest.json"),
    "manifest changed": lambda path: flip(path / "manifest.json"),
    "manifest not an object": lambda path: (path / "manifest.json").write_bytes(b"[]") and None,
    "manifest lost": lambda path: (path / "manifest.json").unlink(),
    "a step of its own": lambda path: (
        (path / "manifest.json").write_bytes(
            (path / "manifest.json").read_bytes().replace(b'"step": 20', b'"step": 90')
        )
        and None
    ),
}


@pytest.mark.parametrize("tear", TEARS.values(), ids=TEARS)
def test_a_torn_newest_is_moved_aside_and_the_one_before_is_used(
    trial: TrialFolder, tear: Callable[[Path], None]
) -> None:
    save(trial, 10)
    save(trial, 20, best=True)
    tear(trial.path / "checkpoints" / "step-000020")
    assert step_of(trial.newest()) == 10
    assert trial.torn() == ["torn-1-step-000020"]
    assert step_of(trial.best()) == 20  # its own bytes: not torn with the other
    save(trial, 20)
    assert step_of(trial.newest()) == 20


def test_all_torn_means_none_and_a_fresh_start_works(trial: TrialFolder) -> None:
    for step in (10, 20):
        save(trial, step, best=True)
    for torn in ("step-000010", "step-000020", "best"):
        cut(trial.path / "checkpoints" / torn / "state.pt")
    assert (trial.newest(), trial.best()) == (None, None)
    assert trial.torn() == ["torn-1-step-000020", "torn-2-step-000010"]
    save(trial, 20, best=True)
    cut(trial.path / "checkpoints" / "step-000020" / "state.pt")
    assert trial.newest() is None
    assert "torn-3-step-000020" in trial.torn()
    assert step_of(trial.best()) == 20


def test_a_torn_one_does_not_count_among_the_two(trial: TrialFolder) -> None:
    save(trial, 10)
    save(trial, 20)
    cut(trial.path / "checkpoints" / "step-000020" / "state.pt")
    again = TrialFolder(trial.path)
    save(again, 30)
    cut(trial.path / "checkpoints" / "step-000030" / "state.pt")
    assert step_of(again.newest()) == 10


def test_a_change_after_verification_is_seen(trial: TrialFolder) -> None:
    save(trial, 10)
    newest = trial.newest()
    assert newest is not None
    flip(newest.path / "state.pt")
    with pytest.raises(DamagedSweep, match="changed after it was verified"):
        newest.read("state.pt")


def test_a_newer_manifest_is_refused_and_not_moved(trial: TrialFolder) -> None:
    save(trial, 10)
    manifest = trial.path / "checkpoints" / "step-000010" / "manifest.json"
    manifest.write_text(json.dumps({"schema": 2}))
    with pytest.raises(DamagedSweep, match="schema is 2"):
        trial.newest()
    assert names(trial) == {"step-000010"}


@pytest.mark.parametrize("name", ["../state.pt", "a/b", "manifest.json"])
def test_a_file_outside_the_checkpoint_is_refused(trial: TrialFolder, name: str) -> None:
    with pytest.raises(ValueError, match="plain name"):
        trial.save(1, {name: b""}, best=False)
    assert names(trial) == set()


def test_dying_at_any_moment_leaves_the_old_or_the_new(
    trial: TrialFolder, tmp_path: Path, in_child: Callable[[Callable[[], object]], int]
) -> None:
    """A child dies at its n-th open, rename or removal, for every n, while it replaces the best and prunes."""
    trial.append([row(1), row(2)])
    save(trial, 10, best=True)
    save(trial, 20)
    moments = 0
    while True:
        copy = TrialFolder(tmp_path / f"copy-{moments}")
        shutil.copytree(trial.path, copy.path)

        def work(copy: TrialFolder = copy, left: int = moments) -> None:
            count = 0

            def die(event: str, _: object) -> None:
                nonlocal count
                if event in ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"):
                    count += 1
                    if count > left:
                        os._exit(9)

            sys.addaudithook(die)
            copy.append([row(3)])
            copy.save(30, {"state.pt": payload(30), "random.json": b"{}"}, best=True)
            copy.save(30, {"state.pt": payload(30), "random.json": b"{}"}, best=True)

        code = in_child(work)
        assert code in (0, 9)
        for found in (copy.path / "checkpoints").glob("step-*"):
            assert {path.name for path in found.iterdir()} == {"state.pt", "random.json", "manifest.json"}
        n_rows = len(copy.rows())
        newest, best = step_of(copy.newest()), step_of(copy.best())
        assert n_rows in (2, 3)
        assert newest in (20, 30)
        assert best in (10, 30)
        assert newest == 20 or (n_rows == 3 and best == 30)  # never a checkpoint ahead of its row or its best
        assert copy.torn() == []
        assert copy.append([row(3), row(4)])[-1] == row(4)
        save(copy, 40, best=True)
        assert step_of(copy.best()) == step_of(copy.newest()) == 40
        assert {name for name in names(copy) if not name.startswith("step-")} == {"best"}
        assert len(names(copy)) == 3
        shutil.rmtree(copy.path)
        if code == 0:
            break
        moments += 1
    assert moments > 30


def test_what_a_crash_left_half_replaced_is_put_back(trial: TrialFolder) -> None:
    save(trial, 10, best=True)
    for name in ("best", "step-000010"):
        os.rename(trial.path / "checkpoints" / name, trial.path / "checkpoints" / f".old-{name}")
    assert step_of(trial.newest()) == step_of(trial.best()) == 10
    with pytest.raises(ValueError, match="plain name"):
        trial.save(20, {"a/b": b""}, best=True)  # fails after the clearing, as on a full disk
    assert names(trial) == {"best", "step-000010"}
    assert step_of(trial.newest()) == step_of(trial.best()) == 10


def test_rows_come_back_exactly(trial: TrialFolder) -> None:
    assert trial.rows() == []
    given = Row(1, 10, 1_700_000_000_123, 0.1, {"fid": 0.1 + 0.2, "kid": math.inf, "überlauf": -math.inf})
    assert trial.append([given]) == [given]
    trial.append([Row(2, 20, 5, 1, {"fid": math.nan, "sliced": np.float32(0.5)})])  # type: ignore[dict-item]
    first, second = trial.rows()
    assert first == given
    assert math.isnan(second.values["fid"])
    assert second.values["sliced"] == 0.5


def test_an_epoch_keeps_its_first_row(trial: TrialFolder) -> None:
    trial.append([row(1, time=100), row(2, time=200)])
    again = TrialFolder(trial.path)
    assert again.append([row(1, time=900), row(2, time=900), row(3, time=900), row(3, time=901)]) == [row(3, time=900)]
    assert [(known.epoch, known.time) for known in trial.rows()] == [(1, 100), (2, 200), (3, 900)]
    assert again.append([row(2)]) == []


def test_rows_cut_at_every_byte_are_a_prefix_and_go_on(trial: TrialFolder) -> None:
    whole = [row(1), row(2), row(3)]
    trial.append(whole)
    path = trial.path / "results.jsonl"
    data = path.read_bytes()
    for size in range(len(data) + 1):
        path.write_bytes(data[:size])
        n_whole = data[:size].count(b"\n")
        assert trial.rows() == whole[:n_whole]
        assert trial.append(whole) == whole[n_whole:]
        assert path.read_bytes() == data


def test_a_row_damaged_in_the_middle_is_named(trial: TrialFolder) -> None:
    trial.append([row(1), row(2), row(3)])
    path = trial.path / "results.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"\0" * 20 + b"\n" + lines[2])
    for use in (trial.rows, lambda: trial.append([row(4)])):
        with pytest.raises(DamagedSweep, match=r"results.jsonl:2: .*Restore"):
            use()


def test_configuration_outcome_and_files(trial: TrialFolder) -> None:
    assert (trial.configuration(), trial.outcome()) == (None, None)
    trial.write_configuration({"seed": 3})
    trial.write_outcome({"outcome": "PRUNED"})
    trial.write_outcome({"outcome": "COMPLETED", "best": {"fid": math.inf}})
    trial.write_file("samples/epoch-0005.png", b"\x89PNG")
    assert trial.configuration() == {"seed": 3}
    assert trial.outcome() == {"outcome": "COMPLETED", "best": {"fid": math.inf}}
    assert (trial.path / "samples" / "epoch-0005.png").read_bytes() == b"\x89PNG"
    assert [path.name for path in trial.path.rglob("*.tmp")] == []
    with pytest.raises(ValueError, match="outside"):
        trial.write_file("../elsewhere.png", b"")
    (trial.path / "outcome.json").write_text('{"outcome": ')
    with pytest.raises(DamagedSweep, match=r"outcome.json: not JSON"):
        trial.outcome()
