"""The verdict of one or several sweeps: a sentence, a table, and a report with its figures.

compare(folders) -> Comparison -> sentence(), table(), write()
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from gensweep import registry
from gensweep.comparison import collect, plots
from gensweep.comparison.rank import Group, Interval, Mode, Pair, Ranking, rank
from gensweep.errors import ConfigError, NoUsableTrial, suggest
from gensweep.ledger.durable import write_atomic
from gensweep.ledger.sweep_folder import SweepFolder

_STEP = re.compile(r" at step \d+$")  # the same reason, whenever it came
_NUMBER = re.compile(r"-\d+$")  # of a second branch with the name of the first
_CSV_COLUMNS = (
    "group", "trials", "usable", "diverged", "failed", "best", "best_trial", "median", "iqm",
    "expected_best", "expected_best_low", "expected_best_high", "budget", "seconds",
)  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """The trials of some sweeps in groups, and their ranking. `by` is the column that makes the groups."""

    sweeps: tuple[str, ...]
    by: str
    rows: list[dict[str, Any]]
    axes: list[str]
    scores: list[str]
    ranking: Ranking

    def sentence(self) -> str:
        """The answer in one sentence."""
        first, *others = self.ranking.groups
        budget = self.ranking.budget
        estimate = f"expected best {_title(self.ranking.metric)} {_with_interval(first.expected)} at {_trials(budget)}"
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

    def namesakes(self) -> list[str]:
        """What tells apart the branches that share a family's name, one line each: `wgan-2: constraint=clip`."""
        if self.by != "family":
            return []
        together: dict[str, dict[str, dict[str, set[str]]]] = {}
        for name in sorted((group.name for group in self.ranking.groups), key=lambda name: (len(name), name)):
            together.setdefault(_NUMBER.sub("", name), {})[name] = self._values(name)
        lines = []
        for namesakes in together.values():
            for name, own in namesakes.items():
                telling = [axis for axis in own if any(own[axis] != o.get(axis) for o in namesakes.values())]
                if telling:
                    lines.append(f"{name}: " + ", ".join(_setting(axis, own[axis]) for axis in telling))
        return lines

    def _values(self, group: str) -> dict[str, set[str]]:
        """Axis -> the values that it has in a group, for the axes that the group has."""
        rows = [row for row in self.rows if row["group"] == group]
        values = {axis: {_text(row[axis]) for row in rows if row.get(axis) is not None} for axis in self.axes}
        return {axis: found for axis, found in values.items() if found}

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
                cells = {column: _text(row.get(column)) for column in columns}
                found.append({self.by: group.name, "trial": group.best_trial, **cells})
        return found

    def other_scores(self) -> dict[str, str]:
        """Score -> the order of the groups by it, best first, or why there is none."""
        orders = {}
        for name in self.scores:
            if "." in name or name == self.ranking.metric:
                continue
            mode = _better(name)
            if mode is None:
                orders[name] = "not ranked: it only watches for something"
                continue
            try:
                ranking = rank(self.rows, name, mode, budget=self.ranking.budget)
            except (ConfigError, NoUsableTrial) as error:
                orders[name] = "not ranked: " + str(error).splitlines()[0]
            else:
                orders[name] = ", ".join(group.name for group in ranking.groups)
        return orders

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
             "expected_best_high": g.expected.high, "budget": self.ranking.budget, "seconds": g.seconds}
            for g in self.ranking.groups
        ]  # fmt: skip
        return collect.as_csv(rows, _CSV_COLUMNS)

    def write(self, destination: Path, sanity: Sequence[dict[str, str]] = ()) -> list[Path]:
        """Write comparison.md, comparison.csv and the figures into `destination`, and return their paths.

        `sanity` are rows that say what the scores mean on these data: floors, and models that learn nothing.
        """
        destination.mkdir(parents=True, exist_ok=True)
        figures = plots.draw(self.rows, self.ranking, self.axes)
        files = {
            "comparison.md": markdown(self, list(figures), sanity).encode(),
            "comparison.csv": self.csv(),
            **figures,
        }
        for name, data in files.items():
            write_atomic(destination / name, data, fsync=False)
        return [destination / name for name in files]


def compare(
    folders: Sequence[SweepFolder], *, metric: str | None = None, by: str | None = None, budget: int | None = None
) -> Comparison:
    """Rank the families of the sweeps in `folders` (or the divergences, where there is one family).

    Raises:
        ConfigError: the sweeps have no common objective, protocols differ, `metric`, `by` or `budget` is unknown, or
            neither direction of `metric` is better.
        NoUsableTrial: there is no finite score to compare.
    """
    tables = [collect.trials(folder) for folder in folders]
    rows = [dict(row) for table in tables for row in table.rows]
    for row in rows:
        row["trial"] = f"{row['sweep']}/{row['number']}" if len(folders) > 1 else str(row["number"])
    axes = list(dict.fromkeys(axis for table in tables for axis in table.axes))
    scores = list(dict.fromkeys(score for table in tables for score in table.scores))
    metric, mode = _objective(folders, metric, scores)
    by = _grouping(rows, axes, by)
    for row in rows:
        name = _text(row.get(by))
        row["group"] = f"{row['sweep']}: {name}" if len(folders) > 1 and by != "sweep" else name
    ranking = rank(rows, metric, mode, budget=budget)
    return Comparison(tuple(folder.name for folder in folders), by, rows, axes, scores, ranking)


