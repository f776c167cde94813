"""The worker: the only place where Ray meets a trial."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import torch
from ray.tune import Trainable

from gensweep.errors import CannotRun
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
        self.reports = _reports(job)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next pack in the same process."""
        self.cleanup()
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """The next report, or the error that took its place."""
        (said,) = next(self.reports)
        return {"said": said, "done": not isinstance(said, Report) or said.outcome is not None}

    def cleanup(self) -> None:
        """Leave the pack where it stands."""
        self.reports.close()


def _reports(job: Job) -> Generator[list[Said], None, None]:
    if (Path(job.sweep) / "sweep.yaml").exists():
        yield from run_pack([job])
        return
    unseen = CannotRun(f"{job.sweep} is not visible on this node: put --runs on storage that every node sees")
    yield [Failure.of(job.number, unseen)]
