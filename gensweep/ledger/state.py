"""What a log of events says. `SweepState.apply` is the only thing that changes a sweep's state, live or rebuilt."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gensweep.collection import no_collection
from gensweep.errors import DamagedSweep, Outcome
from gensweep.ledger.clock import Clock
from gensweep.ledger.fields import is_folder_name, mistake
from gensweep.ledger.history import Change, Copied, History, Reported, TrialRecord
from gensweep.ledger.identity import Identity

Event = Mapping[str, Any]


@dataclass
class SweepState:
    """Every trial by its number, the history of each arm's search, its confirmations, and how the sweep stands.

    `running` are the trials that the newest driver handed out; `errors` the reasons of the last trials, as long as all
    of them failed; `stopped` says why the training was stopped, and `closed` that all that follows from it is written too.
    `versions` are those of the newest driver's libraries, and `trial_schema` says what numbers its trials give. `identity`
    says which sweep it is; an earlier gensweep entered none. `searched_as` are the texts of the definitions under which the
    search issued trials, which differ where a user allowed it. `clock` knows when trials ran, of events that were read, and
    `seq` is the number of the last of these.
    """

    trials: dict[int, TrialRecord] = field(default_factory=dict)
    arms: dict[str, History] = field(default_factory=dict)
    confirmations: dict[str, list[TrialRecord]] = field(default_factory=dict)
    running: set[int] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    finished: bool = False
    stopped: str | None = None
    closed: bool = False
    versions: dict[str, str] = field(default_factory=dict)
    trial_schema: int | None = None
    identity: Identity | None = None
    definition: str = ""
    searched_as: list[str] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock, repr=False, compare=False)
    seq: int = field(default=0, repr=False, compare=False)
    _unplaced: dict[int, TrialRecord] = field(default_factory=dict, repr=False)  # live, and not running

    def live(self) -> list[TrialRecord]:
        """The trials that still have to train, by number."""
        return [self.trials[number] for number in sorted(self.trials) if self.trials[number].is_live]

    def waiting(self, resting: Container[int] = ()) -> TrialRecord | None:
        """The first trial that has to go on, that nobody trains and that is none of the `resting`; None where there is none."""
        able = (record for number, record in self._unplaced.items() if number not in resting)
        return min(able, key=lambda record: record.number, default=None)

    def history(self, arm: str) -> History:
        """What came of an arm's search; an empty one before its first trial."""
        return self.arms.setdefault(arm, History())

    @property
    def n_ended(self) -> int:
        """How many trials have an outcome."""
        return len(self.trials) - len(self.running) - len(self._unplaced)

    @property
    def n_searched(self) -> int:
        """How many trials the search has issued."""
        return len(self.trials) - sum(map(len, self.confirmations.values()))

    def tell(self, record: TrialRecord, change: Change) -> None:
        """Enter what happened in the history of its arm; a search never hears of what confirms it."""
        if record.parent is None:
            self.history(record.arm).add(change)

    def apply(self, event: Event) -> None:
        """Enter one event. An unknown kind is left out: a newer gensweep may have written it.

        Raises:
            DamagedSweep: it speaks of a trial that was never issued, ends one in a way that is not known, names one as no
                folder can be named, or says what is no number where one belongs.
        """
        kind = event.get("event")
        if not isinstance(kind, str):
            raise _damaged(event, "is of no kind")
        if kind not in KINDS:
            return
        if wrong := mistake(event):
            raise _damaged(event, wrong)
        try:
            self._enter(kind, event)
        except KeyError as error:
            raise _damaged(event, f"does not say its {error}") from None
        self.clock.hear(event)

    def _enter(self, kind: str, event: Event) -> None:
        if kind in _OF_THE_SWEEP:
            _OF_THE_SWEEP[kind](self, event)
            return
        record = self.trials.get(event["number"])
        if record is None:
            raise _damaged(event, f"speaks of trial {event['number']}, which was never issued")
        if kind == "retried":
            self._reopen(record)
        elif record.outcome is None:  # what ended has ended: an orphan's last words change nothing
            _OF_A_TRIAL[kind](self, record, event)

    def _reopen(self, record: TrialRecord) -> None:
        """A trial that failed waits to be trained again, from its checkpoint."""
        if record.outcome is not Outcome.FAILED:
            return
        record.outcome, record.reason, record.fault, record.faults = None, "", "", {}
        self.finished = self.closed = False
        self.errors = []
        self._unplaced[record.number] = record
        if record.parent is None:
            self.history(record.arm).reopen(record)


def fold(events: Iterable[Event], onto: SweepState | None = None) -> SweepState:
    """The state after these events; `onto` is the state before them, which is changed and returned."""
    state = SweepState() if onto is None else onto
    with no_collection():
        for event in events:
            state.apply(event)
            state.seq = event.get("seq", state.seq)
    return state


def _started(state: SweepState, event: Event) -> None:
    state.stopped, state.errors, state.closed = None, [], False
    state.versions = dict(event.get("versions", {}))
    state.trial_schema = event.get("trial_schema", state.trial_schema)
    state._unplaced.update({number: state.trials[number] for number in state.running})
    state.running.clear()


def _identified(state: SweepState, event: Event) -> None:
    state.identity = Identity.said_by(event)


def _defined(state: SweepState, event: Event) -> None:
    state.definition = event["definition"]


