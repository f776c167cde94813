"""Which models of a sweep a run store is offered."""

from __future__ import annotations

import shutil
from pathlib import Path

from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.models.offers import offered
from gensweep.models.winner import best_of_arm, winner
from gensweep.tracking.offered import Offer, Shelf
from tests.tracking.memory_store import MemoryStore
from tests.written_sweep import DEFINITION, Writer


def offers(folder: SweepFolder) -> list[Offer]:
    return list(offered(folder)(folder.state()))


def test_they_are_the_winner_and_the_best_of_each_arm(used: Path, tmp_path: Path) -> None:
    folder = SweepFolder.open(used / "used")
    found = offers(folder)
    best = {arm: best_of_arm(folder, arm).number for arm in ("vae", "autoencoder", "gan", "flow")}
    assert {one.record.arm: one.record.number for one in found} == best
    assert [one.is_winner for one in found] == [True, False, False, False]
    assert (found[0].record.number, found[0].why) == (winner(folder).number, winner(folder).why)
    about = found[0].write(tmp_path)
    assert about["checkpoint"] == found[0].digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.md", "model.pt2", "model.safetensors"]


def test_a_key_is_of_these_weights_in_this_sweep(used: Path) -> None:
    first, second, *_ = offers(SweepFolder.open(used / "used"))
    shelf = Shelf(MemoryStore(), "used", "a")
    assert shelf.key(first) == shelf.key(first)
    assert len({shelf.key(first), shelf.key(second), Shelf(MemoryStore(), "used", "b").key(first)}) == 3


def test_a_trial_without_a_checkpoint_is_not_offered(used: Path, tmp_path: Path) -> None:
    path = shutil.copytree(used / "used", tmp_path / "used")
    folder = SweepFolder.open(path)
    gone = offers(folder)[0].trial
    shutil.rmtree(gone / "checkpoints")
    assert [one.trial.name for one in offers(folder)] == [
        one.trial.name for one in offers(SweepFolder.open(used / "used"))
    ][1:]


def test_nothing_is_offered_of_a_sweep_that_wants_none_or_has_no_score(tmp_path: Path, used: Path) -> None:
    empty = Writer(tmp_path / "study")
    assert offers(empty.folder) == []
    empty.trial("vae", None, outcome="FAILED")
    assert offers(empty.folder) == []
    unwanted = Writer(tmp_path / "unwanted", {**DEFINITION, "tracking": {"models": "none"}})
    number = unwanted.trial("vae", 1.0)
    trial = unwanted.folder.trial_of(unwanted.folder.state().trials[number]).path
    source = next((used / "used" / "trials").glob("0000-*"))
    shutil.copytree(source / "checkpoints", trial / "checkpoints")
    assert offers(unwanted.folder) == []
    wanted = Writer(tmp_path / "wanted")
    number = wanted.trial("vae", 1.0)
    shutil.copytree(
        source / "checkpoints", wanted.folder.trial_of(wanted.folder.state().trials[number]).path / "checkpoints"
    )
    assert [one.record.number for one in offers(wanted.folder)] == [0]
