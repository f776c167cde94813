"""Where a Ray that is started here keeps its files: for one user alone, short enough, and gone at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gensweep.errors import CannotRun
from gensweep.executors import private_folder
from gensweep.executors.private_folder import PrivateFolder, has_shared_memory, remove_left_behind


@pytest.fixture(autouse=True)
def _no_named_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_TMPDIR", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def test_nobody_else_can_enter_it_or_read_its_token(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(short))
    before = os.umask(0)
    try:
        folder = PrivateFolder()
    finally:
        os.umask(before)
    assert folder.path.parent == short
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert folder.ray.parent == folder.path
    assert folder.token.stat().st_mode & 0o777 == 0o600
    assert len(folder.token.read_text()) == 64
    assert PrivateFolder().token.read_text() != folder.token.read_text()
    folder.remove()
    assert not folder.path.exists()


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_has_is_not(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(short))
    living = PrivateFolder()
    code = "import os, signal; from gensweep.executors.private_folder import PrivateFolder\n"
    code += "print(PrivateFolder().path, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    killed = Path(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout.strip()
    )
    (other := short / "gs-other").mkdir()  # without a lock it is nobody's
    assert killed.parent == short
    assert PrivateFolder().path.exists()
    assert killed.exists()  # it might only be beginning
    monkeypatch.setattr(private_folder, "_YOUNG", 0.0)
    PrivateFolder()
    assert not killed.exists()
    assert living.token.exists()
    assert other.exists()


def test_a_folder_is_young_for_less_than_its_time(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (left := short / "gs-left").mkdir()
    (left / "lock").touch()
    now = left.lstat().st_ctime
    for passed, is_there in [(private_folder._YOUNG - 1, True), (private_folder._YOUNG, False)]:
        monkeypatch.setattr(private_folder.time, "time", lambda passed=passed: now + passed)
        remove_left_behind(short)
        assert left.exists() is is_there


def test_what_the_user_names_comes_first(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (short / "a").mkdir()
    (short / "b").mkdir()
    monkeypatch.setenv("TMPDIR", str(short / "b"))
    assert PrivateFolder().path.parent == short / "b"
    monkeypatch.setenv("RAY_TMPDIR", str(short / "a"))
    assert PrivateFolder().path.parent == short / "a"


@pytest.mark.parametrize("kind", ["too long", "has an accent", "is not there", "is a file", "is open to all"])
def test_a_folder_that_cannot_serve_is_passed_over(short: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    base = {
        "too long": short / ("long" * 25),
        "has an accent": short / "é",
        "is not there": Path("/nowhere/at/all"),
        "is a file": short / "file",
        "is open to all": short / "open",
    }[kind]
    if kind == "is a file":
        base.touch()
    elif kind != "is not there":
        base.mkdir()
    if kind == "is open to all":  # without the sticky bit anybody may put another folder in the place of this one
        base.chmod(0o777)
    monkeypatch.setenv("RAY_TMPDIR", str(base))
    folder = PrivateFolder()
    assert folder.path.parent == Path("/tmp")
    folder.remove()


def test_every_socket_of_a_folder_that_is_taken_fits(monkeypatch: pytest.MonkeyPatch, short: Path) -> None:
    longest = short / ("x" * (private_folder._LONGEST - len(str(short)) - 1))
    longest.mkdir()
    monkeypatch.setenv("RAY_TMPDIR", str(longest))
    folder = PrivateFolder()
    assert folder.path.parent == longest
    socket = folder.ray / "session_2026-01-01_00-00-00_000000_4194304" / "sockets" / "plasma_store"
    assert len(os.fsencode(socket)) == 103
    one_more = longest.with_name(longest.name + "x")
    one_more.mkdir()
    monkeypatch.setenv("RAY_TMPDIR", str(one_more))
    other = PrivateFolder()
    assert other.path.parent == Path("/tmp")
    other.remove()


def test_the_folder_of_the_sweeps_is_the_last_choice(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Path] = []

    def only_runs(prefix: str, dir: Path) -> str:  # noqa: A002 -- tempfile's own name
        tried.append(dir)
        if dir != short:
            raise PermissionError(13, "Permission denied")
        (dir / prefix).mkdir()
        return str(dir / prefix)

    monkeypatch.setattr(private_folder.tempfile, "mkdtemp", only_runs)
    assert PrivateFolder(short).path.parent == short
    assert tried == [Path("/tmp"), Path("/dev/shm"), short]


def test_where_none_serves_it_says_what_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(prefix: str, dir: Path) -> str:  # noqa: A002 -- tempfile's own name
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(private_folder.tempfile, "mkdtemp", full)
    with pytest.raises(CannotRun) as refused:
        PrivateFolder(tmp_path / ("long" * 25))
    message = str(refused.value)
    assert "/tmp (No space left on device)" in message
    assert "(too long)" in message
    assert "RAY_TMPDIR=/folder" in message
    assert "--in-process" in message
    assert "\n" not in message


def test_shared_memory_must_be_there_and_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_folder, "_SHARED_MEMORY", tmp_path)
    assert has_shared_memory()
    monkeypatch.setattr(private_folder, "_SHARED_MEMORY", tmp_path / "none")
    assert not has_shared_memory()


def test_what_dying_processes_still_write_goes_too(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(short))
    folder = PrivateFolder()
    real, calls = private_folder.shutil.rmtree, []

    def raced(path: Path, **options: Any) -> None:
        real(path, **options)
        calls.append(path)
        if len(calls) == 1:
            (path / "r").mkdir(parents=True)

    monkeypatch.setattr(private_folder.shutil, "rmtree", raced)
    folder.remove()
    assert not folder.path.exists()
