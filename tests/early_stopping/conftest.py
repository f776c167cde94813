"""A sweep told event by event, and a rule that is asked as the driver asks it."""

from __future__ import annotations

import math
import random
from typing import Any, Literal

from gensweep.axes import space as spaces
from gensweep.axes.arms import Arm, arms
from gensweep.early_stopping.base import Copy, Decision, EarlyStopping, GoOn, Stop
from gensweep.ledger.history import History, TrialRecord
from gensweep.ledger.state import SweepState
from gensweep.objective import Objective

TRIAL = {
    "dataset": "ring", "network": {"name": "mlp", "hidden": [8]}, "latent_size": 2,
    "family": {"name": "wae", "lambda": "loguniform(0.1, 10)"},
    "training": {"epochs": 27, "optimizer": {"lr": "loguniform(1e-4, 1e-2)"}},
    "evaluation": {"metrics": ["fid"], "every": 1}, "seed": 0,
}  # fmt: skip
LAMBDA, LR = "family.lambda", "training.optimizer.lr"


def arm_of(mode: Literal["min", "max"] = "min", compare: str | None = None, **trial: Any) -> Arm:
    """The first arm of TRIAL with these nodes in place of its own."""
    return arms(spaces.read({**TRIAL, **trial})[0], compare, Objective(metric="fid", mode=mode))[0]


class Told:
    """What came of one arm so far. Trials are numbered from `first`, to tell numbers from positions."""

    def __init__(self, rule: EarlyStopping, arm: Arm | None = None, first: int = 0) -> None:
        self.rule, self.arm, self.first = rule, arm or arm_of(), first
        self.state = SweepState()
        self.events: list[dict[str, Any]] = []

    @property
    def history(self) -> History:
        return self.state.history(self.arm.label)

    def apply(self, **event: Any) -> None:
        self.events.append(event)
        self.state.apply(event)

    def issue(self, **values: Any) -> TrialRecord:
        """The next trial, with random parameters where none are given (`lam`, `lr`, or paths)."""
        position = len(self.history)
        number = self.first + position
        named = {{"lam": LAMBDA, "lr": LR}.get(name, name): value for name, value in values.items()}
        parameters = {**spaces.draw(self.arm.space, random.Random(number)), **named}
        configuration = self.arm.configuration(parameters, 0)
        self.apply(
            event="issued", number=number, arm=self.arm.label, position=position, key=f"{number:064x}",
            parameters=parameters, configuration=configuration,
        )  # fmt: skip
        return self.state.trials[number]

    def tell(self, trial: TrialRecord, epoch: int, value: float) -> None:
        """A report that nobody decides on."""
        self.apply(
            event="reported", number=trial.number, epoch=epoch, step=10 * epoch, scores={"fid": value, "other": 1.0}
        )

    def told(self, *reports: tuple[int, float], outcome: str | None = None) -> TrialRecord:
        """A new trial with these reports and, if one is given, this end."""
        trial = self.issue()
        for epoch, value in reports:
            self.tell(trial, epoch, value)
        if outcome is not None:
            self.end(trial, outcome)
        return trial

    def end(self, trial: TrialRecord, outcome: str = "COMPLETED") -> None:
        self.apply(event="ended", number=trial.number, outcome=outcome, reason="")

    def decide(self, trial: TrialRecord, seed: int = 0) -> Decision:
        return self.rule.decide(self.arm, self.history, trial, seed)

    def report(self, trial: TrialRecord, epoch: int, value: float, seed: int = 0) -> Decision:
        self.tell(trial, epoch, value)
        return self.decide(trial, seed)

    def follow(self, trial: TrialRecord, decision: Decision) -> None:
        """What the driver enters after a decision."""
        match decision:
            case Stop():
                self.end(trial, "PRUNED")
            case Copy():
                parameters = {**trial.parameters, **decision.parameters}
                self.apply(
                    event="copied", number=trial.number, epoch=trial.epoch, source=decision.source, source_step=0,
                    parameters=parameters, configuration=self.arm.configuration(parameters, 0),
                )  # fmt: skip
            case GoOn():
                pass

    def replayed(self) -> History:
        """The same history, which no rule has read."""
        state = SweepState()
        for event in self.events:
            state.apply(event)
        return state.history(self.arm.label)


def stops(decision: Decision) -> bool:
    return isinstance(decision, Stop)


INFINITIES = (math.nan, math.inf, -math.inf)
