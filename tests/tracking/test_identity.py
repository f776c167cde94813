"""Whose runs a folder may write to, and delete: its own. Whoever has a folder has the id that its runs are found by."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from memory_store import MemoryStore
from tracked_sweep import Driver, Store

from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.tracking.cursor import Cursor
from gensweep.tracking.projection import Projection

Sent = dict[str, tuple[object, ...]]


@pytest.fixture
def driver(driver: Driver) -> Driver:
    for number in range(2):
        driver.issue(number)
        driver.rows(number, range(1, 3))
        driver.end(number)
    return driver


@pytest.fixture
def send(memory: MemoryStore) -> Callable[[Path], None]:
    def _send(path: Path) -> None:
        projection = Projection(SweepFolder.open(path), "memory://here", open_store=lambda _: memory)
        projection.start()
        assert projection.close(final=True).is_done

    return _send


def state(memory: MemoryStore) -> Sent:
    return {
        run_id: (run.is_deleted, run.status, dict(run.tags), list(run.points), dict(run.files))
        for run_id, run in memory.all.items()
    }


def forget(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another home, where nothing is known of any sweep."""
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "new"))


@pytest.mark.parametrize("memory_of_the_user", [True, False])
def test_a_copy_leaves_the_runs_of_the_original_and_makes_its_own(
    driver: Driver, memory: MemoryStore, send: Callable[[Path], None], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, memory_of_the_user: bool,
) -> None:  # fmt: skip
    send(driver.folder.path)
    before = state(memory)
    if not memory_of_the_user:
        forget(monkeypatch, tmp_path)
    copy = tmp_path / "copy" / "study"
    shutil.copytree(driver.folder.path, copy)
    for _ in range(2):
        send(copy)
    after = state(memory)
    assert {run_id: after[run_id] for run_id in before} == before
    assert len(after) == 2 * len(before) == 6


@pytest.mark.parametrize("what", ["id", "runs"])
def test_a_forged_cursor_gives_no_hold_on_other_sweeps(
    driver: Driver, memory: MemoryStore, send: Callable[[Path], None], tmp_path: Path, what: str
) -> None:
    send(driver.folder.path)
    before = state(memory)
    evil = Driver(tmp_path / "runs" / "evil")
    evil.issue(0)
    evil.rows(0, range(1, 3))
    evil.end(0)
    known = Cursor.load(driver.folder.path / "tracking.jsonl", "memory://here")
    forged = Cursor(evil.folder.path / "tracking.jsonl", "memory://here", known.sweep_id, {})
    if what == "runs":
        forged.sweep_id = "f" * 32  # which nobody has
    forged.compact()
    if what == "runs":
        forged.declare({key.replace("study", "evil"): run for key, run in known.runs.items()})
    send(evil.folder.path)
    after = state(memory)
    assert {run_id: after[run_id] for run_id in before} == before
    assert len(after) == len(before) + 2
    evil.lease.release()


def test_a_sweep_that_was_moved_keeps_its_runs(
    driver: Driver, memory: MemoryStore, send: Callable[[Path], None], tmp_path: Path
) -> None:
    send(driver.folder.path)
    (tmp_path / "elsewhere").mkdir()
    shutil.move(driver.folder.path, tmp_path / "elsewhere" / "study")
    send(tmp_path / "elsewhere" / "study")
    assert len(memory.all) == 3
    assert not any(run.is_deleted for run in memory.all.values())


def test_where_nothing_is_remembered_the_store_knows_whose_runs_they_are(
    driver: Driver, memory: MemoryStore, send: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(driver.folder.path)
    forget(monkeypatch, tmp_path)
    send(driver.folder.path)
    assert len(memory.all) == 3


@pytest.mark.parametrize("name", ["o'brien", 'the "other"', """both ' and " """])
def test_a_folder_with_quotes_in_its_name_keeps_its_runs_in_mlflow(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    driver = Driver(tmp_path / name / "study")
    driver.issue(0)
    driver.end(0)
    for _ in range(2):
        projection = Projection(SweepFolder.open(driver.folder.path), store.uri)
        projection.start()
        assert projection.close(final=True).is_done
        if "both" not in name:
            forget(monkeypatch, tmp_path)
    assert len(store.runs()) == 1
    driver.lease.release()
