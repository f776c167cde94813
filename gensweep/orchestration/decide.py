"""The driver's mind: what is said to it -> the events that follow. Pure: it changes nothing and asks no clock.

Wanted (a place is free)        -> continued, else a confirmation issued, else a trial of the search, else nothing
Report                          -> reported if it is news; ended if the trial is over
Entered (a report is entered)   -> ended or copied, where early stopping says so
Failure                         -> ended
Lost (the machine took it)      -> lost; ended too, when that was too often for what it was
"""

from __future__ import annotations

import json
import math
from bisect import insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from gensweep.axes.arms import Arm
from gensweep.early_stopping.base import Copy, Stop, decision
from gensweep.errors import Outcome
from gensweep.faults import Fault
from gensweep.ledger.history import Change, History, TrialRecord
from gensweep.ledger.state import SweepState
from gensweep.objective import Objective
from gensweep.searchers.base import proposal
from gensweep.seeding import derive
from gensweep.spaces.sweep import Sweep
from gensweep.trial import Failure, Report

SAME_ERRORS = 3  # the same error in the code, this often in a row and nothing else, ends the sweep early

Event = dict[str, Any]
Issue = Callable[[Mapping[str, Any]], tuple[str, dict[str, Any]]]
"""A drawn configuration -> the trial's key, and the whole configuration as plain data."""


@dataclass(frozen=True)
class Wanted:
    """A place is free for a trial, but for none of the `resting`; `is_ahead`: there will be, in a pack of its shape."""

    resting: frozenset[int] = frozenset()
    is_ahead: bool = False


@dataclass(frozen=True)
class Lost:
    """The machine took the process of a running trial."""

    number: int
    reason: str
    fault: Fault = Fault.LOST


@dataclass(frozen=True)
class Entered:
    """A report of this trial has been entered, and the trial is not over."""

    number: int


Said = Wanted | Lost | Entered | Report | Failure


class Mind:
    """What a driver decides by: the sweep, and nothing that changes."""

    def __init__(self, sweep: Sweep, issue: Issue) -> None:
        self.sweep, self.issue = sweep, issue
        self.arms = sweep.arms

    @cached_property
    def turns(self) -> list[tuple[str, int]]:
        """(arm, position) of each trial number: round the arms, so that all have the same budget at any time."""
        counts = self.sweep.counts
        return [
            (label, position)
            for position in range(max(counts.values(), default=0))
            for label in self.arms
            if position < counts[label]
        ]

    def is_done(self, state: SweepState) -> bool:
        """Whether every trial has ended, those too that confirm what the search found."""
        searched = state.n_searched >= len(self.turns) and not state.running and state.waiting() is None
        return searched and self._unconfirmed(state) is None

    def is_searched(self, state: SweepState, label: str) -> bool:
        """Whether an arm's search is over."""
        history = state.arms.get(label, History())
        return len(history) >= self.sweep.counts[label] and not history.n_live

    def decide(self, state: SweepState, said: Said) -> list[Event]:
        """The events that follow from what was said, in order. Nothing is changed."""
        match said:
            case Wanted():
                return self._wanted(state, said)
            case Entered():
                return self._judged(state, state.trials[said.number])
            case Lost():
                return self._lost(state.trials[said.number], said.reason, said.fault)
            case Failure():
                return self._failed(state.trials[said.number], said)
            case Report():
                return self._reported(state, said)

    def same_error(self, state: SweepState) -> str | None:
        """The error that ended the last trials, all alike, when that were so many that the rest would end so too."""
        last = state.errors[-SAME_ERRORS:]
        return last[0] if len(last) == SAME_ERRORS and len(set(last)) == 1 else None

    def _wanted(self, state: SweepState, wanted: Wanted) -> list[Event]:
        if (record := state.waiting(wanted.resting)) is not None:
            return [{"event": "continued", "number": record.number}]
        if (confirmation := self._unconfirmed(state)) is not None:
            return [self._confirming(state, *confirmation)]
        number, turn = len(state.trials), state.n_searched
        if turn >= len(self.turns):
            return []
        label, position = self.turns[turn]
        most = self.sweep.searcher.most_pending
        if wanted.is_ahead and most is not None and state.history(label).n_live >= most:
            return []  # it would learn nothing of what is under way
        arm, seed = self.arms[label], self.sweep.search.seed
        parameters = proposal(self.sweep.searcher, arm, state.history(label), position, seed)
        key, configuration = self.issue(arm.configuration(parameters, trial_seed(seed, position)))
        return [
            {
                "event": "issued",
                "number": number,
                "arm": label,
                "position": position,
                "key": key,
                "parameters": parameters,
                "configuration": configuration,
            }
        ]

    def _unconfirmed(self, state: SweepState) -> tuple[TrialRecord, int] | None:
        """The next confirmation that is due and was not issued: the trial it confirms, and which of its seeds."""
        if (confirm := self.sweep.confirm) is None:
            return None
        for label in self.arms:
            if not self.is_searched(state, label):
                continue
            issued = {(record.parent, record.repeat) for record in state.confirmations.get(label, ())}
            for record in finalists(state.history(label), self.sweep.objective, confirm.top):
                for repeat in range(confirm.seeds):
                    if (record.number, repeat) not in issued:
                        return record, repeat
        return None

    def _confirming(self, state: SweepState, parent: TrialRecord, repeat: int) -> Event:
        """The configuration that `parent` ended with, as its arm gives it, on a seed that the search never had."""
        seed = derive(self.sweep.search.seed, "confirm", parent.arm, parent.position, repeat) % 2**31
        key, configuration = self.issue({**self.arms[parent.arm].configuration(parent.parameters, seed), "seed": seed})
        return {
            "event": "issued",
            "number": len(state.trials),
            "arm": parent.arm,
            "position": parent.position,
            "parent": parent.number,
            "repeat": repeat,
            "key": key,
            "parameters": parent.parameters,
            "configuration": configuration,
        }

    def _lost(self, record: TrialRecord, reason: str, fault: Fault) -> list[Event]:
        if record.outcome is not None:
            return []
        lost = {"event": "lost", "number": record.number, "reason": reason, "fault": fault.name}
        before = record.faults.get(fault.name, 0)
        if fault.stops is not None or before < fault.tries:
            return [lost]
        how_often = f"{fault.value}, {before + 1} times without a report between"
        return [lost, {**_ended(record, Outcome.FAILED, f"{how_often}: {reason}"), "fault": fault.name}]

    def _failed(self, record: TrialRecord, failure: Failure) -> list[Event]:
        if failure.fault is not None:
            return self._lost(record, failure.reason, failure.fault)
        if record.outcome is not None:
            return []
        error = f"{failure.place or failure.reason} at step {record.step}"
        return [{**_ended(record, Outcome.FAILED, failure.reason), "error": error}]

    def _reported(self, state: SweepState, report: Report) -> list[Event]:
        record = state.trials[report.number]
        if record.outcome is not None:
            return []
        is_news = bool(report.scores) and not (record.reports and report.epoch <= record.reports[-1].epoch)
        events: list[Event] = (
            [{"event": "reported", "scores": report.scores, **_reached(report, record)}] if is_news else []
        )
        if report.outcome is not None:
            return [*events, {**_ended(record, report.outcome, report.reason), **_reached(report, record)}]
        return events

    def _judged(self, state: SweepState, record: TrialRecord) -> list[Event]:
        if record.parent is not None:  # a confirmation trains for all its epochs
            return []
        arm = self.arms[record.arm]
        seed = derive(self.sweep.search.seed, "early stopping", record.number, len(record.reports))
        decided = decision(self.sweep.early_stopping, arm, state.history(record.arm), record, seed)
        match decided:
            case Stop():
                return [_ended(record, Outcome.PRUNED, decided.reason)]
            case Copy():
                return [self._copied(record, arm, decided)]
        return []

    def _copied(self, record: TrialRecord, arm: Arm, copy: Copy) -> Event:
        parameters = {**record.parameters, **copy.parameters}
        _, configuration = self.issue(arm.configuration(parameters, record.configuration["seed"]))
        return {
            "event": "copied",
            "number": record.number,
            "epoch": record.epoch,
            "source": copy.source,
            "parameters": parameters,
            "changed": sorted(path for path in parameters if parameters[path] != record.parameters.get(path)),
            "configuration": configuration,
        }


