"""What a machine does to a trial, told from what its code does: the one is tried again, the other is not."""

from __future__ import annotations

import enum
import errno
import re
import resource
from collections.abc import Iterator

from gensweep.errors import DamagedSweep, StoreAway
from gensweep.text import size


class Fault(enum.Enum):
    """A fault of the machine. The name is what the ledger holds; the value says it to a person."""

    STORAGE = "the disk or the store is full, or fails"
    DAMAGED = "what was saved is damaged"
    MEMORY = "the memory ran out"
    DEVICE = "the accelerator failed"
    CRASH = "its process crashed"
    HANG = "it made no progress"
    LOST = "its process or node was lost"

    @property
    def tries(self) -> int:
        """How often a trial is tried again after it, from its checkpoint and without a report in between."""
        return _TRIES.get(self, 3)

    @property
    def stops(self) -> int | None:
        """The exit code, where no trial can go on before a person has mended it; None where others can."""
        return _STOPS.get(self)


_TRIES = {Fault.MEMORY: 1, Fault.CRASH: 1, Fault.HANG: 1}
_STOPS = {Fault.STORAGE: 75, Fault.DAMAGED: DamagedSweep.exit_code}
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE, errno.ENODEV}
# of torch: RuntimeErrors that say it in words, of the CPU's allocator and of the accelerator's
_NO_MEMORY = re.compile(r"can't allocate memory|not enough memory|out of memory|Cannot allocate memory", re.IGNORECASE)
# of the loader, which does not say why; nearly always the address space is used up
_UNMAPPED = re.compile(r"failed to map segment from shared object|cannot allocate memory", re.IGNORECASE)
_DEVICE = re.compile(r"\b(?:CUDA|HIP|NCCL|cuDNN|CUBLAS|device-side)\b.*error|error.*\b(?:CUDA|HIP)\b", re.IGNORECASE)


def memory_limit() -> str:
    """How much address space this process may take, as a clause for people; "" where as much as there is."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return (
        "" if limit == resource.RLIM_INFINITY else f" within the {size(limit)} that a process may take here (ulimit -v)"
    )


def fault_of(error: BaseException) -> Fault | None:
    """The fault that an error tells of, or one that led to it; None where the code itself is at fault."""
    return next((fault for one in _chain(error) if (fault := _fault(one)) is not None), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _fault(error: BaseException) -> Fault | None:
    if isinstance(error, DamagedSweep | StoreAway):
        return Fault.DAMAGED if isinstance(error, DamagedSweep) else Fault.STORAGE
    if isinstance(error, MemoryError) or (isinstance(error, OSError | ImportError) and _UNMAPPED.search(str(error))):
        return Fault.MEMORY
    if isinstance(error, OSError):
        return Fault.MEMORY if error.errno == errno.ENOMEM else Fault.STORAGE if error.errno in _DISK else None
    if isinstance(error, RuntimeError):  # torch's have no errno, and their own types below this one
        if type(error).__name__ == "OutOfMemoryError" or _NO_MEMORY.search(str(error)):
            return Fault.MEMORY
        if type(error).__name__ == "AcceleratorError" or _DEVICE.search(str(error)):
            return Fault.DEVICE
    return None
