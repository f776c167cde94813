"""What a sweep's confirmations say: the verdict on each arm's best configuration, from its scores on the test split."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gensweep import registry
from gensweep.comparison.collect import TEST, Trials, loss
from gensweep.comparison.judge import ArmScore, Bounds, bounded
from gensweep.comparison.words import Scale, Verdict
from gensweep.text import counted, number

_DIGITS = 3
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Confirmation:
    """The verdict, and what it rests on.

    `chosen` maps each arm to the trial of the search that was confirmed, `selected` to the score that this one had on the
    validation split when it was chosen, and `optimism` to how much better that was than its mean on the test split. `missing`
    counts the seeds of each arm that failed or are not over; `running` those that are not over, of all arms. `unfound` are
    arms whose search left nothing to confirm.
    """

    metric: str
    bounds: Bounds
    chosen: Mapping[str, int]
    selected: Mapping[str, float]
    optimism: Mapping[str, float | None]
    missing: Mapping[str, int]
    running: int
    unfound: Sequence[str]

    @property
    def verdict(self) -> Verdict:
        """Of the scores that there are."""
        return self.bounds.without

    def sentence(self) -> str:
        """The verdict in plain words, and what could still change it."""
        parts = [f"By {self.metric} on the test split: {self.verdict.sentence}"]
        if self.unfound:
            parts.append(f"Nothing to confirm, for no trial has a score: {', '.join(self.unfound)}.")
        if self.running:
            parts.append(f"So far: {counted(self.running, 'seed')} not over yet.")
        failed = sum(self.missing.values()) - self.running
        if failed:
            kept = (
                "would say the same whatever their scores" if self.bounds.hold else "could be another with their scores"
            )
            parts.append(f"{counted(failed, 'seed')} failed and left out: the verdict {kept}.")
        return " ".join(parts)

    def table(self) -> list[dict[str, str]]:
        """One row an arm, ready to print: column -> text. The best arm first."""
        return [self._row(arm) for arm in self.verdict.arms]

    def _row(self, arm: ArmScore) -> dict[str, str]:
        centre = arm.median if self.verdict.statistic == "median" else arm.mean
        share = "" if arm.confidence is None else f" ({arm.confidence:.0%})"
        interval = "" if arm.low is None or arm.high is None else f" [{_text(arm.low)}, {_text(arm.high)}]{share}"
        return {
            "arm": arm.name,
            "trial": str(self.chosen[arm.name]),
            f"test {self.metric}, {self.verdict.statistic} [interval]": f"{_text(centre)}{interval}",
            "seed sd": _text(arm.sd),
            "seeds": str(arm.seeds),
            "diverged": str(arm.diverged),
            "when chosen": _text(self.selected[arm.name]),
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
                "verdict": f"{pair.a} is better" if pair.distinguished else "not distinguished",
            }
            for pair in self.verdict.pairs
        ]

    def as_dict(self) -> dict[str, Any]:
        """Numbers for JSON."""
        found = self.verdict.as_dict()
        for arm in found["arms"]:
            name = arm["arm"]
            arm |= {"trial": self.chosen[name], "selected": self.selected[name], "optimism": self.optimism[name],
                    "missing": self.missing[name]}  # fmt: skip
        found["verdict"]["sentence"] = self.sentence()
        return {"metric": self.metric, "running": self.running, "holds": self.bounds.hold, **found}


def confirmation(table: Trials) -> Confirmation | None:
    """What the confirmations in `table` say; None where it has none."""
    rows = [row for row in table.rows if row["parent"] is not None]
    if not rows:
        return None
    by_number = {row["number"]: row for row in table.rows}
    chosen = {arm: _chosen([row for row in rows if row["arm"] == arm], table) for arm in _arms(rows)}
    members = {arm: [row for row in rows if row["parent"] == parent] for arm, parent in chosen.items()}
    objective = table.objective
    scores = {arm: [_score(row, table) for row in own if _is_scored(row)] for arm, own in members.items()}
    selected = {arm: float(by_number[parent].get(objective.metric, math.nan)) for arm, parent in chosen.items()}
    missing = {arm: sum(not _is_scored(row) for row in own) for arm, own in members.items()}
    bounds = bounded(scores, missing, objective.mode, scale=scale_of(objective.metric, scores))
    return Confirmation(
        metric=objective.metric,
        bounds=bounds,
        chosen=chosen,
        selected=selected,
        optimism={arm: _optimism(selected[arm], scores[arm], table) for arm in chosen},
        missing=missing,
        running=sum(row["outcome"] == "" for own in members.values() for row in own),
        unfound=[arm for arm in _arms(table.rows) if arm not in chosen and _is_over(table.rows, arm)],
    )


def scale_of(metric: str, scores: Mapping[str, Sequence[float]]) -> Scale:
    """By ratios, where the metric's scores spread in proportion to their size, and all are above 0."""
    member: Any = registry.load("metrics", metric.partition(".")[0])
    values = [value for own in scores.values() for value in own if math.isfinite(value)]
    return "log" if member.is_ratio and "." not in metric and values and min(values) > 0 else "linear"


def _chosen(rows: Sequence[Row], table: Trials) -> int:
    """Which of an arm's confirmed trials stands for it: the best on the validation split, for the test split chooses none."""
    parents = list(dict.fromkeys(int(row["parent"]) for row in rows))

    def mean(parent: int) -> float:
        scored = [loss(row, table.objective) for row in rows if row["parent"] == parent and _is_scored(row)]
        return _mean(scored) if scored else math.inf

    return min(parents, key=lambda parent: (mean(parent), parents.index(parent)))


def _score(row: Row, table: Trials) -> float:
    """A seed's score on the test split: the worst there is where it diverged, or left nothing finite."""
    objective = table.objective
    value = row.get(f"{TEST}{objective.metric}", math.nan) if row["outcome"] == "COMPLETED" else math.nan
    return objective.value(objective.loss(value))


def _is_scored(row: Row) -> bool:
    return row["outcome"] not in ("", "FAILED")


def _is_over(rows: Sequence[Row], arm: str) -> bool:
    return all(row["outcome"] for row in rows if row["arm"] == arm)


def _optimism(selected: float, scores: Sequence[float], table: Trials) -> float | None:
    if not scores or not all(map(math.isfinite, scores)) or not math.isfinite(selected):
        return None
    return table.objective.loss(_mean(scores)) - table.objective.loss(selected)


def _mean(values: Sequence[float]) -> float:
    """Their mean, of numbers too whose sum is beyond all floats."""
    return math.fsum(value / len(values) for value in values)


def _arms(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(str(row["arm"]) for row in rows))


def _text(value: float | None) -> str:
    return "–" if value is None else number(value, _DIGITS)


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" [{_text(low)}, {_text(high)}]"
