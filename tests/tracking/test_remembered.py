"""The user's own memory of stores: theirs alone, and never in the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gensweep.tracking import remembered as module
from gensweep.tracking.remembered import remember, remembered

HERE = "http://tracking.example:5000"


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "stores.json"


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    path = tmp_path / "runs" / "study"
    path.mkdir(parents=True)
    return path


def test_a_store_is_remembered_by_the_place_of_its_sweep(
    memory: Path, sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert remembered(sweep) is None
    remember(sweep, "http://first", "id")
    remember(sweep, HERE, "id")
    (tmp_path / "link").symlink_to(sweep)
    assert remembered(tmp_path / "link") == HERE
    monkeypatch.chdir(tmp_path)
    assert remembered(Path("runs/study")) == HERE
    assert remembered(sweep.with_name("other")) is None
    assert memory.stat().st_mode & 0o777 == 0o600


def test_of_many_sweeps_the_oldest_are_forgotten(sweep: Path, memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 3)
    others = [sweep.with_name(f"other{n}") for n in range(3)]
    for one in [sweep, *others[:2], sweep, others[2]]:
        remember(one, HERE, "id")
    assert [remembered(one) for one in [sweep, *others]] == [HERE, None, HERE, HERE]


@pytest.mark.parametrize("how", ["writable by the group", "a link", "of another user", "a pipe", "torn", "a list"])
def test_what_another_may_have_written_or_tore_is_not_believed(memory: Path, sweep: Path, how: str) -> None:
    remember(sweep, HERE, "id")
    if how == "writable by the group":
        memory.chmod(0o664)
    elif how == "a link":
        memory.rename(memory.with_name("else.json"))
        memory.symlink_to("else.json")
    elif how == "of another user":
        if os.geteuid():
            pytest.skip("only root can give a file away: run the tests as root, in a container, for this one")
        os.chown(memory, 65534, 65534)
    elif how == "a pipe":
        memory.unlink()
        os.mkfifo(memory)
    else:
        memory.write_text('{"' if how == "torn" else "[1]")
    assert remembered(sweep) is None
    remember(sweep, "http://new", "id")  # and nothing of it is an error
    assert remembered(sweep) == ("http://new" if how in ("torn", "a list") else None)


def test_where_nothing_can_be_kept_nothing_is_said(
    sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "file" / "cache"))
    remember(sweep, HERE, "id")
    assert remembered(sweep) is None


def test_who_writes_is_alone_and_who_reads_is_not(sweep: Path, memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = list[int]()
    monkeypatch.setattr(module.fcntl, "flock", lambda _descriptor, how: locked.append(how))
    remember(sweep, HERE, "id")
    assert set(locked) == {module.fcntl.LOCK_EX}
    locked.clear()
    remembered(sweep)
    assert locked == [module.fcntl.LOCK_SH]
