"""Whose runs a folder may write to, and delete: its own. Whoever has a folder has the id that its runs are found by."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, tzinfo
from pathlib import Path

import pytest
from memory_store import MemoryStore
from tracked_sweep import Driver, Store

from gensweep.ledger.identity import Place
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


def test_a_folder_that_is_known_gets_no_hold_on_other_runs_by_naming_them_later(
    driver: Driver, memory: MemoryStore, send: Callable[[Path], None], tmp_path: Path
) -> None:
    send(driver.folder.path)
    victims = state(memory)
    evil = Driver(tmp_path / "runs" / "evil")
    evil.issue(0)
    evil.rows(0, range(1, 3))
    evil.end(0)
    send(evil.folder.path)  # now this user's memory says that its id is its own
    before = state(memory)
    known = Cursor.load(driver.folder.path / "tracking.jsonl", "memory://here")
    mine = Cursor.load(evil.folder.path / "tracking.jsonl", "memory://here")
    for key, run in zip(sorted(mine.runs), sorted(known.runs), strict=False):
        mine.runs[key].run_id, mine.runs[key].complete = known.runs[run].run_id, False
        mine.runs[key].described = False
    mine.save(sorted(mine.runs))
    send(evil.folder.path)
    after = state(memory)
    assert {run_id: after[run_id] for run_id in victims} == victims
    assert {run_id: after[run_id][0] for run_id in before} == dict.fromkeys(before, False)  # and none is deleted
    assert len(after) == len(before) + 2
    evil.lease.release()


def copied(path: Path, to: Path) -> Path:
    """A copy as `cp -a` makes it."""
    shutil.copytree(path, to, dirs_exist_ok=True)
    return to


def resumed(path: Path) -> str | None:
    """What a driver that takes the sweep up says of where it is."""
    folder = SweepFolder.open(path)
    with folder.hold():
        said = folder.settle()
        folder.events.append({"event": "started"})
    return said


@pytest.mark.parametrize("at_the_same_path_of_another_host", [True, False])
def test_a_copy_that_is_resumed_deletes_no_run_of_an_original_that_went_on(
    driver: Driver, memory: MemoryStore, send: Callable[[Path], None], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, at_the_same_path_of_another_host: bool,
) -> None:  # fmt: skip
    path = driver.folder.path
    send(path)
    copy = copied(path, tmp_path / "copy" / "study")
    driver.issue(2)
    driver.rows(2, range(1, 3))
    driver.end(2)
    send(path)
    driver.lease.release()
    before = state(memory)
    if at_the_same_path_of_another_host:
        path.rename(tmp_path / "on the other host")
        copy = copied(copy, path)
        forget(monkeypatch, tmp_path)
        monkeypatch.setattr("socket.gethostname", lambda: "another")
    assert "is a copy of the sweep at" in (resumed(copy) or "")
    for _ in range(2):
        send(copy)
    after = state(memory)
    assert {run_id: after[run_id] for run_id in before} == before
    assert len(after) == len(before) + 3
    assert resumed(copy) is None  # by now it is a sweep of its own


def test_a_copy_that_nobody_could_notice_deletes_no_run_of_the_original_either(
    memory: MemoryStore, send: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that was copied as a whole: path, host and inode are the same."""
    monkeypatch.setattr(Place, "of", lambda _: Place("host", "folder", "1"))
    driver, path = Driver(tmp_path / "runs" / "disk"), tmp_path / "runs" / "disk"
    driver.issue(0)
    send(path)
    driver.lease.release()
    copy = copied(path, tmp_path / "copy")
    resumed(path)
    with (folder := SweepFolder.open(path)).hold():
        folder.events.append({**folder.events.of_kind("issued")[-1], "number": 1, "position": 1, "key": "01" * 32})
    send(path)
    assert len(memory.all) == 3
    path.rename(tmp_path / "on the other host")
    copy.rename(path)
    monkeypatch.setattr("gensweep.ledger.events.datetime", Later)
    assert resumed(path) is None
    send(path)
    assert len(memory.all) == 3
    assert not any(run.is_deleted for run in memory.all.values())


class Later(datetime):
    """The other host's clock."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime(2100, 1, 1, tzinfo=tz)


@pytest.mark.parametrize("way", ["renamed", "to another disk", "mounted elsewhere"])
def test_a_moved_sweep_is_no_copy(
    driver: Driver, memory: MemoryStore, send: Callable[[Path], None], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, way: str,
) -> None:  # fmt: skip
    path, there = driver.folder.path, tmp_path / "elsewhere" / "study"
    send(path)
    driver.lease.release()
    there.parent.mkdir()
    if way == "to another disk":
        copied(path, there)
        shutil.rmtree(path)
    else:
        path.rename(there)
    if way == "mounted elsewhere":
        monkeypatch.setattr("socket.gethostname", lambda: "another")
    for _ in range(2):
        assert resumed(there) is None
        send(there)
    assert len(memory.all) == 3


def test_without_tracking_jsonl_the_same_runs_are_found(
    driver: Driver, memory: MemoryStore, send: Callable[[Path], None]
) -> None:
    send(driver.folder.path)
    before = state(memory)
    (driver.folder.path / "tracking.jsonl").unlink()
    send(driver.folder.path)
    assert state(memory) == before


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
