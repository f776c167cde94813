"""The worker: the only place where Ray meets a trial."""

from __future__ import annotations

import faulthandler
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import torch
from ray.tune import Trainable

from gensweep.errors import CannotRun
from gensweep.faults import Fault
from gensweep.file_modes import as_told
from gensweep.trial import Failure, Job, Report, Said, run_pack


class Worker(Trainable):
    """A warm process that runs one pack after another: imports and data are read once.

    Each `step` is one turn of `run_pack`, so everything stops at a report.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Begin the pack of `config`; nothing is trained yet."""
        as_told()
        job = Job(**config["job"])
        torch.set_num_threads(job.threads)
        self.reports, self.patience = _reports(job), Patience(job.stall_timeout)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next pack in the same process."""
        self.cleanup()
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """The next report, or the error that took its place.

        Raises:
            Spoiled: after it this process is no good for another trial.
        """
        with self.patience:
            (said,) = next(self.reports)
        if isinstance(said, Failure) and said.fault in _SPOILING:
            raise Spoiled(said.details)
        return {"said": said, "done": not isinstance(said, Report) or said.outcome is not None}

    def cleanup(self) -> None:
        """Leave the pack where it stands."""
        self.reports.close()


class Spoiled(Exception):
    """The memory or the accelerator of this process failed; Tune ends it, and the driver reads why."""


_SPOILING = (Fault.MEMORY, Fault.DEVICE)
_HANGS, _AT_LEAST = 20, 3600.0  # times the longest way to a report, and seconds


class Patience:
    """A context for what must not take for ever: if it does, the process writes down where it is and ends.

    Not a thread of Python's, which would wait for what hangs in a library that keeps the interpreter's lock.
    """

    def __init__(self, timeout: float | None) -> None:
        self._timeout, self._longest = timeout, 0.0

    @property
    def seconds(self) -> float:
        """How long it may take now."""
        return self._timeout or max(_AT_LEAST, _HANGS * self._longest)

    def __enter__(self) -> None:
        self._began = time.monotonic()
        faulthandler.dump_traceback_later(self.seconds, exit=True, file=2)

    def __exit__(self, *_: object) -> None:
        faulthandler.cancel_dump_traceback_later()
        self._longest = max(self._longest, time.monotonic() - self._began)


def _reports(job: Job) -> Generator[list[Said], None, None]:
    if (Path(job.sweep) / "sweep.yaml").exists():
        yield from run_pack([job])
        return
    unseen = CannotRun(f"{job.sweep} is not visible on this node: put --runs on storage that every node sees")
    yield [Failure.of(job.number, unseen)]
