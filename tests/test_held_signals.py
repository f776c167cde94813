"""Signals that are blocked come one after the other, those too that came before anybody waited: with sigtimedwait and without."""

from __future__ import annotations

import subprocess
import sys

import pytest

BODY = """
import os, signal, time
SYSTEM
from gensweep.held_signals import HeldSignals
numbers = {signal.SIGINT, signal.SIGTERM, signal.SIGCHLD}
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
os.kill(os.getpid(), signal.SIGTERM)
held = HeldSignals(numbers)
print(held.next(10).name)
began = time.monotonic()
print(held.next(0.2), time.monotonic() - began > 0.1)
if not (child := os.fork()):
    time.sleep(0.2)
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(0.2)
    os._exit(0)
print(held.next(10).name, held.next(10).name)
"""
SYSTEMS = {"with sigtimedwait": "", "without it": "del signal.sigtimedwait"}


@pytest.mark.parametrize("system", SYSTEMS)
def test_each_comes_once_and_without_one_the_wait_ends(system: str) -> None:
    code = BODY.replace("SYSTEM", SYSTEMS[system])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines() == ["SIGTERM", "None True", "SIGINT SIGCHLD"], done.stderr
