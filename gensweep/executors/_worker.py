"""The worker: the only place where Ray meets a trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ray
import torch
from ray.tune import Trainable

from gensweep.devices import cap
from gensweep.errors import CannotRun
from gensweep.executors._mailbox import answer
from gensweep.executors._patience import Patience
from gensweep.executors.resources import gpus_of
from gensweep.faults import Fault
from gensweep.file_modes import as_told
from gensweep.packs import Pack
from gensweep.trial import Failure, Job, Said


class Worker(Trainable):
    """A warm process that runs one pack after another: imports and data are read once.

    Each `step` is one turn of a pack, so everything stops at a report. Where there is a mailbox, the driver's answer to it is
    read first: which trials leave the pack, and which join it.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Begin the pack of `config`; nothing is trained yet."""
        as_told()
        job = Job(**config["job"])
        torch.set_num_threads(job.threads)
        if job.gpu:
            cap(torch.device(job.device), gpus_of(job.gpu, job.share))
        self.job, self.patience, self.turn = job, Patience(job.stall_timeout), 0
        self.pack: Pack | None = None
        self.node = ray.get_runtime_context().get_node_id() if ray.is_initialized() else ""
        self.mailbox, self.name, self.unseen = config["mailbox"], config["pack"], _unseen(job)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next pack in the same process."""
        self.cleanup()
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """The next reports, and the errors that took the place of any.

        Raises:
            Spoiled: after it this process is no good for another trial.
        """
        if self.unseen is not None:
            return {"said": [self.unseen], "rows": 1, "turn": 0, "done": True, "node": self.node}
        pack, said = self._pack(), list[Said]()
        if pack.rows == 1 or self.turn > 0 or self.mailbox is None:  # a stack is filled before it is trained
            with self.patience:
                said = pack.turn()
        if spoiling := [one for one in said if isinstance(one, Failure) and one.fault in _SPOILING]:
            raise Spoiled(spoiling[0].details)
        is_answered = self.mailbox is not None and (pack.rows > 1 or self.turn > 0)
        self.turn += is_answered
        is_done = not (pack or is_answered)
        return {"said": said, "rows": pack.rows, "turn": self.turn, "done": is_done, "node": self.node}

    def _pack(self) -> Pack:
        """The pack, after what the driver said to its turn before; how it trains may have to be measured first."""
        if self.pack is None:
            with Patience(None):
                self.pack = Pack(self.job, self.patience.renew)
        if self.turn:
            told = answer(self.mailbox, self.name, self.turn)
            for number in told["stop"]:
                self.pack.drop(number)
            for job in told["start"]:
                self.pack.add(Job(**job))
        return self.pack

    def cleanup(self) -> None:
        """Leave the pack where it stands."""
        if self.pack is not None:
            self.pack.close()


class Spoiled(Exception):
    """The memory or the accelerator of this process failed; Tune ends it, and the driver reads why."""


_SPOILING = (Fault.MEMORY, Fault.DEVICE)


def _unseen(job: Job) -> Failure | None:
    """What is wrong where this node does not see the sweep."""
    if job.url or (Path(job.sweep) / "sweep.yaml").exists():
        return None
    error = CannotRun(
        f"{job.sweep} is not visible on this node: put --runs on storage that every node sees, or keep trials at a store "
        "(--artifacts)"
    )
    return Failure.of(job.number, error)
