"""Who may open what a command leaves: the modes of every file and folder of a sweep, from the tracking store to the caches."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gensweep.cli.options import SHARED
from tests.cli.conftest import Command, Ended

SMALL = ("trial.family=vae", "trial.latent_size=2", "trial.training.epochs=1", "search.samples=1", "--in-process")
GROUP = 65534


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.fixture
def sweep(
    gensweep: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_database: Path
) -> Callable[..., Ended]:
    """Runs a small sweep that leaves all its files in `kept`, MLflow's among them."""
    (kept := tmp_path / "kept").mkdir(mode=0o755)
    kept.chmod(0o755)
    monkeypatch.setenv("GENSWEEP_CACHE", str(kept / "cache"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{kept / 'mlflow.db'}")
    monkeypatch.delenv(SHARED, raising=False)

    def _sweep(*options: str, new_store: bool = False) -> Ended:
        if not new_store:
            shutil.copyfile(empty_database, kept / "mlflow.db")
            (kept / "mlflow.db").chmod(0o666 & ~umask_now())
        ended = gensweep("run", "space.yaml", *SMALL, "--runs", "kept/runs", *options)
        assert ended.code == 0, ended.err
        return ended

    return _sweep


def umask_now() -> int:
    os.umask(found := os.umask(0o077))
    return found


def modes(folder: Path) -> dict[str, set[int]]:
    """The modes that occur."""
    found: dict[str, set[int]] = {"folders": set(), "files": set()}
    for path in folder.rglob("*"):
        if path.name == "stores.json":  # where passwords go is this user's own memory
            assert stat.S_IMODE(path.lstat().st_mode) == 0o600
            continue
        kind = "folders" if path.is_dir() else "files"
        found[kind].add(stat.S_IMODE(path.lstat().st_mode))
    return found


def test_an_open_umask_lets_nobody_else_in(
    sweep: Callable[..., Ended], umask: Callable[[int], int], tmp_path: Path
) -> None:
    umask(0)
    sweep(new_store=True)
    assert modes(tmp_path / "kept") == {"folders": {0o750}, "files": {0o640}}
    names = {path.name for path in (tmp_path / "kept").rglob("*")}
    assert {"mlflow.db", "mlartifacts", "events.jsonl", "comparison.md", "study.db", "state.pt", "references"} <= names
    assert umask(0) == 0  # the caller has its own again


def test_a_closed_umask_stays_closed(sweep: Callable[..., Ended], umask: Callable[[int], int], tmp_path: Path) -> None:
    umask(0o077)
    sweep()
    assert modes(tmp_path / "kept") == {"folders": {0o700}, "files": {0o600}}


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to a group that it is not in: run as root")
def test_a_folder_that_is_shared_stays_its_groups(
    sweep: Callable[..., Ended], umask: Callable[[int], int], tmp_path: Path
) -> None:
    umask(0o007)
    kept = tmp_path / "kept"
    os.chown(kept, 0, GROUP)
    kept.chmod(0o2770)
    sweep("--shared")
    (kept / "runs" / "tiny" / "study.db").chmod(0o660)  # SQLite makes files for their owner; it is replaced as a whole
    assert modes(kept) == {"folders": {0o2770}, "files": {0o660}}
    assert {path.lstat().st_gid for path in kept.rglob("*")} == {GROUP}


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_umask_that_forbids_what_shared_asks_for_is_said(
    gensweep: Command, umask: Callable[[int], int], monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    monkeypatch.setenv(SHARED, "1" if by == "environment" else "")
    command = ("resume", "nothing", *(["--shared"] if by == "option" else []))
    umask(0o022)
    assert "--shared: your umask is 022, so that the group cannot write" in gensweep(*command).err
    umask(0o007)
    assert "your umask" not in gensweep(*command).err
