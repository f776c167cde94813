"""What a sweep's confirmations say: the verdict on each arm's best configuration, from its scores on the test split."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gensweep import registry
from gensweep.comparison.collect import TEST, Trials, lacks, loss
from gensweep.comparison.failed import FailedSeeds, failed_of, sentences
from gensweep.comparison.judge import ArmScore, Bounds, bounded
from gensweep.comparison.words import Scale, Verdict
from gensweep.objective import Objective
from gensweep.text import counted, finite, number

_DIGITS = 3
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Confirmation:
    """The verdict, and what it rests on.

    `chosen` maps each arm to the trial of the search that was confirmed, `selected` to the score that this one had on the
    validation split when it was chosen, `validation` to the mean of its fresh seeds there, and `optimism` to how much better
    the score was when it was chosen than their mean on the test split. `missing` counts the seeds of each arm that failed or
    are not over; `running` those that are not over, of all arms, and `failed` has the arms with seeds that failed. `unfound`
    are arms whose search left nothing to confirm, `waiting` those of which nothing is confirmed yet, and `lacking` those whose
    confirmations have no such score. `seconds` are what the confirmations of each arm took, training and evaluation together.
    """

    metric: str
    bounds: Bounds
    chosen: Mapping[str, str]
    selected: Mapping[str, float]
    validation: Mapping[str, float | None]
    optimism: Mapping[str, float | None]
    failed: Mapping[str, FailedSeeds]
    missing: Mapping[str, int]
    running: int
    unfound: Sequence[str]
    waiting: Sequence[str]
    lacking: Sequence[str]
    seconds: Mapping[str, float]

    @property
    def verdict(self) -> Verdict:
        """Of the scores that there are."""
        return self.bounds.without

    def arm(self, name: str) -> ArmScore | None:
        """An arm's score, None where it was not confirmed."""
        return next((arm for arm in self.verdict.arms if arm.name == name), None)

    def number(self, name: str) -> int:
        """The number of the trial that stands for an arm, within its sweep."""
        return int(self.chosen[name].rpartition("/")[2])

    def sentence(self) -> str:
        """The verdict in plain words, and what could still change it."""
        parts = [f"By {self.metric} on the test split: {self.verdict.sentence}"]
        if self.lacking and not self.verdict.arms:
            parts = [f"Not confirmed by {self.metric}: no seed has that score on the test split."]
        if self.running:
            parts = [f"So far, and no verdict before {counted(self.running, 'more seed')} of it: b{parts[0][1:]}"]
        if self.unfound:
            parts.append(f"Nothing to confirm, for no trial has a score: {', '.join(self.unfound)}.")
        if self.waiting:
            parts.append(f"Not confirmed so far: {', '.join(self.waiting)}.")
        if self.lacking and self.verdict.arms:
            parts.append(
                f"Not ranked, for their seeds have no {self.metric} on the test split: {', '.join(self.lacking)}."
            )
        return " ".join([*parts, *sentences(self.failed, holds=self.bounds.hold)])

    def table(self) -> list[dict[str, str]]:
        """One row an arm, ready to print: column -> text. The best arm first."""
        return [self._row(arm) for arm in self.verdict.arms]

    def _row(self, arm: ArmScore) -> dict[str, str]:
        centre = arm.median if self.verdict.statistic == "median" else arm.mean
        share = "" if arm.confidence in (None, 0.95) else f" ({arm.confidence:.0%})"
        interval = "" if arm.low is None or arm.high is None else f" [{_text(arm.low)}, {_text(arm.high)}]{share}"
        failed = self.failed.get(arm.name)
        lost = {"diverged": arm.diverged, "failed": failed.n if failed else 0}
        return {
            "arm": arm.name,
            "trial": self.chosen[arm.name],
            f"test {self.metric}, {self.verdict.statistic} [95 % CI]": f"{_text(centre)}{interval}",
            "seed sd": _text(arm.sd),
            "seeds": ", ".join([str(arm.seeds), *(f"{n} {how}" for how, n in lost.items() if n)]),
            "when chosen": _text(self.selected[arm.name]),
            "fresh, validation": _text(self.validation[arm.name]),
            "optimism": _text(self.optimism[arm.name]),
        }

    def pairs(self) -> list[dict[str, str]]:
        """One row a pair of arms: the p of their difference, adjusted for all pairs."""
        ratio = self.verdict.scale == "log"
        return [
            {
                "pair": f"{pair.a} and {pair.b}",
                "ratio" if ratio else "difference": _text(pair.effect) + _interval(pair.low, pair.high),
                "adjusted p": f"{pair.p_adjusted:.3g}",
                "verdict": f"{pair.a} is better"
                if pair.distinguished
                else "equal"
                if pair.equal
                else "not distinguished",
            }
            for pair in self.verdict.pairs
        ]

    def as_dict(self) -> dict[str, Any]:
        """Numbers for JSON."""
        found = self.verdict.as_dict()
        for arm in found["arms"]:
            name = arm["arm"]
            failed = self.failed.get(name)
            arm |= {"trial": self.chosen[name], "selected": finite(self.selected[name]), "validation": self.validation[name],
                    "optimism": self.optimism[name], "missing": self.missing[name], "seconds": self.seconds[name],
                    "failed": failed.as_dict() if failed else None}  # fmt: skip
        found["verdict"]["sentence"] = self.sentence()
        return {"metric": self.metric, "running": self.running, "holds": self.bounds.hold, **found}


def confirmation(table: Trials) -> Confirmation | None:
    """What the confirmations of one sweep's arms say, by its objective; None where it has none."""
    rows = [row | {"group": row["arm"], "trial": str(row["number"])} for row in table.rows]
    return confirmation_of(rows, table.objective, names={table.sweep: table.to_confirm})


