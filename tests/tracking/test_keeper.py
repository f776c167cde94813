"""The process that keeps the pages' server: its exit code is the server's, and the private folder goes with it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gensweep.tracking import _keeper


@pytest.mark.parametrize(("command", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 143)])
def test_it_ends_as_its_command_did_and_removes_the_folder(tmp_path: Path, command: str, code: int) -> None:
    (folder := tmp_path / "private").mkdir()
    (folder / "password").touch()
    with open(os.devnull, "rb") as given:
        descriptor = str(given.fileno())
        keeper = subprocess.Popen(
            [sys.executable, _keeper.__file__, str(folder), descriptor, "sh", "-c", command],
            stdin=subprocess.PIPE, pass_fds=[given.fileno()],
        )  # fmt: skip
    assert keeper.stdin is not None
    with keeper.stdin:  # open, so that nothing but the command's end ends it
        assert keeper.wait(60) == code
    assert list(tmp_path.iterdir()) == []


def test_a_group_is_alive_as_long_as_anybody_is_in_it() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, process_group=0) as child:
        assert _keeper._is_alive(child.pid)
    assert not _keeper._is_alive(child.pid)


def test_a_group_is_asked_to_end_before_it_is_killed(tmp_path: Path) -> None:
    asked, ready = tmp_path / "asked", tmp_path / "ready"
    script = f"trap 'touch {asked}; exit 7' TERM; touch {ready}; while :; do sleep 0.01; done"
    with subprocess.Popen(["sh", "-c", script], process_group=0) as child:
        while not ready.exists():
            time.sleep(0.01)
        began = time.monotonic()
        reaper = threading.Thread(target=child.wait)  # or it would stay in its group, dead
        reaper.start()
        _keeper._end(child.pid)
        reaper.join()
    assert asked.exists()
    assert child.returncode == 7
    assert time.monotonic() - began < _keeper._GRACE
