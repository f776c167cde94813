"""An executor whose jobs say what a test wants, without training; and the small sweep that it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gensweep.errors import Outcome
from gensweep.executors.base import Work
from gensweep.executors.in_process import InProcess
from gensweep.ledger.trial_folder import Row
from gensweep.spaces.sweep import Sweep, from_definition
from gensweep.trial import Failure, Job, Report

METRIC = "sliced_wasserstein"
Script = Callable[[Job, Work], Iterator[Report | Failure]]


class Scripted(InProcess):
    """Runs one job after another by a script; `jobs` are those that it ran."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.jobs: list[Job] = []
        self.is_closed = False

    def run(self, work: Work) -> None:
        while (job := work.next()) is not None:
            self.jobs.append(job)
            for said in self.script(job, work):
                if isinstance(said, Report) and said.scores:
                    row = Row(said.epoch, said.step, 10**12 + said.step, said.seconds, dict(said.scores))
                    job.trial_folder().append([row])
                if work.take(said):
                    break

    def close(self) -> None:
        self.is_closed = True


def said(job: Job, value: float, outcome: Outcome | None = Outcome.COMPLETED, reason: str = "") -> Report:
    """A report of a trial whose objective is `value`."""
    scores = {METRIC: value}
    return Report(job.number, 2, 20, scores, scores, 2, 3.0, 0.5, outcome, reason)


def completes(job: Job, work: Work) -> Iterator[Report | Failure]:
    """Every trial completes; later ones are better."""
    yield said(job, 10.0 - job.number)


def small(name: str = "small", trial: dict[str, Any] | None = None, **sections: Any) -> Sweep:
    """Two arms of two trials each, unless said otherwise."""
    definition = {
        "name": name, "objective": {"metric": METRIC}, "search": {"sampler": "random", "samples": 2, "seed": 0},
        "trial": {
            "dataset": {"name": "ring"}, "network": {"name": "mlp", "hidden": [8]}, "latent_size": 2,
            "family": {"one_of": [{"name": "vae", "beta": "loguniform(0.1, 1)"}, {"name": "wae", "lambda": "uniform(1, 9)"}]},
            "training": {"epochs": 2, "batch_size": 64}, "evaluation": {"metrics": [METRIC], "every": 1}, "seed": 0,
            **(trial or {}),
        },
    }  # fmt: skip
    return from_definition({**definition, **sections})
