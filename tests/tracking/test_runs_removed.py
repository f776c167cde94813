"""The runs of a sweep, removed: its own, all of them, and nobody else's."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gensweep.errors import CannotRun
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.tracking.projection import Projection
from gensweep.tracking.remembered import forget, places_of, remembered
from gensweep.tracking.removal import Sent, other_stores, sent
from gensweep.tracking.view import key_of
from tests.tracking.memory_store import MemoryStore
from tests.tracking.tracked_sweep import Driver

URI = "memory://here"
Remember = Callable[..., Projection]


@pytest.fixture
def tracked(driver: Driver, memory: MemoryStore, remember: Remember) -> Driver:
    for number in (0, 1):
        driver.issue(number, lr=0.1)
        driver.rows(number, range(1, 3))
        driver.end(number)
    remember().close(final=True)
    assert len(memory.runs()) == 2
    return driver


@pytest.fixture
def found(memory: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Sent]:
    monkeypatch.setattr("gensweep.tracking.removal.store_of", lambda *_: URI)
    return lambda path: sent(SweepFolder.open(path), URI, opened=lambda _: memory)


def strangers(memory: MemoryStore, **tags: str) -> str:
    return memory.create("stranger", {"gensweep.kind": "trial", **tags}, 0)


def test_its_runs_go_the_sweeps_own_last_and_no_other_ones(
    tracked: Driver, memory: MemoryStore, found: Callable[[Path], Sent]
) -> None:
    sweep_id = tracked.folder.identity().sweep_id  # type: ignore[union-attr]
    other = strangers(memory, **{"gensweep.sweep_id": "f" * 32, "gensweep.driver": "1 now"})
    copied = strangers(memory, **{"gensweep.sweep_id": sweep_id, "gensweep.driver": "1 elsewhere"})
    what = found(tracked.folder.path)
    assert (len(what.own), what.others) == (3, 1)
    assert memory.all[what.own[-1]].tags["gensweep.kind"] == "sweep", "so that half of it can still be found"
    memory.calls.clear()
    assert key_of(sweep_id) in memory.views
    what.delete()
    assert memory.runs("sweep") == memory.views == {}
    assert {run_id for run_id, run in memory.all.items() if not run.is_deleted} == {other, copied}
    assert found(tracked.folder.path).own == ()
    what.delete()  # said again


def test_a_removal_that_was_cut_goes_on(tracked: Driver, memory: MemoryStore, found: Callable[[Path], Sent]) -> None:
    what = found(tracked.folder.path)
    memory.delete(what.own[0])
    memory.is_away = True
    with pytest.raises(CannotRun, match="cannot be used"):
        what.delete()
    with pytest.raises(CannotRun, match="cannot be used"):
        found(tracked.folder.path)
    memory.is_away = False
    assert found(tracked.folder.path).own == what.own[1:]
    what.delete()
    assert memory.runs() == memory.runs("sweep") == {}


def test_a_copy_of_the_folder_removes_nothing_of_the_first_ones(
    tracked: Driver, memory: MemoryStore, found: Callable[[Path], Sent], tmp_path: Path
) -> None:
    tracked.lease.release()
    copy = shutil.copytree(tracked.folder.path, tmp_path / "copies" / "study")
    what = found(copy)
    assert (what.own, what.others) == ((), 3)
    what.delete()
    assert len(memory.runs()) == 2
    assert memory.views, "the table of the first one"


def test_a_store_that_is_not_there_is_not_made(driver: Driver, tmp_path: Path) -> None:
    what = sent(driver.folder, f"sqlite:///{tmp_path / 'none.db'}")
    assert (what.own, what.others) == ((), 0)
    what.delete()
    assert not (tmp_path / "none.db").exists()


def test_the_other_stores_are_named(tracked: Driver) -> None:
    assert other_stores(tracked.folder.path, URI) == []
    assert other_stores(tracked.folder.path, "memory://elsewhere") == [URI]


def test_a_place_is_forgotten(tracked: Driver, tmp_path: Path) -> None:
    path, sweep_id = tracked.folder.path, tracked.folder.identity().sweep_id  # type: ignore[union-attr]
    assert remembered(path) == URI
    forget(tmp_path / "another")
    assert places_of(sweep_id) == [path.resolve()]
    forget(path)
    forget(path)
    assert (remembered(path), places_of(sweep_id)) == (None, [])
