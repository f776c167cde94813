"""What a lost worker's trial says of it: one line, then all that is known."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gensweep.executors.worker_loss import fault, reason
from gensweep.faults import Fault

KILLED = """Failure # 1 (occurred at 2026-01-01_00-00-00)
The actor died unexpectedly before finishing this task.
\tclass_name: Worker
\tactor_id: d5f8d3e8ba4c3ef1c7ab5ff701000000
\tpid: 4242
\tnamespace: 4f7a
The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit detail: Worker \
unexpectedly exits with a connection error code 2. End of file. Some common causes include: (1) the OOM killer. (2) SIGSEGV.
"""
NOT_IMPORTED = """Failure # 1 (occurred at 2026-01-01_00-00-00)
The actor died because of an error raised in its creation task, ray::Worker.__init__() (pid=4243, ip=127.0.0.1)
RuntimeError: The actor with name Worker failed to import on the worker:

Traceback (most recent call last):
  File "worker.py", line 1, in <module>
    import numpy
ModuleNotFoundError: No module named 'numpy'
"""


def test_a_killed_process_without_a_word_says_what_ray_knows() -> None:
    line, _, details = reason(KILLED, None).partition("\n")
    assert line == f"{Fault.LOST.value}: Worker unexpectedly exits with a connection error code 2"
    assert "pid: 4242" in details


def test_the_last_words_of_the_process_say_more(tmp_path: Path) -> None:
    lines = [
        ":actor_name:Worker",
        *(f"line {n}" for n in range(100)),
        "Fatal Python error: Segmentation fault",
        "",
        "  at x.py",
    ]
    (tmp_path / "worker-aa-01000000-4242.err").write_text("\n".join(lines))
    (tmp_path / "worker-bb-01000000-42420.err").write_text("MemoryError: of another process")
    line, _, details = reason(KILLED, tmp_path).partition("\n")
    assert line == f"{Fault.CRASH.value}: Fatal Python error: Segmentation fault"
    assert details.endswith("Fatal Python error: Segmentation fault\n\n  at x.py")
    assert "line 99" in details
    assert "line 10\n" not in details
    assert ":actor_name" not in details
    assert "another" not in details


def test_what_cannot_be_imported_is_named(tmp_path: Path) -> None:
    line, _, details = reason(NOT_IMPORTED, tmp_path).partition("\n")
    assert line == f"{Fault.LOST.value}: ModuleNotFoundError: No module named 'numpy'"
    assert "Traceback" in details


def test_where_nothing_is_known_it_is_one_line(tmp_path: Path) -> None:
    assert reason("", tmp_path) == Fault.LOST.value
    assert "\n" not in reason("", None)


SAID = {
    "killed from outside": (KILLED, "", Fault.LOST),
    "a segmentation fault": (KILLED, "*** SIGSEGV received at time=1 ***", Fault.CRASH),
    "an exit of a library": ("Worker exit detail: Worker exits with exit code 3. pid: 4242", "", Fault.CRASH),
    "killed by Ray's monitor": ("Task was killed due to the node running low on memory.\npid: 4242", "", Fault.MEMORY),
    "a full disk of Ray's": ("OutOfDiskError: The object cannot be created", "", Fault.STORAGE),
    "no room in the process": (KILLED, "MemoryError: no room", Fault.MEMORY),
    "no room on the accelerator": ("pid=4242\ntorch.OutOfMemoryError: CUDA out of memory. Tried 2 GiB", "", Fault.MEMORY),
    "an accelerator's error": ("pid=4242\nRuntimeError: CUDA error: an illegal memory access was encountered", "", Fault.DEVICE),
    "a full disk": (KILLED, "OSError: [Errno 28] No space left on device: 'x'", Fault.STORAGE),
}  # fmt: skip


@pytest.mark.parametrize("what", SAID)
def test_a_fault_is_told_from_what_was_said(what: str, tmp_path: Path) -> None:
    told, written, expected = SAID[what]
    (tmp_path / "worker-aa-01000000-4242.err").write_text(written)
    assert fault(told, tmp_path) is expected
    assert reason(told, tmp_path).startswith(expected.value)


def test_a_hang_says_how_long_and_where(tmp_path: Path) -> None:
    (tmp_path / "hang.py").write_text(
        "import threading, time\nfrom gensweep.executors._patience import Patience\n"
        "threading.Thread(target=time.sleep, args=[60], daemon=True).start()\n"
        "def loss():\n    time.sleep(60)\n"
        "with Patience(0.5):\n    loss()\n"
    )
    ended = subprocess.run(
        [sys.executable, tmp_path / "hang.py"], capture_output=True, text=True, check=False, timeout=50
    )
    assert ended.returncode == 1
    (tmp_path / "worker-aa-01000000-4242.err").write_text(ended.stderr)
    assert fault(KILLED, tmp_path) is Fault.HANG
    line = reason(KILLED, tmp_path).partition("\n")[0]
    assert line == f"it made no progress: no report for 0:00:00.500000 at {tmp_path / 'hang.py'}:5 in loss"


def test_a_frozen_process_is_a_hang_and_says_for_how_long(tmp_path: Path) -> None:
    (tmp_path / "worker-aa-01000000-4242.err").write_text("Frozen (0:00:30)!\n")
    assert fault(KILLED, tmp_path) is Fault.HANG
    assert "its process was frozen, without a sign of life for 0:00:30" in reason(KILLED, tmp_path).partition("\n")[0]


def test_what_the_kernel_killed_for_memory_is_told_so_unless_the_process_said_more(tmp_path: Path) -> None:
    line = reason(KILLED, None, by_kernel=True).partition("\n")[0]
    assert line == f"{Fault.MEMORY.value}: the kernel killed its process"
    assert fault(KILLED, None, by_kernel=True) is Fault.MEMORY
    (tmp_path / "worker-aa-01000000-4242.err").write_text("Fatal Python error: Segmentation fault\n")
    assert fault(KILLED, tmp_path, by_kernel=True) is Fault.CRASH
