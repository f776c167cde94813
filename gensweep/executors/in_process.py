"""The executor in this process: one pack after another in a plain loop, for debugging, tests and tiny sweeps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import torch

from gensweep.configuration import Resources
from gensweep.devices import n_there, n_usable
from gensweep.errors import CannotRun
from gensweep.executors.base import Executor, T, Work, room
from gensweep.packs import Pack

_PAUSE = 0.1  # seconds until a driver that had no job is asked again


class InProcess(Executor):
    """Runs jobs here, without Ray.

    Raises:
        CannotRun: trials ask for a GPU, and there is none that torch can use.
    """

    def __init__(self, resources: Resources | None = None) -> None:
        if resources is not None and resources.gpu_share and not n_usable():
            raise CannotRun(
                f"resources: a trial asks for {resources.gpu_share:g} GPU, and torch sees none on this machine. Write "
                "resources.gpu=0, or install a torch that was built for it."
            )

    @property
    def n_at_once(self) -> int:
        """One."""
        return 1

    @property
    def nodes(self) -> Sequence[Mapping[str, float]]:
        """This machine: one core of it, as there is one process, and its GPUs whether torch can use them or not."""
        return [{"CPU": 1.0, "GPU": float(n_usable() or n_there())}]

    def beside_gpus(self, question: Callable[[], T]) -> dict[str, T]:
        """See the contract."""
        return {"this machine": question()} if self.nodes[0]["GPU"] else {}

    def run(self, work: Work) -> None:
        """See the contract."""
        while not (work.is_stopping or work.is_done):
            if (job := work.next()) is not None:
                torch.set_num_threads(job.threads)
                _run(work, Pack(job))
            else:
                time.sleep(_PAUSE)


def _run(work: Work, pack: Pack) -> None:
    while pack:
        _fill(work, pack)
        for said in pack.turn():
            if work.take(said):
                pack.drop(said.number)
        if work.is_stopping:
            pack.close()


def _fill(work: Work, pack: Pack) -> None:
    while room(work, pack.rows, pack.n_members, 1) > 0 and (job := work.next(like=pack.like)) is not None:
        pack.add(job)
