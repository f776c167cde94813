"""What outlives the process that started it is ended; in processes of their own, as they take over whatever is below them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not show its processes")

# a child starts a grandchild, and is killed
PARENT = """
import os, signal, subprocess, sys, time
from gensweep.orphans import adopt, end_them
adopt()
child = subprocess.Popen([sys.executable, "-c", {child!r}], stdout=subprocess.PIPE, text=True, start_new_session=True)
print(child.stdout.readline().strip(), flush=True)
child.kill()
child.wait()
began = time.monotonic()
end_them({patience})
print(time.monotonic() - began, flush=True)
"""
CHILD = """
import subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-c", {grandchild!r}])
print(grandchild.pid, flush=True)
time.sleep(60)
"""


def lived(grandchild: str, patience: float) -> tuple[int, float]:
    """The grandchild's process, and how long it took until nothing was left."""
    code = PARENT.format(child=CHILD.format(grandchild=grandchild), patience=patience)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    pid, seconds = done.stdout.split()
    return int(pid), float(seconds)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_orphan_is_killed_after_the_time_that_it_has() -> None:
    began = time.monotonic()
    pid, seconds = lived("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(50)", 0.5)
    assert not is_there(pid)
    assert seconds >= 0.5
    assert time.monotonic() - began < 40


def test_one_that_ends_by_itself_is_waited_for() -> None:
    pid, seconds = lived("import time; time.sleep(0.3)", 30)
    assert not is_there(pid)
    assert seconds < 20


def test_where_nothing_is_left_nothing_is_waited_for() -> None:
    code = "from gensweep.orphans import adopt, end_them; adopt(); end_them(1000)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
