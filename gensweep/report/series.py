"""The numbers behind the charts: plain series from the rows of a sweep, which Plotly and Matplotlib draw."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gensweep.comparison.collect import TEST, Trials, loss
from gensweep.comparison.confirmation import Confirmation
from gensweep.comparison.distributions import best_of_curve
from gensweep.comparison.search import Search
from gensweep.objective import Objective
from gensweep.text import finite

Row = Mapping[str, Any]
_WIDE = 20  # the ratio of scores from which on they are drawn on a logarithm
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Incumbent:
    """An arm's best score so far: after each of its trials that ended, in order, and after how many seconds of them."""

    arm: str
    trials: list[int]
    seconds: list[float]
    scores: list[float]


@dataclass(frozen=True)
class Budgets:
    """The median of an arm's best of k drawn configurations, where it is finite, in its interval; an end may be infinite."""

    arm: str
    k: list[int]
    low: list[float]
    middle: list[float]
    high: list[float]


@dataclass(frozen=True)
class Seeds:
    """An arm's confirmation: (trial, test score) of each seed, the trials that diverged and those without a result.

    `centre` in `low` to `high` is the statistic of the verdict; None where there is none. An end may be infinite, a centre not.
    """

    arm: str
    scores: list[tuple[int, float]]
    diverged: list[int]
    absent: list[int]
    centre: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Training:
    """A trial's objective on the validation split at each evaluation: [(epoch, score)], and whether it diverged."""

    arm: str
    number: int
    points: list[tuple[int, float]]
    diverged: bool


@dataclass(frozen=True)
class Band:
    """Of several trainings at each epoch: the middle, and from where to where they lie."""

    epochs: list[int]
    low: list[float]
    middle: list[float]
    high: list[float]


@dataclass(frozen=True)
class Ending:
    """Trials that ended alike: an example of their reason, and how many there are of each arm."""

    outcome: str
    reason: str
    arms: dict[str, int]
    numbers: list[int]


def arms_of(table: Trials) -> list[str]:
    """The arms, in the order in which their first trials were issued."""
    return list(dict.fromkeys(str(row["arm"]) for row in table.rows))


def searched(table: Trials) -> list[Row]:
    """The trials of the search, without confirmations."""
    return [row for row in table.rows if row["parent"] is None]


def best_of(table: Trials, arm: str) -> Row | None:
    """The best trial of an arm's search; None where none has a score."""
    rows = [row for row in searched(table) if row["arm"] == arm and math.isfinite(loss(row, table.objective))]
    return min(rows, key=lambda row: loss(row, table.objective), default=None)


def cost(row: Row) -> float:
    """Seconds of training and evaluation."""
    return float(row["seconds"]) + float(row["evaluation_seconds"])


def score(row: Row, objective: Objective) -> float | None:
    """The finite score of a trial that ended with a result, else None."""
    value = loss(row, objective)
    return objective.value(value) if math.isfinite(value) else None


def known_score(row: Row, objective: Objective) -> float:
    """The score of a trial that has one."""
    return objective.value(loss(row, objective))


def edge(values: Sequence[float], *, is_min: bool) -> float:
    """Where what has no score stands: beyond the worst of those that have one; 1 where none has."""
    if not values:
        return 1.0
    low, high = min(values), max(values)
    if is_wide(values):
        return high * 1.4 if is_min else low / 1.4
    step = 0.1 * (high - low or abs(high) or 1.0)
    return high + step if is_min else low - step


def is_wide(values: Sequence[float]) -> bool:
    """Whether positive numbers span so much that they are read on a logarithm only."""
    return bool(values) and min(values) > 0 and max(values) / min(values) > _WIDE


def incumbents(table: Trials) -> list[Incumbent]:
    """Of each arm the best so far over its trials that ended; those without a score leave it as it was."""
    return [found for arm in arms_of(table) if (found := _incumbent(table, arm)).scores]


def _incumbent(table: Trials, arm: str) -> Incumbent:
    found, best, spent = Incumbent(arm, [], [], []), math.inf, 0.0
    ended = (row for row in searched(table) if row["arm"] == arm and row["outcome"])
    for n, row in enumerate(ended, start=1):
        best, spent = min(best, loss(row, table.objective)), spent + cost(row)
        if math.isfinite(best):
            found.trials.append(n)
            found.seconds.append(spent)
            found.scores.append(table.objective.value(best))
    return found


def best_of_budgets(table: Trials, search: Search) -> list[Budgets]:
    """Of each arm the best of k over all k; none where configurations were not drawn, or where one k is all that is known."""
    ranked = [group.name for group in search.groups if group.best_of is not None]
    found = [_budgets(table, arm, search.objective) for arm in ranked]
    return found if any(len(each.k) > 1 for each in found) else []