def finalists(history: History, objective: Objective, top: int) -> list[TrialRecord]:
    """The best `top` trials of a search, the best first: different ones, not one configuration on several seeds.

    Trials that were stopped early are among them only where none was trained to its end: a score at an early epoch is no
    score at the last one.
    """
    ranked = history.fold(("finalists", objective.metric, objective.mode), list[_Ranked], partial(_rank, objective))
    chosen: dict[str, TrialRecord] = {}
    for _, _, record in ranked:
        if len(chosen) == top or record.outcome is not ranked[0][2].outcome:
            break
        chosen.setdefault(_without_seed(record.configuration), record)
    return list(chosen.values())


_Ranked = tuple[tuple[bool, float], int, TrialRecord]


def _rank(objective: Objective, ranked: list[_Ranked], change: Change) -> None:
    record = change.record
    loss = objective.loss(objective.of(record.best))
    if change.kind == "ended" and record.outcome in (Outcome.COMPLETED, Outcome.PRUNED) and math.isfinite(loss):
        insort(ranked, ((record.outcome is Outcome.PRUNED, loss), record.position, record), key=lambda r: r[:2])


def _without_seed(configuration: Mapping[str, Any]) -> str:
    return json.dumps({name: value for name, value in configuration.items() if name != "seed"}, sort_keys=True)


def trial_seed(search_seed: int, position: int) -> int:
    """The seed of a trial where the file fixes none: arms have the same at the same position."""
    return derive(search_seed, "trial", position) % 2**31


def _reached(report: Report, record: TrialRecord) -> Event:
    names = ("number", "epoch", "step", "best", "best_epoch", "seconds", "evaluation_seconds", "items", "protocol")
    said: Event = {"notes": report.notes} if report.notes != record.notes else {}  # said once
    of_place = ("device", "host", "software", "mode")
    said |= {name: getattr(report, name) for name in of_place if getattr(report, name) != getattr(record, name)}
    return {name: getattr(report, name) for name in names} | said | ({"test": report.test} if report.test else {})


def _ended(record: TrialRecord, outcome: Outcome, reason: str) -> Event:
    return {"event": "ended", "number": record.number, "outcome": outcome.name, "reason": reason}
