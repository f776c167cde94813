"""The process that keeps the pages' server: its exit code is the server's, and the private folder goes with it."""

from __future__ import annotations

import os
import subprocess
import sys
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
