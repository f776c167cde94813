"""A fault of the machine is told from a mistake of the code, by types and numbers before words."""

from __future__ import annotations

import errno
import resource

import pytest
import torch

from gensweep.errors import CannotRun, DamagedSweep, Diverged
from gensweep.faults import Fault, fault_of, memory_limit


def no_memory() -> RuntimeError:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**55)
    return raised.value


class AcceleratorError(RuntimeError):
    """As torch names its own, which no machine without an accelerator raises."""


FAULTS: list[tuple[BaseException, Fault | None]] = [
    (OSError(errno.ENOSPC, "No space left on device"), Fault.STORAGE),
    (OSError(errno.EDQUOT, "Disk quota exceeded"), Fault.STORAGE),
    (OSError(errno.EIO, "Input/output error"), Fault.STORAGE),
    (OSError(errno.EROFS, "Read-only file system"), Fault.STORAGE),
    (OSError(errno.ENOMEM, "Cannot allocate memory"), Fault.MEMORY),
    (MemoryError(), Fault.MEMORY),
    (no_memory(), Fault.MEMORY),
    (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), Fault.MEMORY),
    (AcceleratorError("an illegal memory access was encountered"), Fault.DEVICE),
    (RuntimeError("CUDA error: device-side assert triggered"), Fault.DEVICE),
    (RuntimeError("NCCL communicator encountered error set by ProcessGroupNCCL"), Fault.DEVICE),
    (DamagedSweep("results.jsonl:3: not a row"), Fault.DAMAGED),
    (ImportError("libtorch_cpu.so: failed to map segment from shared object"), Fault.MEMORY),
    (OSError("libgomp.so.1: failed to map segment from shared object"), Fault.MEMORY),
    (ImportError("No module named 'torch'"), None),
    (FileNotFoundError(errno.ENOENT, "No such file"), None),
    (PermissionError(errno.EACCES, "Permission denied"), None),
    (RuntimeError("mat1 and mat2 shapes cannot be multiplied (64x8 and 9x8)"), None),
    (RuntimeError("error: expected a CPU tensor"), None),
    (ValueError("out of memory"), None),
    (KeyError("x"), None),
    (CannotRun("not here"), None),
    (Diverged("nan", 3), None),
    (SystemExit(3), None),
]


@pytest.mark.parametrize(("error", "fault"), FAULTS, ids=lambda one: f"{type(one).__name__}" if one else "code")
def test_each_is_what_it_is(error: BaseException, fault: Fault | None) -> None:
    assert fault_of(error) is fault


def test_what_led_to_an_error_counts_and_what_was_suppressed_does_not() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    told, hidden = ValueError("cannot save"), ValueError("unrelated")
    told.__cause__ = full
    hidden.__context__, hidden.__suppress_context__ = full, True
    assert fault_of(told) is Fault.STORAGE
    assert fault_of(hidden) is None


def test_a_ring_of_causes_ends() -> None:
    one, other = ValueError("a"), ValueError("b")
    one.__cause__, other.__cause__ = other, one
    assert fault_of(one) is None


@pytest.mark.parametrize(
    ("limit", "says"),
    [(resource.RLIM_INFINITY, ""), (3 * 2**30, " within the 3 GiB that a process may take here (ulimit -v)")],
)
def test_a_limit_of_memory_is_told_where_there_is_one(monkeypatch: pytest.MonkeyPatch, limit: int, says: str) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (limit, limit))
    assert memory_limit() == says
