"""A control group whose processes get little memory, where this user may make one."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from types import TracebackType

import pytest

_V1, _V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")


class SmallMemory:
    """Inside, processes that are put in it are killed by the kernel once they take more than `limit` bytes anew."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        first = (_V1 / "cgroup.procs").exists()
        self.path = (_V1 if first else _V2) / f"gensweep-test-{os.getpid()}"
        self._file = "memory.limit_in_bytes" if first else "memory.max"

    def __enter__(self) -> SmallMemory:
        try:
            self.path.mkdir()
            (self.path / self._file).write_text(str(self.limit))
            with contextlib.suppress(OSError):  # a swap would only make it slow
                (self.path / "memory.swap.max").write_text("0")
        except OSError as error:
            with contextlib.suppress(OSError):
                self.path.rmdir()
            pytest.skip(f"no control group can be made here: {error}")
        return self

    def take(self, pid: int) -> None:
        """Put a process in it; what it has already does not count."""
        (self.path / "cgroup.procs").write_text(str(pid))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _ in range(100):  # until the last process is gone
            try:
                self.path.rmdir()
            except OSError:
                time.sleep(0.1)
            else:
                return
