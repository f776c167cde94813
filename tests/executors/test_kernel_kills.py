"""What the kernel kills for want of memory is told from what anybody else kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gensweep.executors import kernel_kills
from gensweep.executors.kernel_kills import KernelKills
from tests.small_memory import SmallMemory

HUNGRY = "import sys; sys.stdin.read(1); held = bytearray(300 << 20); held[::4096] = bytes(len(held[::4096]))"


def test_a_process_that_took_too_much_was_killed_by_the_kernel() -> None:
    with SmallMemory(32 << 20) as place:
        kills = KernelKills()
        process = subprocess.Popen([sys.executable, "-c", HUNGRY], stdin=subprocess.PIPE)
        place.take(process.pid)
        process.communicate(b"x")
        assert process.returncode == -signal.SIGKILL
        assert kills.explains()
        assert not kills.explains()


def test_one_that_somebody_killed_was_not() -> None:
    kills = KernelKills()
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not kills.explains()


@pytest.mark.parametrize("content", [None, b"", b"pgfault 3\n", b"oom_kill many\n"])
def test_where_nothing_is_known_nothing_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    monkeypatch.setattr(kernel_kills, "_COUNTS", tmp_path / "vmstat")
    if content is not None:
        (tmp_path / "vmstat").write_bytes(content)
    assert not KernelKills().explains()


def test_each_explains_one_loss_and_none_that_comes_much_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, counts = [100.0], tmp_path / "vmstat"
    monkeypatch.setattr(kernel_kills, "_COUNTS", counts)
    monkeypatch.setattr(kernel_kills.time, "monotonic", lambda: now[0])
    counts.write_text("nr_free_pages 5\noom_kill 7\n")
    kills = KernelKills()
    assert not kills.explains()
    counts.write_text("nr_free_pages 5\noom_kill 10\n")
    assert [kills.explains(), kills.explains()] == [True, True]
    now[0] += 100
    assert not kills.explains()
    counts.write_text("nr_free_pages 5\noom_kill 11\n")
    assert [kills.explains(), kills.explains()] == [True, False]
