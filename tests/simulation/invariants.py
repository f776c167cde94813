"""What must hold after each life of a driver, and in the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gensweep.errors import Outcome
from gensweep.ledger import checkpoints
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.state import SweepState, fold
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.ledger.trial_folder import TrialFolder
from gensweep.tracking import describe
from gensweep.tracking.front import NOTE
from gensweep.trial import STATE
from tests.simulation.life import End
from tests.simulation.world import Broken, World

Event = dict[str, Any]


@dataclass
class Acknowledged:
    """What the log said was durable, by seq, and the numbers of trials that ended so."""

    events: dict[int, str] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)

    def add(self, seqs: Sequence[int], events: Sequence[Event]) -> None:
        self.events |= {seq: _text(event) for seq, event in zip(seqs, events, strict=True)}
        self.ended |= {event["number"] for event in events if event["event"] == "ended"}


def after_a_life(world: World, acknowledged: Acknowledged, end: End) -> None:
    """Nothing that was acknowledged is lost, nothing is there twice, and the end is in the log."""
    if not (world.path / "sweep.yaml").exists():
        _must(not acknowledged.events, "the sweep is gone")
        return
    folder = SweepFolder.open(world.path)
    events = folder.events.read()
    found = {event["seq"]: _text(event) for event in events}
    for seq, text in acknowledged.events.items():
        _must(found.get(seq) == text, f"event {seq} was acknowledged as {text}, and the log has {found.get(seq)}")
    generations = [event["generation"] for event in events if event["event"] == "started"]
    _must(len(set(generations)) == len(generations), f"two drivers of one generation: {generations}")
    _once(((e["number"], e["epoch"]) for e in events if e["event"] == "reported"), "reported")
    folded = fold(events)
    _must(
        end.state is None or described(end.state) == described(folded), "the driver's state is not the fold of its log"
    )
    if end.state is not None:
        _of_the_end(end, events[-1])
    of_the_trials(folder, folded)


def _of_the_end(end: End, last: Event) -> None:
    if end.code in (0, 3):
        _must(end.is_done and last["event"] == "closed", f"exit code {end.code}, and the log ends in {last}")
    else:
        _must(last["event"] == "stopped" and last["code"] == end.code, f"exit code {end.code}, and the log says {last}")


def of_the_trials(folder: SweepFolder, state: SweepState) -> None:
    """Each trial is there once, and its folder has what its reports say."""
    identities = [identity(state, record) for record in state.trials.values()]
    _once(identities, "issued")
    _must(sorted(state.trials) == list(range(len(state.trials))), f"the trials are {sorted(state.trials)}")
    names = {record.folder_name for record in state.trials.values()}
    strange = {path.name for path in (folder.path / "trials").iterdir()} - names
    _must(not strange, f"folders of no trial: {strange}")
    for record in state.trials.values():
        path = folder.path / "trials" / record.folder_name
        if record.reports:
            _of_a_trial(record, TrialFolder(path))


def _of_a_trial(record: TrialRecord, folder: TrialFolder) -> None:
    found = folder.rows()
    rows = [row.epoch for row in found]
    _must(rows == list(range(1, len(rows) + 1)), f"trial {record.number} has rows of the epochs {rows}")
    _must(len(rows) >= record.reports[-1].epoch, f"trial {record.number} reported {record.reports[-1]}, and has {rows}")
    for report in record.reports:
        row = found[report.epoch - 1]
        wrong = {k: v for k, v in report.scores.items() if repr(row.values.get(k)) != repr(v)}
        _must(not wrong, f"trial {record.number}, epoch {report.epoch}: reported {wrong}, row {row}")
    if record.outcome in (None, Outcome.COMPLETED):
        wanted = record.best_epoch if record.outcome else record.reports[-1].epoch
        epochs = _checkpointed(folder)
        is_there = wanted in epochs if record.outcome else max(epochs, default=0) >= (wanted or 0)
        _must(is_there, f"trial {record.number} needs a checkpoint of epoch {wanted} and has those of {epochs}")
    if record.copies and record.is_live:
        copy = folder.copied(len(record.copies))
        _must(copy.step == record.copies[-1].source_step, f"trial {record.number} has another copy: {copy.step}")


def _checkpointed(folder: TrialFolder) -> list[int]:
    """The epochs of which it has whole checkpoints."""
    place = folder.path / "checkpoints"
    found = [checkpoints.at(path) for pattern in ("step-*", ".old-step-*", "best") for path in place.glob(pattern)]
    return [json.loads(one.read(STATE))["epoch"] for one in found if one is not None]


def in_the_end(world: World, state: SweepState) -> None:
    """Every trial has ended, with a row for each of its epochs and no other, and the store has all of it once."""
    for record in state.trials.values():
        _must(record.outcome is not None, f"trial {record.number} has not ended")
        folder = TrialFolder(world.path / "trials" / record.folder_name)
        rows = folder.rows()
        _must(len(rows) == record.epoch, f"trial {record.number} ended at epoch {record.epoch}, rows {len(rows)}")
        if record.outcome is not Outcome.FAILED and record.best:
            left = {
                p.name for p in (folder.path / "checkpoints").iterdir() if not p.name.startswith(("torn-", ".gone-"))
            }
            _must("best" in left, f"trial {record.number} has no best checkpoint, only {left}")
        _in_the_store(world, record, folder)
    runs = world.store.runs("trial")
    _must(len(runs) == len(state.trials), f"{len(state.trials)} trials, and the store has the runs {sorted(runs)}")
    (sweep,) = world.store.runs("sweep").values()
    _must(sweep.status == "FINISHED", f"the sweep's run is {sweep.status}")
    _must("It is running" not in sweep.tags.get(NOTE, "It is running"), f"it says {sweep.tags.get(NOTE)}")
    _must(any(view.title == sweep.name for view in world.store.views.values()), "the sweep has no table")


def _in_the_store(world: World, record: TrialRecord, folder: TrialFolder) -> None:
    run = world.store.runs("trial").get(describe.run_name(record))
    _must(run is not None, f"trial {record.number} has no run in the store")
    assert run is not None
    points = [
        (p.name, repr(p.value), p.step) for p in run.points if not p.name.startswith(("best.", "duration.", "knob."))
    ]
    wanted = [(p.name, repr(p.value), p.step) for row in folder.rows() for p in describe.row_points(row)]
    tested = {name: value for name, value in record.test.items() if not name.endswith(".floor")}
    wanted += [(f"test.{name}", repr(value), record.epoch) for name, value in tested.items()]
    _must(
        Counter(points) == Counter(wanted), f"trial {record.number}: the store has {points}, and should have {wanted}"
    )
    _must(run.status == describe.status(record.outcome), f"trial {record.number}, {record.outcome}, is {run.status}")
    _must("configuration.yaml" in run.files, f"trial {record.number} has no configuration in the store")
    _must(run.tags.get("gensweep.outcome") == str(record.outcome and record.outcome.name), f"{run.tags}")


def identity(state: SweepState, record: TrialRecord) -> tuple[Any, ...]:
    """Which trial of the sweep it is, whatever its number."""
    parent = None if record.parent is None else state.trials[record.parent].position
    return record.arm, record.position, parent, record.repeat


def results(state: SweepState) -> dict[tuple[Any, ...], dict[str, Any]]:
    """What came of each trial, without its number and without what only a disturbance leaves."""
    left_out = ("number", "parent", "faults", "key")
    return {
        identity(state, record): {k: repr(v) for k, v in vars(record).items() if k not in left_out}
        for record in state.trials.values()
    }


def described(state: SweepState) -> str:
    """All of a state as text: to compare states, in which NaN equals itself."""
    arms = {arm: [(c.kind, c.record.number, c.report) for c in history._changes] for arm, history in state.arms.items()}
    confirmed = {arm: [record.number for record in records] for arm, records in state.confirmations.items()}
    rest = (sorted(state.running), state.errors, state.finished, state.stopped, sorted(state._unplaced))
    return json.dumps([state.trials, arms, confirmed, rest], sort_keys=True, default=_plain)


def _plain(thing: Any) -> Any:
    return thing.name if isinstance(thing, Outcome) else vars(thing)


def _text(event: Event) -> str:
    return json.dumps({k: v for k, v in event.items() if k not in ("at", "seq", "generation")}, sort_keys=True)


def _once(things: Iterable[Any], what: str) -> None:
    twice = [thing for thing, n in Counter(things).items() if n > 1]
    _must(not twice, f"{what} more than once: {twice}")


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)