def _issued(state: SweepState, event: Event) -> None:
    number = event["number"]
    if number in state.trials:
        raise _damaged(event, f"issues trial {number} a second time")
    arm, key = event.get("arm", event.get("family", "")), event["key"]
    if not isinstance(arm, str) or not is_folder_name(number, arm, key):
        raise _damaged(event, f"issues a trial whose arm and key, {arm!r:.60} and {key!r:.60}, name no folder")
    parent = state.trials.get(event["parent"]) if "parent" in event else None
    if "parent" in event and (parent is None or parent.arm != arm or parent.parent is not None):
        raise _damaged(event, f"confirms trial {event['parent']}, which is none of the search of {arm!r:.60}")
    at = parent.position if parent else len(state.history(arm))
    record = TrialRecord(number, key, arm, event.get("position", at))
    if parent is not None:
        record.parent, record.repeat = parent.number, event["repeat"]
        state.confirmations.setdefault(arm, []).append(record)
    record.parameters, record.configuration = event.get("parameters", {}), event.get("configuration", {})
    record.proposed = record.parameters
    state.trials[number] = record
    state.running.add(number)
    state.finished, state.closed, state.stopped = False, False, None
    if parent is None and state.definition and state.definition not in state.searched_as[-1:]:
        state.searched_as.append(state.definition)
    state.tell(record, Change("issued", record))


def _continued(state: SweepState, record: TrialRecord, event: Event) -> None:
    state._unplaced.pop(record.number, None)
    state.running.add(record.number)


def _lost(state: SweepState, record: TrialRecord, event: Event) -> None:
    fault = event.get("fault", "LOST")
    record.faults[fault] = record.faults.get(fault, 0) + 1
    _set_aside(state, record)


def _reported(state: SweepState, record: TrialRecord, event: Event) -> None:
    if record.reports and event["epoch"] <= record.reports[-1].epoch:
        return  # the first report of an epoch counts, as for a trial that trained it again after a crash
    report = Reported(event["epoch"], event["step"], dict(event.get("scores", {})))
    record.reports.append(report)
    record.faults = {}
    _reached(record, event)
    state.tell(record, Change("reported", record, report))


def _copied(state: SweepState, record: TrialRecord, event: Event) -> None:
    changed = tuple(event.get("changed", ()))
    record.copies.append(
        Copied(event["epoch"], event["source"], event["source_step"], dict(event["parameters"]), changed)
    )
    record.parameters, record.configuration = dict(event["parameters"]), dict(event["configuration"])
    _set_aside(state, record)
    state.tell(record, Change("copied", record))


def _ended(state: SweepState, record: TrialRecord, event: Event) -> None:
    try:
        record.outcome = Outcome[event["outcome"]]
    except KeyError:
        known = ", ".join(outcome.name for outcome in Outcome)
        raise _damaged(
            event, f"ends a trial with the unknown outcome '{event.get('outcome')}' (known: {known})"
        ) from None
    record.reason, record.fault = event.get("reason", ""), event.get("fault", "")
    _reached(record, event)
    state.running.discard(record.number)
    state._unplaced.pop(record.number, None)
    state.errors = [*state.errors, event.get("error", record.reason)] if record.outcome is Outcome.FAILED else []
    state.tell(record, Change("ended", record))


def _stopped(state: SweepState, event: Event) -> None:
    if not state.finished:  # else it was stopped while its report was written
        state.stopped = event.get("reason", "")


def _finished(state: SweepState, event: Event) -> None:
    state.finished, state.stopped = True, None


def _closed(state: SweepState, event: Event) -> None:
    state.closed = state.finished


def _left_out(state: SweepState, event: Event) -> None:
    """For people: another start tries the machine again."""


def _resized(state: SweepState, event: Event) -> None:
    """For people, as what was true of the driver's cluster: another start may have another one."""


def _stored(state: SweepState, event: Event) -> None:
    """For who trains and removes: the numbers do not depend on where trials are kept."""


def _set_aside(state: SweepState, record: TrialRecord) -> None:
    state.running.discard(record.number)
    state._unplaced[record.number] = record


def _reached(record: TrialRecord, event: Event) -> None:
    """How far the trial is, what that took, and what was best on the way: an event that does not say changes nothing."""
    record.epoch, record.step = max(record.epoch, event.get("epoch", 0)), max(record.step, event.get("step", 0))
    record.seconds = event.get("seconds", record.seconds)
    record.evaluation_seconds = event.get("evaluation_seconds", record.evaluation_seconds)
    record.items = event.get("items", record.items)
    if event.get("best"):
        record.best, record.best_epoch = dict(event["best"]), event.get("best_epoch")
    record.test = dict(event.get("test") or record.test)
    record.protocol = dict(event.get("protocol") or record.protocol)
    record.notes = list(event.get("notes") or record.notes)
    record.software = dict(event.get("software") or record.software)
    record.device = event.get("device") or record.device
    record.host = event.get("host") or record.host
    record.mode = event.get("mode") or record.mode


_OF_THE_SWEEP: dict[str, Callable[[SweepState, Event], None]] = {
    "identified": _identified,
    "defined": _defined,
    "started": _started,
    "issued": _issued,
    "stopped": _stopped,
    "finished": _finished,
    "closed": _closed,
    "left_out": _left_out,
    "resized": _resized,
    "stored": _stored,
}
_OF_A_TRIAL: dict[str, Callable[[SweepState, TrialRecord, Event], None]] = {
    "continued": _continued,
    "lost": _lost,
    "reported": _reported,
    "copied": _copied,
    "ended": _ended,
}
KINDS = frozenset({*_OF_THE_SWEEP, *_OF_A_TRIAL, "retried"})  # of events


def _damaged(event: Event, what: str) -> DamagedSweep:
    return DamagedSweep(
        f"ledger/events.jsonl: event {event.get('seq', '?')} {what}. Nothing was changed. A newer gensweep may have "
        "written it: use that one, or restore the file from a copy."
    )
