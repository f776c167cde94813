"""A sweep's folder, removed: all of it, nothing else, at one moment, and to the end by a second try."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gensweep.errors import CannotRun, ConfigError
from gensweep.ledger import removal
from gensweep.ledger.sweep_folder import SweepFolder, sweeps


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    path = tmp_path / "runs" / "wae"
    SweepFolder.create(path, {"name": "wae"})
    for number in (0, 1):
        (path / "trials" / f"000{number}-wae-0" / "checkpoints").mkdir(parents=True)
        (path / "trials" / f"000{number}-wae-0" / "checkpoints" / "state.pt").write_bytes(b"x" * 1000)
    return path


def gone(path: Path) -> None:
    with removal.held(path):
        removal.remove(path)


def test_what_goes_is_counted_without_what_links_lead_to(sweep: Path, tmp_path: Path) -> None:
    before = removal.contents(sweep)
    (tmp_path / "large").write_bytes(b"x" * 10**6)
    (sweep / "link").symlink_to(tmp_path / "large")
    (sweep / "folder").symlink_to(tmp_path)
    after = removal.contents(sweep)
    assert (before.trials, after.trials) == (2, 2)
    assert (
        before.n_bytes
        == after.n_bytes
        == sum(f.lstat().st_size for f in sweep.rglob("*") if f.is_file() and not f.is_symlink())
    )
    assert str(before).startswith("2 trials, ")


def test_all_of_it_goes_and_what_links_lead_to_stays(sweep: Path, tmp_path: Path) -> None:
    (outside := tmp_path / "outside").mkdir()
    (outside / "mine.txt").write_text("mine")
    (sweep / "trials" / "link").symlink_to(outside)
    (sweep / "mine.txt").symlink_to(outside / "mine.txt")
    (neighbour := sweep.parent / "wae2").mkdir()
    gone(sweep)
    assert [f.name for f in sweep.parent.iterdir()] == [neighbour.name]
    assert (outside / "mine.txt").read_text() == "mine"


def test_a_ledger_that_is_a_link_is_not_followed_for_the_lock_either(sweep: Path, tmp_path: Path) -> None:
    shutil.rmtree(sweep / "ledger")
    (outside := tmp_path / "outside").mkdir()
    (sweep / "ledger").symlink_to(outside)
    gone(sweep)
    assert not sweep.exists()
    assert list(outside.iterdir()) == []


def test_a_running_sweep_stays(sweep: Path) -> None:
    with SweepFolder.open(sweep).hold():
        with pytest.raises(CannotRun, match=r"^wae runs .* Stop it first: gensweep stop wae$"):
            removal.refuse(sweep)
        (sweep / "ledger" / "lease.json").unlink()  # the lock alone counts, whatever it says of its holder
        removal.refuse(sweep)
        with pytest.raises(CannotRun, match="is locked by"):
            gone(sweep)
    assert removal.contents(sweep).trials == 2


def test_a_link_in_the_place_of_a_sweep_is_not_followed(sweep: Path) -> None:
    (link := sweep.parent / "link").symlink_to(sweep)
    with pytest.raises(ConfigError, match=r"is a link to .*, and links are not followed"):
        removal.refuse(link)
    removal.refuse(sweep)


def test_a_removal_that_was_cut_leaves_no_sweep_and_is_finished_by_the_next_one(
    sweep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(path: Path) -> None:
        (path / "sweep.yaml").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(removal.shutil, "rmtree", cut)
        with pytest.raises(KeyboardInterrupt):
            gone(sweep)
    assert not sweep.exists()
    assert sweeps(sweep.parent) == [], "half of one is none"
    left = removal.unfinished(sweep.parent)
    assert list(left) == ["wae"]
    SweepFolder.create(sweep, {"name": "wae"})  # a new one of this name, and it is removed too
    gone(sweep)
    assert list(sweep.parent.iterdir()) == []
    removal.finish(left["wae"])  # is gone already


def test_what_is_set_aside_is_no_link_to_follow(sweep: Path, tmp_path: Path) -> None:
    (outside := tmp_path / "outside").mkdir()
    (outside / "mine").touch()
    (sweep.parent / ".wae.removed").symlink_to(outside)
    gone(sweep)
    assert list(sweep.parent.iterdir()) == []
    assert (outside / "mine").exists()


@pytest.mark.parametrize("where", ["rename", "rmtree"])
def test_what_cannot_be_removed_is_named_with_the_way_on(
    sweep: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, os.strerror(13), "the/file")

    owner: object = removal.shutil if where == "rmtree" else Path
    monkeypatch.setattr(owner, where, refused)
    with pytest.raises(CannotRun) as error:
        gone(sweep)
    if where == "rename":
        assert str(error.value) == f"{sweep}: cannot be removed (Permission denied). Nothing of it was."
        assert sweep.exists()
    else:
        assert str(error.value).startswith(
            "the/file: cannot be deleted (Permission denied). What is left of wae lies in "
        )
        assert str(error.value).endswith("say it again: gensweep rm wae")


def test_hidden_folders_are_no_sweeps(sweep: Path) -> None:
    made: Callable[[Path], object] = lambda path: SweepFolder.create(path, {"name": "x"})  # noqa: E731
    made(sweep.parent / ".hidden")
    assert [found.path.name for found in sweeps(sweep.parent)] == ["wae"]
