"""The executor in this process: one trial after another in a plain loop, for debugging, tests and tiny sweeps."""

from __future__ import annotations

import torch

from gensweep.executors.base import Executor, Work
from gensweep.executors.signals import graceful
from gensweep.trial import Job, run_pack


class InProcess(Executor):
    """Runs jobs here, without Ray."""

    @property
    def n_at_once(self) -> int:
        """One."""
        return 1

    def run(self, work: Work) -> None:
        """See the contract."""
        with graceful(work.request_stop, at_once=lambda: None):
            while (job := work.next()) is not None:
                torch.set_num_threads(job.threads)
                _run(work, job)


def _run(work: Work, job: Job) -> None:
    for (said,) in run_pack([job]):
        if work.take(said):
            return
