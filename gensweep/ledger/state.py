"""What a log of events says: a pure fold, so that every start rebuilds the same sweep."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gensweep.errors import DamagedSweep, Outcome


@dataclass(frozen=True)
class Reported:
    """The scores of one trial at the end of one epoch."""

    epoch: int
    step: int
    scores: dict[str, float]


@dataclass
class TrialRecord:
    """One trial as the driver knows it. `best` holds every score at `best_epoch`, where the objective was best."""

    number: int
    key: str
    family: str
    parameters: dict[str, Any] = field(default_factory=dict)
    configuration: dict[str, Any] = field(default_factory=dict)
    attempt: int = 1
    outcome: Outcome | None = None
    reason: str = ""
    reports: list[Reported] = field(default_factory=list)
    epoch: int = 0
    step: int = 0
    best: dict[str, float] = field(default_factory=dict)
    best_epoch: int | None = None
    seconds: float = 0.0
    protocol: dict[str, str] = field(default_factory=dict)

    @property
    def folder_name(self) -> str:
        """The name of its folder in trials/."""
        return folder_name(self.number, self.family, self.key)

    @property
    def is_live(self) -> bool:
        """Whether it still has to train: it has no outcome, or was only interrupted."""
        return self.outcome in (None, Outcome.INTERRUPTED)


@dataclass
class SweepState:
    """Every trial by its number, and whether the sweep finished or was stopped (then why)."""

    trials: dict[int, TrialRecord] = field(default_factory=dict)
    finished: bool = False
    stopped: str | None = None
    _early: dict[int, list[Mapping[str, Any]]] = field(
        default_factory=dict, repr=False
    )  # before their trial's "issued"

    def live(self) -> list[TrialRecord]:
        """The trials that still have to train, by number."""
        return [self.trials[number] for number in sorted(self.trials) if self.trials[number].is_live]


def folder_name(number: int, family: str, key: str) -> str:
    """The name of a trial's folder in trials/: `0007-wae-3fa94c01`."""
    return f"{number:04d}-{family}-{key[:8]}"


def fold(events: Iterable[Mapping[str, Any]], onto: SweepState | None = None) -> SweepState:
    """The state after these events; `onto` is the state before them, which is changed and returned.

    The first report of an epoch counts, as for a trial that trained it again after a crash. An unknown kind of event is
    left out.
    """
    state = SweepState() if onto is None else onto
    for event in events:
        match event["event"]:
            case "started":
                state.stopped = None
            case "issued":
                _issued(state, event)
            case "reported" | "ended":
                _of_trial(state, event)
            case "stopped":
                state.stopped = event.get("reason", "")
            case "finished":
                state.finished, state.stopped = True, None
    return state


def _issued(state: SweepState, event: Mapping[str, Any]) -> None:
    number, attempt = event["number"], event.get("attempt", 1)
    state.finished, state.stopped = False, None
    record = state.trials.get(number)
    if record is None or record.key != event["key"]:
        record = TrialRecord(number, event["key"], event["family"], attempt=attempt)
        record.parameters, record.configuration = event.get("parameters", {}), event.get("configuration", {})
        state.trials[number] = record
    elif attempt > record.attempt or record.outcome is Outcome.INTERRUPTED:
        # A retry goes on from the checkpoint: its reports stay, its end is open again.
        record.attempt = max(attempt, record.attempt)
        record.outcome, record.reason, record.best, record.best_epoch = None, "", {}, None
    for early in state._early.pop(number, []):
        _of_trial(state, early)


def _of_trial(state: SweepState, event: Mapping[str, Any]) -> None:
    record = state.trials.get(event["number"])
    if record is None:
        state._early.setdefault(event["number"], []).append(event)
    elif event["event"] == "reported":
        _reported(record, event)
    elif event.get("attempt", record.attempt) >= record.attempt:
        _ended(record, event)


def _reported(record: TrialRecord, event: Mapping[str, Any]) -> None:
    if event["epoch"] not in (known.epoch for known in record.reports):
        report = Reported(event["epoch"], event["step"], dict(event.get("scores", {})))
        insort(record.reports, report, key=lambda known: known.epoch)
    record.epoch, record.step = max(record.epoch, event["epoch"]), max(record.step, event["step"])


def _ended(record: TrialRecord, event: Mapping[str, Any]) -> None:
    try:
        record.outcome = Outcome[event["outcome"]]
    except KeyError:
        known = ", ".join(outcome.name for outcome in Outcome)
        raise DamagedSweep(
            f"ledger/events.jsonl: event {event.get('seq', '?')} ends trial {record.number} with the unknown outcome "
            f"'{event.get('outcome')}'. Known: {known}. A newer gensweep may have written it: use that one."
        ) from None
    record.reason, record.seconds = event.get("reason", ""), event.get("seconds", record.seconds)
    record.epoch, record.step = max(record.epoch, event.get("epoch", 0)), max(record.step, event.get("step", 0))
    record.best, record.best_epoch = dict(event.get("best") or {}), event.get("best_epoch")
    record.protocol = dict(event.get("protocol") or {})
