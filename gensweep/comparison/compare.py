"""The trials of one or several sweeps in groups, ranked: the answer in a sentence and in tables.

compare(folders) -> Comparison -> sentence(), table(), pairs(), ...; report.write makes files of it
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gensweep import registry
from gensweep.comparison import collect
from gensweep.comparison.collect import Trials
from gensweep.comparison.rank import Group, Interval, Pair, Ranking, rank
from gensweep.errors import ConfigError, NoUsableTrial, suggest
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.objective import Objective
from gensweep.text import counted, duration, number

DIGITS = 3  # of an estimate; its interval says that there are no more
_STEP = re.compile(r" at step \d+$")  # the same reason, whenever it came
_CSV_COLUMNS = (
    "group", "trials", "usable", "diverged", "failed", "best", "best_trial", "median", "iqm",
    "expected_best", "expected_best_low", "expected_best_high", "budget", "seconds", "evaluation_seconds",
)  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """The trials of some sweeps in groups, and their ranking. `by` is the column that makes the groups.

    `without` counts the trials that are left out, by their arm, because their family has nothing in that column.
    """

    sweeps: tuple[str, ...]
    by: str
    rows: list[dict[str, Any]]
    axes: list[str]
    scores: list[str]
    ranking: Ranking
    without: Mapping[str, int] = field(default_factory=dict)

    def sentence(self) -> str:
        """The answer in one sentence, and in another what is left out of it."""
        return " ".join(filter(None, (self._answer(), self._left_out())))

    def _left_out(self) -> str:
        if not self.without:
            return ""
        each = ", ".join(f"{trials_of(n)} of {arm}" for arm, n in self.without.items())
        return f"Left out, for they have no {self.by}: {each}."

    def _answer(self) -> str:
        first, *others = self.ranking.groups
        title, budget = _title(self.ranking.objective.metric), trials_of(self.ranking.budget)
        estimate = f"expected best {title} {_with_interval(first.expected)} at {budget}"
        if not others:
            return f"{first.name}: {estimate}; there is no other group to compare it with."
        pairs = [self.ranking.pair(first.name, other.name) for other in others]
        if all(pair.is_tie for pair in pairs):
            opening = f"No clear winner: {first.name} is ahead with {estimate}"
        else:
            opening = f"{first.name} leads with {estimate}"
        told = [_against(pair) for pair in pairs if not pair.tells_nothing]
        untold = ", ".join(pair.second for pair in pairs if pair.tells_nothing)
        return "; ".join([opening, *told, *([f"too few trials to tell it from {untold}"] if untold else [])]) + "."

    def table(self) -> list[dict[str, str]]:
        """One row a group, ready to print: column -> text. The best group first."""
        return [_table_row(group, self.by, self.ranking.budget) for group in self.ranking.groups]

    def pairs(self) -> list[dict[str, str]]:
        """One row a pair of groups: the probability that a trial of the first is better than one of the second."""
        return [
            {"pair": f"{pair.first} better than {pair.second}", "P [95 % CI]": _probability(pair),
             "verdict": "tie" if pair.is_tie else f"{pair.verdict} is better"}
            for pair in self.ranking.pairs
        ]  # fmt: skip

    def best(self) -> list[dict[str, str]]:
        """One row a group: its best trial, with what was searched and every main score."""
        found = []
        by_trial = {row["trial"]: row for row in self.rows}
        for group in self.ranking.groups:
            if group.best_trial:
                row = by_trial[group.best_trial]
                columns = [*self.axes, *(name for name in self.scores if "." not in name)]
                cells = {column: text(row.get(column)) for column in columns}
                found.append({self.by: group.name, "trial": group.best_trial, **cells})
        return found

    def other_scores(self) -> dict[str, str]:
        """Score -> the order of the groups by it, best first, or why there is none."""
        own = self.ranking.objective.metric
        return {name: self._order_by(name) for name in self.scores if "." not in name and name != own}

    def _order_by(self, score: str) -> str:
        try:
            if (objective := _objective_of(score)) is None:
                return "not ranked: it only watches for something"
            ranking = rank(self.rows, objective, budget=self.ranking.budget)
        except (ConfigError, NoUsableTrial) as error:
            return "not ranked: " + str(error).splitlines()[0]
        return ", ".join(group.name for group in ranking.groups)

    def endings(self) -> list[str]:
        """The reasons of the trials that diverged or failed, the most frequent first, in lines."""
        counts = Counter(
            (row["group"], row["outcome"].lower(), _STEP.sub("", row["reason"]) or "no reason was recorded")
            for row in self.rows if row["outcome"] in ("DIVERGED", "FAILED")
        )  # fmt: skip
        return [f"{group}: {n} {outcome}: {reason}" for (group, outcome, reason), n in counts.most_common(20)]

    def csv(self) -> bytes:
        """comparison.csv: one row a group, every digit."""
        rows = [
            {"group": g.name, "trials": g.n, "usable": g.usable, "diverged": g.diverged, "failed": g.failed,
             "best": g.best, "best_trial": g.best_trial, "median": g.median, "iqm": g.iqm,
             "expected_best": g.expected.value, "expected_best_low": g.expected.low,
             "expected_best_high": g.expected.high, "budget": self.ranking.budget, "seconds": g.seconds,
             "evaluation_seconds": g.evaluation_seconds}
            for g in self.ranking.groups
        ]  # fmt: skip
        return collect.as_csv(rows, _CSV_COLUMNS)


def compare(
    folders: Sequence[SweepFolder], *, metric: str | None = None, by: str | None = None, budget: int | None = None
) -> Comparison:
    """Rank the arms of the sweeps in `folders`, or the groups that another column makes. As `compared`."""
    return compared([collect.trials(folder) for folder in folders], metric=metric, by=by, budget=budget)


def compared(
    tables: Sequence[Trials], *, metric: str | None = None, by: str | None = None, budget: int | None = None
) -> Comparison:
    """Rank the groups that the column `by` makes of the trials in `tables`: by default the arms.

    Raises:
        ConfigError: the sweeps have no common objective, protocols differ, `metric`, `by` or `budget` is unknown, or
            neither direction of `metric` is better.
        NoUsableTrial: there is no finite score to compare.
    """
    rows = [dict(row) for table in tables for row in table.rows if row["parent"] is None]  # the search's alone
    is_one = len(tables) == 1
    axes = list(dict.fromkeys(axis for table in tables for axis in table.axes))
    scores = list(dict.fromkeys(score for table in tables for score in table.scores))
    objective = _objective(tables, metric, scores)
    by = _grouping(by or "arm", tables, axes)
    unused = [row for row in rows if by in row["unused"]]
    rows = [row for row in rows if by not in row["unused"]]
    for row in rows:
        row["trial"] = str(row["number"]) if is_one else f"{row['sweep']}/{row['number']}"
        name = text(row.get(by))
        row["group"] = name if is_one or by == "sweep" else f"{row['sweep']}: {name}"
    ranking = rank(rows, objective, budget=budget)
    without = Counter(row["arm"] if is_one else f"{row['sweep']}: {row['arm']}" for row in unused)
    return Comparison(tuple(table.sweep for table in tables), by, rows, axes, scores, ranking, without)


def text(value: Any) -> str:
    """A cell as text, a number with the digits of an estimate."""
    return number(value, DIGITS)


def trials_of(n: int) -> str:
    """`1 trial`, `2 trials`."""
    return counted(n, "trial")


def _objective(tables: Sequence[Trials], metric: str | None, scores: Sequence[str]) -> Objective:
    own = {table.objective.metric: table.objective for table in tables}
    if metric is None and len({(o.metric, o.mode) for o in (table.objective for table in tables)}) > 1:
        known = ", ".join(f"{table.sweep} by {table.objective.metric}" for table in tables)
        raise ConfigError(f"the sweeps have different objectives ({known}). Name one score for all with --metric.")
    wanted = metric or next(iter(own))
    if scores and wanted not in scores:
        raise ConfigError(f"no trial has the score '{wanted}'. {suggest(wanted, scores)}")
    objective = own.get(wanted) or _objective_of(wanted)
    if objective is None:
        measures = ", ".join(score for score in scores if _objective_of(score)) or "a score that measures quality"
        raise ConfigError(
            f"'{wanted}' only tells about models: neither more nor less of it is better. Rank by {measures}."
        )
    return objective


def _objective_of(score: str) -> Objective | None:
    """A score with the direction that the metric which gives it says is better; None where neither is."""
    name, _, detail = score.partition(".")
    metric: Any = registry.load("metrics", name)
    mode = metric.detail_modes.get(detail) if detail else metric.mode if metric.is_quality else None
    return Objective(metric=score, mode=mode) if mode else None


def _grouping(by: str, tables: Sequence[Trials], axes: Sequence[str]) -> str:
    known = ["arm", "family", "sweep", *axes]
    if by not in known:
        cure = suggest(by, known)
        raise ConfigError(f"--by: there is no column '{by}', for only what differs between trials has one. {cure}")
    without = [table.sweep for table in tables if by in axes and by not in table.axes]
    if without:
        shared = [axis for axis in axes if all(axis in table.axes for table in tables)]
        told = f"--by {by}: {', '.join(without)} has no such column, for its trials do not differ in it"
        raise ConfigError(f"{told}. Group by one of {', '.join(['arm', 'family', 'sweep', *shared])}.")
    return by


def _against(pair: Pair) -> str:
    """What the leader's comparison with one other group says; P is that a trial of the leader is the better one."""
    figures = f"(P = {_probability(pair)})"
    if pair.is_tie:
        return f"{pair.second} is a tie {figures}"
    if pair.verdict == pair.second:
        return f"yet a single trial of {pair.second} is more often the better one {figures}"
    return f"{pair.second} is worse {figures}"


def _table_row(group: Group, by: str, budget: int) -> dict[str, str]:
    return {
        by: group.name,
        "trials": str(group.n),
        "usable": str(group.usable),
        "diverged": f"{group.diverged_share:.0%}",
        "failed": str(group.failed),
        f"expected best of {budget} [95 % CI]": _with_interval(group.expected),
        "best": text(group.best),
        "median": text(group.median),
        "IQM": text(group.iqm),
        "compute": duration(group.seconds + group.evaluation_seconds),
    }


def _with_interval(interval: Interval) -> str:
    if math.isnan(interval.low):
        return text(interval.value)
    return f"{text(interval.value)} [{text(interval.low)}, {text(interval.high)}]"


def _probability(pair: Pair) -> str:
    p = pair.probability
    return f"{p.value:.2f} [{p.low:.2f}, {p.high:.2f}]"


def _title(metric: str) -> str:
    return metric.upper() if len(metric) <= 3 else metric.replace("_", " ")
