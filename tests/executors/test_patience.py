"""How long a worker may be silent, and what becomes of one that is frozen as a whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from gensweep.executors import _patience
from tests.processes import descendants

FROZEN = """
import sys, time
from gensweep.executors import _patience
_patience._GRACE, _patience._BEAT = 0.0, 0.2
with _patience.Patience(1.0):
    time.sleep(0.2)
print("between two turns", flush=True)
time.sleep(60)
"""
PATIENT_FIRST = """
import sys, time
from gensweep.executors import _patience
_patience._GRACE, _patience._BEAT = 0.0, 3600.0
with _patience.Patience(3600.0):
    print("measured", flush=True)
    sys.stdin.readline()
with _patience.Patience(1.0):
    print("a turn", flush=True)
    time.sleep(0.5)
print("between two turns", flush=True)
time.sleep(60)
"""
SLOW = 50.0  # seconds that a loaded machine may take for anything here


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[str]]:
    """A process after its first turn, with what runs beside it."""
    with started(FROZEN) as process:
        assert line(process) == "between two turns\n"
        until(lambda: len(descendants(process.pid)) == 1)
        yield process


@contextmanager
def started(script: str) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SLOW
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    return pid in descendants(1)


def test_a_process_that_is_frozen_as_a_whole_is_killed_and_says_why(worker: subprocess.Popen[str]) -> None:
    (beside,) = descendants(worker.pid)
    os.kill(worker.pid, signal.SIGSTOP)
    _, err = worker.communicate(timeout=SLOW)
    assert worker.returncode == -signal.SIGKILL
    assert err == "Frozen (0:00:02)!\n"
    until(lambda: not is_alive(beside))


def test_a_shorter_patience_counts_from_the_first_moment_on() -> None:
    with started(PATIENT_FIRST) as worker:
        assert line(worker) == "measured\n"
        until(lambda: len(descendants(worker.pid)) == 1)
        assert worker.stdin is not None
        worker.stdin.write("\n")
        worker.stdin.flush()
        assert [line(worker), line(worker)] == ["a turn\n", "between two turns\n"]
        os.kill(worker.pid, signal.SIGSTOP)
        _, err = worker.communicate(timeout=SLOW)
        assert worker.returncode == -signal.SIGKILL
        assert err == "Frozen (0:00:02)!\n"


def test_one_that_lives_is_left_alone_for_longer_than_it_may_be_silent(worker: subprocess.Popen[str]) -> None:
    time.sleep(2.5)
    assert worker.poll() is None


def test_one_that_is_frozen_with_its_whole_machine_is_not_late(worker: subprocess.Popen[str]) -> None:
    (beside,) = descendants(worker.pid)
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for pid in (beside, worker.pid):
            os.kill(pid, number)
        time.sleep(2.5)
    assert worker.poll() is None


def test_what_runs_beside_a_worker_ends_with_it(worker: subprocess.Popen[str]) -> None:
    (beside,) = descendants(worker.pid)
    worker.kill()
    until(lambda: not is_alive(beside))


def test_what_is_alive_begins_to_be_waited_for_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    armed: list[float] = []
    monkeypatch.setattr(_patience.faulthandler, "dump_traceback_later", lambda seconds, **_: armed.append(seconds))
    monkeypatch.setattr(_patience.faulthandler, "cancel_dump_traceback_later", armed.clear)
    monkeypatch.setattr(_patience._beats, "go_on", lambda limit: None)
    patience = _patience.Patience(2.0)
    with patience:
        armed.append(1.0)  # what is left of the first wait
        patience.renew()
        assert armed == [2.0, 1.0], "it just began"
        patience._began -= 0.2
        patience.renew()
        assert armed == [2.0]
    assert armed == []
