"""What every early-stopping rule is: a pure function from what came of an arm to what becomes of one of its trials."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from gensweep.axes.arms import Arm
from gensweep.component import Component
from gensweep.errors import CannotRun
from gensweep.ledger.history import History, TrialRecord


@dataclass(frozen=True)
class GoOn:
    """The trial trains on."""


@dataclass(frozen=True)
class Stop:
    """The trial ends here; `reason` says to a person why."""

    reason: str


@dataclass(frozen=True)
class Copy:
    """The trial goes on from the weights of trial `source`, with these values on the axes in `parameters`."""

    source: int
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class WrongField:
    """A field of a rule whose value makes no sense for an arm: why, and what to write."""

    name: str
    message: str


Decision: TypeAlias = GoOn | Stop | Copy


class EarlyStopping(Component, ABC):
    """A rule that is asked after every new report of a trial, and counts in epochs.

    It ranks trials of one arm only, because families converge at different speeds.

    `ends_trials`: some trials end before their last epoch, so their scores are not those of whole trials.
    `moves_knobs`: it changes knobs of running trials (`Copy`).
    """

    kind: ClassVar[str] = "early_stopping"
    summary: ClassVar[str]
    ends_trials: ClassVar[bool] = True
    moves_knobs: ClassVar[bool] = False

    @abstractmethod
    def decide(self, arm: Arm, history: History, trial: TrialRecord, seed: int) -> Decision:
        """What becomes of `trial`, whose last report has just come and is in `history`.

        The same arguments give the same decision. What it keeps of the past is a fold of the history (`history.fold`), so
        that a report costs the same however many there were. A diverged trial counts as the worst wherever it would have
        been compared.
        """

    def misfit(self, arm: Arm) -> str | None:
        """Why it makes no sense for this arm, with the cure; None where it does."""
        return None

    def idle(self, arm: Arm) -> str | None:
        """Why it ends no trial of this arm, which may be meant; None where it can."""
        return None

    def wrong_field(self, arm: Arm) -> WrongField | None:
        """The field whose value makes no sense for this arm, where another value would."""
        return None


def decision(rule: EarlyStopping, arm: Arm, history: History, trial: TrialRecord, seed: int) -> Decision:
    """What the rule decides, known to be something that can be done.

    Raises:
        CannotRun: it raises an error, or decides what is none; naming the class that has to be mended.
    """
    try:
        decided = rule.decide(arm, history, trial, seed)
        _check(decided, arm, history, trial)
    except Exception as error:
        kind = type(rule)
        raise CannotRun(
            f"early-stopping rule {rule.name} decides nothing that can be done with trial {trial.number} of "
            f"{arm.label} ({type(error).__name__}: {error}). Mend {kind.__module__}.{kind.__qualname__}, or take another "
            "early_stopping: what ended is kept."
        ) from error
    return decided


def _check(decided: object, arm: Arm, history: History, trial: TrialRecord) -> None:
    match decided:
        case GoOn() | Stop(str()):
            return
        case Stop():
            raise TypeError(f"the reason of {decided!r} is no text")
        case Copy():
            numbers = [record.number for record in history]
            if decided.source not in numbers:
                raise ValueError(f"there is no trial {decided.source!r} to copy from: the arm has {numbers}")
            if unknown := arm.unknown(decided.parameters):
                raise ValueError(f"{unknown} is none of the arm")
            arm.configuration({**trial.parameters, **decided.parameters}, seed=0)
        case _:
            raise TypeError(f"{decided!r} is no GoOn(), Stop(reason) or Copy(source, parameters)")