def _budgets(table: Trials, arm: str, objective: Objective) -> Budgets:
    own = [r for r in searched(table) if r["arm"] == arm and r["outcome"] in ("COMPLETED", "DIVERGED")]
    found = Budgets(arm, [], [], [], [])
    for point in best_of_curve([loss(row, objective) for row in own], [cost(row) for row in own]):
        if math.isfinite(point.best.value):
            found.k.append(point.k)
            low, high = sorted((objective.value(point.best.low), objective.value(point.best.high)))
            found.low.append(low)
            found.middle.append(objective.value(point.best.value))
            found.high.append(high)
    return found


def front(table: Trials) -> list[Row]:
    """The trials of the search that none betters at the same cost or less, the cheapest first."""
    scored = [row for row in searched(table) if score(row, table.objective) is not None]
    kept: list[Row] = []
    for row in sorted(scored, key=lambda row: (cost(row), loss(row, table.objective))):
        if not kept or loss(row, table.objective) < loss(kept[-1], table.objective):
            kept.append(row)
    return kept


def seeds(table: Trials, found: Confirmation) -> list[Seeds]:
    """Every arm's confirmed seeds, in the order of the verdict."""
    return [_seeds(table, found, arm.name) for arm in found.verdict.arms]


def _seeds(table: Trials, found: Confirmation, arm: str) -> Seeds:
    judged = next(each for each in found.verdict.arms if each.name == arm)
    rows = [row for row in table.rows if row["parent"] == found.number(arm)]
    scores = {int(row["number"]): row.get(f"{TEST}{found.metric}") for row in rows if row["outcome"] == "COMPLETED"}
    centre = judged.median if found.verdict.statistic == "median" else judged.mean
    return Seeds(
        arm=arm,
        scores=[
            (number, float(value)) for number, value in scores.items() if value is not None and math.isfinite(value)
        ],
        diverged=[
            int(row["number"])
            for row in rows
            if row["outcome"] not in ("", "FAILED") and finite(scores.get(int(row["number"]))) is None
        ],
        absent=[int(row["number"]) for row in rows if row["outcome"] in ("", "FAILED")],
        centre=finite(centre),
        low=judged.low,
        high=judged.high,
    )


def trainings(rows: Sequence[Row], objective: Objective) -> list[Training]:
    """Each trial's objective at each of its evaluations; those that reported none are left out."""
    found = []
    for row in rows:
        points = [(report.epoch, float(report.scores.get(objective.metric, math.nan))) for report in row["reports"]]
        finite = [(epoch, value) for epoch, value in points if math.isfinite(value)]
        if finite:
            found.append(Training(str(row["arm"]), int(row["number"]), finite, row["outcome"] == "DIVERGED"))
    return found


def band(trainings_of_one: Sequence[Training], *, quartiles: bool) -> Band:
    """The median of trainings at each epoch, and their least and greatest, or their quartiles; where two or more reported."""
    by_epoch: dict[int, list[float]] = {}
    for training in trainings_of_one:
        for epoch, value in training.points:
            by_epoch.setdefault(epoch, []).append(value)
    found = Band([], [], [], [])
    for epoch, values in sorted(by_epoch.items()):
        if len(values) > 1:
            low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
            found.epochs.append(epoch)
            found.low.append(low if quartiles else min(values))
            found.middle.append(middle)
            found.high.append(high if quartiles else max(values))
    return found


def endings(table: Trials) -> list[Ending]:
    """Trials that diverged or failed, those of one reason together whatever numbers it names; the most frequent first."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in table.rows:
        if row["outcome"] in ("DIVERGED", "FAILED"):
            groups.setdefault((row["outcome"], _NUMBER.sub("#", row["reason"])), []).append(row)
    found = [
        Ending(outcome, str(rows[0]["reason"]), _counts(rows), [int(row["number"]) for row in rows])
        for (outcome, _), rows in groups.items()
    ]
    return sorted(found, key=lambda ending: -len(ending.numbers))


def outcomes(table: Trials) -> Iterator[tuple[str, dict[str, int]]]:
    """Of each arm how many trials ended in which way; RUNNING are those that have not."""
    for arm in arms_of(table):
        own: dict[str, int] = {}
        for row in table.rows:
            if row["arm"] == arm:
                own[row["outcome"] or "RUNNING"] = own.get(row["outcome"] or "RUNNING", 0) + 1
        yield arm, own


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows:
        counts[str(row["arm"])] = counts.get(str(row["arm"]), 0) + 1
    return counts
