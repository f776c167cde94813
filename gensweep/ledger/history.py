"""What came of one arm so far, in the ledger's order: what searchers and early stopping decide from."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar

from gensweep.errors import Outcome

T = TypeVar("T")


@dataclass(frozen=True)
class Reported:
    """The scores of one trial at the end of one epoch."""

    epoch: int
    step: int
    scores: dict[str, float]


@dataclass(frozen=True)
class Copied:
    """An exploit of population-based training: before the epoch after `epoch`, trial `source` gave its weights.

    `parameters` are all of the trial's from there on, `changed` those that are new.
    """

    epoch: int
    source: int
    source_step: int
    parameters: dict[str, Any]
    changed: tuple[str, ...] = ()


@dataclass
class TrialRecord:
    """One trial as the ledger knows it. `position` counts within its arm; `parameters` map axis paths to values.

    A confirmation has a `parent`, the trial of the search whose configuration it trains again, whose position it shares;
    `repeat` counts the fresh seeds of that configuration, and `test` holds the scores on the test split.

    `proposed` are the parameters that it was issued with, which copies do not change.
    `best` holds every score at `best_epoch`, where the objective was best. `seconds` are of training and
    `evaluation_seconds` of evaluation, in the part of its life that counts; `items` of the training split were seen in it,
    None where an older gensweep did not say. `faults` counts those of the machine since it last reported, by their names,
    and `fault` is the one that it failed of. `notes` are sentences on what to know of its numbers, `device` names what it
    was trained on, `host` the machine, as it last said, `software` the versions of CUDA, cuDNN and the driver there, and `mode`
    says how: alone, or in a pack of so many rows.
    """

    number: int
    key: str
    arm: str
    position: int = 0
    parameters: dict[str, Any] = field(default_factory=dict)
    proposed: dict[str, Any] = field(default_factory=dict)
    configuration: dict[str, Any] = field(default_factory=dict)
    outcome: Outcome | None = None
    reason: str = ""
    reports: list[Reported] = field(default_factory=list)
    copies: list[Copied] = field(default_factory=list)
    epoch: int = 0
    step: int = 0
    best: dict[str, float] = field(default_factory=dict)
    best_epoch: int | None = None
    seconds: float = 0.0
    evaluation_seconds: float = 0.0
    items: int | None = None
    protocol: dict[str, str] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    fault: str = ""
    notes: list[str] = field(default_factory=list)
    device: str = ""
    host: str = ""
    software: dict[str, str] = field(default_factory=dict)
    mode: str = "alone"
    parent: int | None = None
    repeat: int = 0
    test: dict[str, float] = field(default_factory=dict)

    @property
    def kind(self) -> Literal["search", "confirm"]:
        """Whether the search drew it, or it confirms what the search found."""
        return "search" if self.parent is None else "confirm"

    @property
    def losses(self) -> int:
        """How often the machine took it since it last reported."""
        return sum(self.faults.values())

    @property
    def folder_name(self) -> str:
        """The name of its folder in trials/: `0007-wae-3fa94c01`."""
        return folder_name(self.number, self.arm, self.key)

    @property
    def family(self) -> str:
        """The name of its family."""
        family = self.configuration.get("family")
        return str(family.get("name", "")) if isinstance(family, dict) else str(family or self.arm)

    @property
    def is_live(self) -> bool:
        """Whether it still has to train."""
        return self.outcome is None


def folder_name(number: int, arm: str, key: str) -> str:
    """The name of a trial's folder in trials/: `0007-wae-3fa94c01`."""
    return f"{number:04d}-{arm}-{key[:8]}"


class Change(NamedTuple):
    """One thing that happened in an arm. `report` is the new one of a "reported"; the record may have gone on since."""

    kind: Literal["issued", "reported", "copied", "ended"]
    record: TrialRecord
    report: Reported | None = None


class History:
    """The trials of an arm's search by position, and everything that happened to them in the ledger's order."""

    def __init__(self) -> None:
        self.n_live = 0
        self._trials: dict[int, TrialRecord] = {}
        self._changes: list[Change] = []
        self._folds: dict[Hashable, tuple[int, Any]] = {}

    def __iter__(self) -> Iterator[TrialRecord]:
        return iter(self._trials.values())

    def __len__(self) -> int:
        return len(self._trials)

    def __contains__(self, position: object) -> bool:
        return position in self._trials

    def __getitem__(self, position: int) -> TrialRecord:
        return self._trials[position]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and (self._trials, self._changes) == (other._trials, other._changes)

    __hash__ = None  # type: ignore[assignment]  # it grows

    def add(self, change: Change) -> None:
        """Enter what happened. The state does this; nobody else."""
        self._trials[change.record.position] = change.record
        self.n_live += (change.kind == "issued") - (change.kind == "ended")
        self._changes.append(change)

    def reopen(self, record: TrialRecord) -> None:
        """A trial that had ended goes on: whoever decides from here on sees a search in which it never had."""
        self._changes = [change for change in self._changes if not (change.kind == "ended" and change.record is record)]
        self._folds.clear()
        self.n_live += 1

    def fold(self, key: Hashable, start: Callable[[], T], step: Callable[[T, Change], None]) -> T:
        """`start()` after a `step` for every change so far. Kept under `key`, so that each change is met once.

        What a reader remembers is then a function of the history, and cheap however long it grows: rung tables, a study.
        """
        n, value = self._folds.get(key, (0, None))
        if value is None:
            value = start()
        for change in self._changes[n:]:
            step(value, change)
        self._folds[key] = (len(self._changes), value)
        return value  # type: ignore[no-any-return]
