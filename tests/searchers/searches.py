"""Searches without training: an arm, a searcher, and a made-up score of its parameters."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gensweep.axes import space as spaces
from gensweep.axes.arms import Arm, arms
from gensweep.ledger.history import History
from gensweep.ledger.state import SweepState, fold
from gensweep.objective import Objective
from gensweep.searchers.base import Searcher, proposal

EVERY_KIND: dict[str, Any] = {
    "latent_size": "logint(2, 64)",
    "network": "choice([8], [16, 16], null, true, 1, 1.5, mlp)",
    "training": {"lr": "loguniform(1e-4, 1e-1)", "batch": "int(1, 5)", "dropout": "quniform(0, 0.5, 0.1)"},
    "fixed": "uniform(2, 2)",
    "family": {
        "name": "wae",
        "divergence": {"one_of": [
            {"name": "mmd", "kernel": {"one_of": [{"name": "rbf", "bandwidth": "uniform(-1, 1)"}, "imq"]}},
            {"name": "sinkhorn", "blur": "loguniform(0.1, 10)"},
            "jensen_shannon",
        ]},
    },
}  # fmt: skip


def arms_of(tree: Mapping[str, Any], mode: str = "min", compare: str | None = "family") -> dict[str, Arm]:
    space, problems, _ = spaces.read(tree)
    assert problems == []
    return {arm.label: arm for arm in arms(space, compare, Objective(metric="fid", mode=mode))}  # type: ignore[arg-type]


def arm_of(tree: Mapping[str, Any], mode: str = "min") -> Arm:
    """The one arm of a space in which nothing is compared."""
    space, problems, _ = spaces.read(tree)
    assert problems == []
    return Arm("only", space, Objective(metric="fid", mode=mode))  # type: ignore[arg-type]


@dataclass
class Sweep:
    """The ledger of one arm, as a driver writes it."""

    arm: Arm
    state: SweepState = field(default_factory=SweepState)
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def history(self) -> History:
        return self.state.history(self.arm.label)

    def rebuilt(self) -> Sweep:
        """The same after a restart: from what the file would hold."""
        events = json.loads(json.dumps(self.events))
        return Sweep(self.arm, fold(events), events)

    def enter(self, **event: Any) -> None:
        self.state.apply(event)
        self.events.append(event)

    def issue(self, parameters: Mapping[str, Any]) -> int:
        number = len(self.state.trials)
        self.enter(event="issued", number=number, key=f"{number:064d}", arm=self.arm.label, position=len(self.history),
                   parameters=dict(parameters), configuration={})  # fmt: skip
        return number

    def complete(self, number: int, *values: float) -> None:
        """It reports these values, an epoch each, and is done."""
        self.report(number, *values)
        best = self.arm.objective.best(values)
        scores = {} if best is None else {"fid": best}
        self.enter(event="ended", number=number, outcome="COMPLETED", best=scores, best_epoch=1)

    def report(self, number: int, *values: float) -> None:
        for epoch, value in enumerate(values, start=1):
            self.enter(event="reported", number=number, epoch=epoch, step=epoch, scores={"fid": value, "other": 0.0})

    def end(self, number: int, outcome: str, *values: float) -> None:
        self.report(number, *values)
        self.enter(event="ended", number=number, outcome=outcome, reason="because")

    def copy(self, number: int, parameters: Mapping[str, Any]) -> None:
        self.enter(
            event="copied",
            number=number,
            epoch=1,
            source=0,
            source_step=1,
            parameters=dict(parameters),
            configuration={},
        )
        self.enter(event="continued", number=number)


def search(
    searcher: Searcher, arm: Arm, score: Callable[[dict[str, Any]], float], n: int, seed: int = 0, n_at_once: int = 1
) -> Sweep:
    """`n` trials, of which `n_at_once` run at any time. A score that is not a number is a trial that diverged."""
    sweep, running = Sweep(arm), list[int]()
    for position in range(n):
        if len(running) == n_at_once:
            _end(sweep, running.pop(0), score)
        running.append(sweep.issue(proposal(searcher, arm, sweep.history, position, seed)))
    for number in running:
        _end(sweep, number, score)
    return sweep


def _end(sweep: Sweep, number: int, score: Callable[[dict[str, Any]], float]) -> None:
    value = score(sweep.state.trials[number].parameters)
    if math.isnan(value):
        sweep.end(number, "DIVERGED", 1.0)
    else:
        sweep.complete(number, value)


def best(sweep: Sweep) -> float:
    found = sweep.arm.objective.best(record.best.get("fid", math.nan) for record in sweep.history)
    assert found is not None
    return found