def confirmation_of(
    rows: Sequence[Row],
    objective: Objective,
    margin: float | None = None,
    every: Sequence[Row] = (),
    names: Mapping[str, str] | None = None,
) -> Confirmation | None:
    """What the confirmations among `rows` say of the groups (column `group`), by `objective`; None where there is none.

    `every` are all rows, where trials that another sweep has too are left out of `rows`. Within a difference of `margin` arms
    are called equal; in units of the score, or a share of it where ratios are compared. `names` are how `gensweep confirm` is
    told of the sweeps, where that is not their names alone.
    """
    confirming = [row for row in rows if row["parent"] is not None]
    if not confirming:
        return None
    parents = {(row["sweep"], row["number"]): row for row in every or rows if row["parent"] is None}
    groups = {name: [row for row in confirming if row["group"] == name] for name in _groups(confirming)}
    left = [name for name in _groups(rows) if name not in groups]
    scored = {name: any(math.isfinite(loss(row, objective)) for row in rows if row["group"] == name) for name in left}
    lacking = [name for name, own in groups.items() if lacks(_tested(own), f"{TEST}{objective.metric}")]
    kept = {name: own for name, own in groups.items() if name not in lacking}
    chosen = {name: _chosen(own, objective) for name, own in kept.items()}
    members = {name: [row for row in own if _parent(row) == chosen[name]] for name, own in kept.items()}
    scores = {name: [_score(row, objective) for row in own if _is_scored(row)] for name, own in members.items()}
    selected = {name: _selected(parents.get(parent), objective.metric) for name, parent in chosen.items()}
    missing = {name: sum(not _is_scored(row) for row in own) for name, own in members.items()}
    return Confirmation(
        metric=objective.metric,
        bounds=bounded(scores, missing, objective.mode, scale=scale_of(objective.metric, scores), margin=margin),
        chosen={name: str(parents[parent]["trial"]) if parent in parents else "" for name, parent in chosen.items()},
        selected=selected,
        validation={name: _validation(own, objective) for name, own in members.items()},
        failed={name: found for name, own in members.items() if (found := failed_of(own, names or {}))},
        optimism={name: _optimism(selected[name], scores[name], objective) for name in kept},
        missing=missing,
        running=sum(row["outcome"] == "" for own in members.values() for row in own),
        unfound=[name for name in left if not scored[name] and _is_over(rows, name)],
        waiting=[name for name in left if scored[name]],
        lacking=lacking,
        seconds={name: sum(row["seconds"] + row["evaluation_seconds"] for row in own) for name, own in kept.items()},
    )


def scale_of(metric: str, scores: Mapping[str, Sequence[float]]) -> Scale:
    """By ratios, where the metric's scores spread in proportion to their size, and all are above 0."""
    member: Any = registry.load("metrics", metric.partition(".")[0])
    values = [value for own in scores.values() for value in own if math.isfinite(value)]
    return "log" if member.is_ratio and "." not in metric and values and min(values) > 0 else "linear"


def _parent(row: Row) -> tuple[str, int]:
    """Which trial of which sweep a confirmation confirms."""
    return row["sweep"], int(row["parent"])


def _chosen(rows: Sequence[Row], objective: Objective) -> tuple[str, int]:
    """Which of a group's confirmed trials stands for it: the best on the validation split, for the test split chooses none."""
    parents = list(dict.fromkeys(map(_parent, rows)))

    def mean(parent: tuple[str, int]) -> float:
        scored = [loss(row, objective) for row in rows if _parent(row) == parent and _is_scored(row)]
        return _mean(scored) if scored else math.inf

    return min(parents, key=lambda parent: (mean(parent), parents.index(parent)))


def _tested(rows: Sequence[Row]) -> list[Row]:
    """The confirmations that were scored on the test split, by whatever score."""
    return [row for row in rows if row["outcome"] == "COMPLETED" and any(name.startswith(TEST) for name in row)]


def _selected(parent: Row | None, metric: str) -> float:
    value = None if parent is None else parent.get(metric)
    return math.nan if value is None else float(value)


def _score(row: Row, objective: Objective) -> float:
    """A seed's score on the test split: the worst there is where it diverged, or left nothing finite."""
    value = row.get(f"{TEST}{objective.metric}") if row["outcome"] == "COMPLETED" else None
    return objective.value(objective.loss(math.nan if value is None else value))


def _is_scored(row: Row) -> bool:
    return row["outcome"] not in ("", "FAILED")


def _validation(rows: Sequence[Row], objective: Objective) -> float | None:
    """The mean of the fresh seeds on the validation split; None where one has no score there."""
    losses = [loss(row, objective) for row in rows if _is_scored(row)]
    return objective.value(_mean(losses)) if losses and all(map(math.isfinite, losses)) else None


def _is_over(rows: Sequence[Row], group: str) -> bool:
    return all(row["outcome"] for row in rows if row["group"] == group)


def _optimism(selected: float, scores: Sequence[float], objective: Objective) -> float | None:
    if not scores or not all(map(math.isfinite, scores)) or not math.isfinite(selected):
        return None
    return objective.loss(_mean(scores)) - objective.loss(selected)


def _mean(values: Sequence[float]) -> float:
    """Their mean, of numbers too whose sum is beyond all floats."""
    return math.fsum(value / len(values) for value in values)


def _groups(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(str(row["group"]) for row in rows))


def _text(value: float | None) -> str:
    return "–" if value is None else number(value, _DIGITS)


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" [{_text(low)}, {_text(high)}]"