def markdown(comparison: Comparison, figures: Sequence[str] = (), sanity: Sequence[dict[str, str]] = ()) -> str:
    """The report: the sentence first, then what it rests on."""
    ranking = comparison.ranking
    parts = [f"# {', '.join(comparison.sweeps)}: which {comparison.by} is best?", f"**{comparison.sentence()}**"]
    parts += [markdown_table(comparison.table())]
    parts += ["\n".join(f"- {_escape(line)}" for line in branches)] if (branches := comparison.namesakes()) else []
    parts += [_markdown_link(name) for name in figures]
    if ranking.pairs:
        parts += ["## How sure", markdown_table(comparison.pairs())]
    parts += ["## The best trial of each", markdown_table(comparison.best())]
    if sanity:
        parts += ["## What the scores mean on these data", markdown_table(sanity)]
    if orders := comparison.other_scores():
        own = ", ".join(group.name for group in ranking.groups)
        lines = [{"score": ranking.metric, "order": own}] + [{"score": s, "order": o} for s, o in orders.items()]
        parts += ["## Do other scores agree?", markdown_table(lines)]
    if endings := comparison.endings():
        parts += ["## What went wrong", "\n".join(f"- {_escape(line)}" for line in endings)]
    return "\n\n".join([*parts, "## How to read this", _notes(comparison)]) + "\n"


def markdown_table(rows: Sequence[dict[str, str]]) -> str:
    """Rows of text as a Markdown table; the first column is left-aligned, the others right."""
    if not rows:
        return ""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)]]
    lines += [[_escape(row.get(column, "")) for column in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float) -> str:
    """Three significant digits for people; ∞ where nothing came of it, – where there is nothing to say."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Seconds for people: `42 s`, `3.5 min`, `2.1 h`."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"


def _objective(folders: Sequence[SweepFolder], metric: str | None, scores: Sequence[str]) -> tuple[str, Mode]:
    objectives = {(f.definition["objective"]["metric"], f.definition["objective"].get("mode", "min")) for f in folders}
    if metric is None and len(objectives) > 1:
        known = ", ".join(f"{folder.name} by {folder.definition['objective']['metric']}" for folder in folders)
        raise ConfigError(f"the sweeps have different objectives ({known}). Name one score for all with --metric.")
    own = dict(objectives)
    wanted = metric or next(iter(own))
    if scores and wanted not in scores:
        raise ConfigError(f"no trial has the score '{wanted}'. {suggest(wanted, scores)}")
    mode = own.get(wanted) or _better(wanted)
    if mode is None:
        measures = ", ".join(score for score in scores if _better(score)) or "a score that measures quality"
        raise ConfigError(
            f"'{wanted}' only tells about models: neither more nor less of it is better. Rank by {measures}."
        )
    return wanted, mode


def _better(score: str) -> Mode | None:
    """Which direction of a score is better, by the metric that gives it; None where neither is."""
    name, _, detail = score.partition(".")
    metric: Any = registry.load("metrics", name)
    if detail:
        return cast("Mode | None", metric.detail_modes.get(detail))
    return cast(Mode, metric.mode) if metric.is_quality else None


def _grouping(rows: Sequence[dict[str, Any]], axes: Sequence[str], by: str | None) -> str:
    if by is not None:
        known = ["family", "sweep", *axes]
        if by not in known:
            raise ConfigError(f"by: there is no column '{by}'. {suggest(by, known)}")
        return by
    one_family = len({row["family"] for row in rows}) == 1
    return "divergence" if one_family and "divergence" in axes else "family"


def _setting(axis: str, values: set[str]) -> str:
    return f"{axis}={next(iter(values))}" if len(values) == 1 else f"{axis} searched"


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
        "best": number(group.best),
        "median": number(group.median),
        "IQM": number(group.iqm),
        "compute": duration(group.seconds),
    }


def _notes(comparison: Comparison) -> str:
    ranking = comparison.ranking
    direction = "less" if ranking.mode == "min" else "more"
    protocol = f"protocol.{ranking.metric.partition('.')[0]}"
    hashes = sorted({row[protocol] for row in comparison.rows if protocol in row})
    lines = [
        f"Ranked by {ranking.metric} ({direction} is better), protocol {', '.join(hashes) or 'unknown'}, at the epoch "
        "where the sweep's objective was best.",
        f"*Expected best of {ranking.budget}*: the best score that a search of {_trials(ranking.budget)} finds on "
        "average (unbiased estimator of Tang et al. 2020, arXiv:2004.13705); intervals by 2000 bootstrap resamples of "
        "the trials.",
        "*P*: the probability that a random trial of the first beats one of the second. A *tie* is an interval that "
        "contains 0.5; with too few trials to tell anything the interval is [0, 1].",
        "Trials that diverged or failed count as the worst results; none is dropped. ∞ means that the budget may be "
        "spent on such trials alone.",
        "The best of many trials flatters itself: these scores chose the winners. Train the best configurations again "
        "on fresh seeds, and score those on the test split, before quoting a number.",
    ]
    if ranking.unfinished:
        lines.insert(1, f"{_trials(ranking.unfinished)} not finished yet and left out.")
    return "\n".join(f"- {line}" for line in lines)


def _with_interval(interval: Interval) -> str:
    if math.isnan(interval.low):
        return number(interval.value)
    return f"{number(interval.value)} [{number(interval.low)}, {number(interval.high)}]"


def _probability(pair: Pair) -> str:
    p = pair.probability
    return f"{p.value:.2f} [{p.low:.2f}, {p.high:.2f}]"


def _trials(n: int) -> str:
    return f"{n} trial" if n == 1 else f"{n} trials"


def _title(metric: str) -> str:
    return metric.upper() if len(metric) <= 3 else metric.replace("_", " ")


def _text(value: Any) -> str:
    if value is None:
        return "–"
    return number(value) if isinstance(value, float) else str(value)


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _markdown_link(name: str) -> str:
    return f"![{plots.CAPTIONS[name]}]({name})\n\n*{plots.CAPTIONS[name]}*"
