"""What the trials of each group cost: the search's and those that confirm it, all of them, however they ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gensweep.ledger.clock import covered
from gensweep.text import counted, duration

if TYPE_CHECKING:
    from gensweep.comparison.compare import Comparison

Row = Mapping[str, Any]
NOTE = (
    "Cost: of every trial, also of those that diverged, failed or were stopped early; a confirmation counts with the trial that "
    "it confirms. Search and confirmation: seconds of training and evaluation, by device where there are several; of it "
    "evaluation: of both. Items seen: of the training split, each as often as it was trained on. Wall time: while at least one "
    "of the trials was in hand; those of several arms may be the same hours."
)


@dataclass(frozen=True)
class Cost:
    """What some trials took. `items` are those of the training split that were seen, None where a trial does not say."""

    trials: int
    confirmations: int
    training_seconds: float
    evaluation_seconds: float
    confirmation_seconds: float
    seconds_by_device: Mapping[str, float]
    items: int | None
    wall_seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Numbers for JSON; seconds of training and of evaluation are the search's alone."""
        return {
            "search_trials": self.trials, "confirmations": self.confirmations, "training_seconds": self.training_seconds,
            "evaluation_seconds": self.evaluation_seconds, "confirmation_seconds": self.confirmation_seconds,
            "seconds_by_device": dict(self.seconds_by_device), "items_seen": self.items, "wall_seconds": self.wall_seconds,
        }  # fmt: skip


def cost_of(rows: Sequence[Row]) -> Cost:
    """The cost of trials."""
    search = [row for row in rows if row["parent"] is None]
    confirming = [row for row in rows if row["parent"] is not None]
    items = [row["items"] for row in rows if row["items"] is not None or row["seconds"] > 0]
    return Cost(
        trials=len(search),
        confirmations=len(confirming),
        training_seconds=float(sum(row["seconds"] for row in search)),
        evaluation_seconds=float(sum(row["evaluation_seconds"] for row in search)),
        confirmation_seconds=float(sum(map(_seconds, confirming))),
        seconds_by_device=_by_device(rows),
        items=None if None in items else sum(items),
        wall_seconds=covered(span for row in rows for span in row["spans"]),
    )


def costs(comparison: Comparison) -> dict[str, Cost]:
    """Group -> the cost of its trials, those not over too."""
    rows: dict[str, list[Row]] = {}
    for row in comparison.rows:
        rows.setdefault(row["group"], []).append(row)
    return {group: cost_of(own) for group, own in rows.items()}


def table(comparison: Comparison, groups: Sequence[str]) -> list[dict[str, str]]:
    """One row a group, ready to print."""
    rows = {group: [row for row in comparison.rows if row["group"] == group] for group in groups}
    found = comparison.costs()
    n_devices = len({row["device"] for row in comparison.rows})
    return [
        {
            comparison.by: group,
            "search": _part("trial", [row for row in rows[group] if row["parent"] is None], n_devices),
            "confirmation": _part("seed", [row for row in rows[group] if row["parent"] is not None], n_devices),
            "of it evaluation": duration(sum(row["evaluation_seconds"] for row in rows[group])),
            "items seen": "–" if found[group].items is None else f"{found[group].items:,}",
            "wall time": duration(found[group].wall_seconds),
        }
        for group in groups
    ]


def notes(comparison: Comparison) -> list[str]:
    """What the costs count, and where the trials trained if that was on several machines."""
    found = Counter(row["host"] for row in comparison.rows if row["host"])
    if len(found) < 2:
        return [NOTE]
    where = "; ".join(f"{host}, {counted(n, 'trial')}" for host, n in sorted(found.items()))
    return [NOTE, f"Trained on {len(found)} machines, each trial where it last was: {where}."]


def compute(comparison: Comparison, group: str) -> str:
    """What a group took, its confirmations too; by device where the trials of the sweep ran on several."""
    own = [row for row in comparison.rows if row["group"] == group]
    return _on(own, len({row["device"] for row in comparison.rows}))


def _part(noun: str, rows: Sequence[Row], n_devices: int) -> str:
    return f"{counted(len(rows), noun)}, {_on(rows, n_devices)}" if rows else "–"


def _on(rows: Sequence[Row], n_devices: int) -> str:
    """Seconds of unlike devices are not added up."""
    found = _by_device(rows)
    if n_devices < 2:
        return duration(sum(found.values()))
    return ", ".join(f"{duration(seconds)} on {name or 'an unknown device'}" for name, seconds in found.items())


def _by_device(rows: Sequence[Row]) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in rows:
        found[row["device"]] = found.get(row["device"], 0.0) + _seconds(row)
    return found


def _seconds(row: Row) -> float:
    return float(row["seconds"] + row["evaluation_seconds"])
