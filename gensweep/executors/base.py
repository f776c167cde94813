"""What every executor is: something that runs jobs and says what came of them. It knows no search and no ledger.

    while there is work.next(): run the job in a pack, which fills with work.next(like=job); hand every Report or Failure
    to work.take, and stop the job where that says so

A job is plain, serialisable data. What a trial needs to go on stands in its folder, so a job may run anywhere that sees
the folder, any number of times: it continues, or repeats its last report.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from gensweep.configuration import Resources
from gensweep.faults import Fault
from gensweep.trial import Failure, Job, Report

T = TypeVar("T")
RequestStop = Callable[[str, int], None]
Asking = Callable[[], AbstractContextManager[Callable[[], list[str]]]]  # a question that is good inside the context
PATIENCE = 120.0  # seconds; a worker has to start and import torch first, from a network's folder perhaps


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What a machine answered. `wrong`: why it could not run jobs as this one would, a sentence each, with the cure."""

    wrong: tuple[str, ...] = ()
    value: T | None = None


class Work(Protocol):
    """The driver, as an executor sees it. Every call is quick, and what it decides is durable before it returns."""

    @property
    def is_stopping(self) -> bool:
        """Whether no more jobs shall begin, and running ones shall be left where they stand."""
        ...

    @property
    def is_done(self) -> bool:
        """Whether every trial of the sweep has ended."""
        ...

    @property
    def left(self) -> int:
        """How many trials have not ended, as far as is known; a pack takes no more of them than its place's share."""
        ...

    def next(self, like: Job | None = None) -> Job | None:
        """The next job; None where there is none now. While others run, ask again: their end may make one.

        `like`: only one that can join the pack of this job.
        """
        ...

    def take(self, said: Report | Failure) -> bool:
        """Note what a job said; whether it stops here. A job that stops may come again from `next`, changed."""
        ...

    def lost(self, number: int, reason: str, fault: Fault = Fault.LOST) -> None:
        """The machine took the process of this job. The reason is one line; what the process left to read may follow it."""
        ...

    def left_out(self, machine: str, reason: str) -> None:
        """A machine gets no more jobs. The reason is one line."""
        ...

    def resized(self, n_at_once: int, machines: int, joined: Sequence[str], gone: Sequence[str], why: str = "") -> None:
        """From now on so many jobs run side by side, on so many machines: those of these names joined, or are gone.

        `why` says in a few words what else changed it.
        """
        ...

    def request_stop(self, reason: str, code: int) -> None:
        """Stop at the next reports. `code` is the exit code that goes with the reason; the first request counts."""
        ...


def room(work: Work, pack_rows: int, n_members: int, n_at_once: int) -> int:
    """How many more jobs a pack of so many members may take, so that there is as much for every other place."""
    return min(pack_rows, math.ceil(work.left / n_at_once)) - n_members


class Executor(ABC):
    """A place to run jobs. Use it as a context: `with executor: executor.run(work)`."""

    def ready(self) -> None:
        """Wait until jobs can run: an executor may have begun to start when it was made.

        Raises:
            CannotRun: they never will; says why, and the cure.
        """

    @property
    @abstractmethod
    def n_at_once(self) -> int:
        """How many jobs run side by side, at the start; where machines come and go, the work is told how many then."""

    @property
    def nodes(self) -> Sequence[Mapping[str, float]]:
        """What each machine that may run jobs has: {"CPU": 8, "GPU": 1}."""
        return []

    def settle(self, resources: Resources) -> None:
        """Take these for what a job gets, from now on: what was left open is settled by what the machines have.

        Raises:
            CannotRun: no machine has so much.
        """

    def beside_gpus(self, question: Callable[[], T]) -> dict[str, T]:
        """What `question`, as below, answers in a worker that has a GPU, of every machine with one, this one among them.

        A machine that does not answer is left out, as one whose GPUs others have.
        """
        return {}

    @property
    def is_elsewhere(self) -> bool:
        """Whether jobs may run on machines, or in an environment, that this process did not choose."""
        return False

    def elsewhere(self, question: Callable[[], T], patience: float = PATIENCE) -> dict[str, Answer[T]]:
        """What `question`, which can be pickled, answers in a worker of every machine that may run jobs, by name.

        A machine that is lost meanwhile is left out. One that does not answer in `patience` seconds is wrong.
        """
        return {}

    def ask_newcomers(self, asking: Asking, patience: float = PATIENCE) -> None:
        """Ask every machine that joins later, too. What a question names is lacking there, and it gets no jobs."""

    def surroundings(self) -> dict[str, Any]:
        """What it runs on, for environment.json."""
        return {}

    @abstractmethod
    def run(self, work: Work) -> None:
        """Run jobs until there are none left, or the work is stopping. What happens at a signal is as it was before."""

    def abandon(self) -> None:
        """What must be done before this process ends at once, from any thread."""

    def close(self) -> None:
        """Leave nothing running."""

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
