"""What a search found of each group: counts, the best so far; and, of configurations drawn at random, distributions.

Everything works on losses: the score where less is better, its negative where more is better, +infinity for a trial that
diverged. Diverged is a result, the worst; failed is none, for it is our fault or the machine's.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from gensweep.comparison.collect import CAN_SCORE, lacks, loss
from gensweep.comparison.distributions import best_of, better_best_of, largest_k, probability_better
from gensweep.comparison.intervals import Interval
from gensweep.comparison.pairwise import holm
from gensweep.comparison.protocols import refuse_mixed
from gensweep.errors import NoUsableTrial
from gensweep.objective import Objective
from gensweep.seeding import derive
from gensweep.text import counted

Row = Mapping[str, Any]
FEWEST = 6  # results, below which nothing bounds even the median of one trial
LEVEL = 0.05


@dataclass(frozen=True)
class Group:
    """The trials of one group that ended. Scores are in their own direction.

    `completed` were trained to their end, `pruned` were stopped early. `best` is of the completed, else of the pruned at
    `best_epoch`; None where no trial has the score, and `lacks` where that is because the metric is not for the group.
    `best_of` is the median of the best of the search's k, None where that is not known: the search was adaptive, or
    there are fewer than six results.
    """

    name: str
    n: int
    completed: int
    pruned: int
    diverged: int
    failed: int
    best: float | None
    best_trial: str
    best_epoch: int | None
    median: float | None
    best_of: Interval | None
    lacks: bool

    @property
    def is_partial(self) -> bool:
        """Whether the best was stopped early: its score is of fewer epochs than the others'."""
        return self.best is not None and not self.completed


@dataclass(frozen=True)
class Pair:
    """Two groups of drawn configurations.

    `probability` is that a random trial of `a` is better than one of `b`; `best_of` that the best of k of `a` is better
    than that of `b`, which has the p-value `p` of being one half by chance. `better` is the one of which that can be said, of all
    pairs at a level of 5 %; None where it cannot. `holds`: with the failed trials as the worst, or as the best, it is the same.
    """

    a: str
    b: str
    probability: Interval
    best_of: float
    p: float
    p_adjusted: float
    better: str | None
    holds: bool


@dataclass(frozen=True)
class Search:
    """What the search found. `k` is the budget of each group at which drawn ones are compared, None where there is none.

    `why_not` says why nothing is claimed of distributions; it is empty where they are known. `unfinished` trials are left out.
    """

    objective: Objective
    groups: tuple[Group, ...]
    pairs: tuple[Pair, ...]
    k: int | None
    why_not: str
    unfinished: int

    @property
    def failed(self) -> int:
        """Trials that failed, of all groups."""
        return sum(group.failed for group in self.groups)


def search_of(rows: Sequence[Row], objective: Objective, why_not: str = "", *, tested: bool = True) -> Search:
    """What the trials in `rows` (their column `group`) are by a score, which need not be the sweep's objective.

    Args:
        rows: the search's trials, without confirmations.
        objective: the score and its direction.
        why_not: why the trials are no random draws, trained to their end; empty where they are.
        tested: whether pairs are tested, which takes some hundredths of a second each.

    Raises:
        NoUsableTrial: no trial that ended has a finite score.
        ConfigError: scores of different protocols are among them.
    """
    ended = [row for row in rows if row["outcome"] != ""]
    refuse_mixed(ended, objective.metric)
    members: dict[str, list[Row]] = {}
    for row in ended:
        members.setdefault(row["group"], []).append(row)
    if not any(math.isfinite(loss(row, objective)) for row in ended):
        raise _nothing(rows, objective.metric)
    results = {} if why_not else {name: found for name, own in members.items() if (found := _results(own, objective))}
    ranked = {name: found for name, found in results.items() if len(found) >= FEWEST}
    k = largest_k(min(map(len, ranked.values()))) if ranked else None
    groups = [_group(name, own, objective, ranked.get(name), k) for name, own in members.items()]
    pairs = _pairs(ranked, members, k) if k and tested else []
    if not why_not and not k:
        why_not = f"fewer than {FEWEST} results of each are no distribution"
    return Search(
        objective, tuple(sorted(groups, key=_order(objective))), tuple(pairs), k, why_not, len(rows) - len(ended)
    )


def _results(rows: Sequence[Row], objective: Objective) -> list[float]:
    """The losses of what counts: trials that were trained to their end, and those that diverged."""
    if _lacks(rows, objective.metric):
        return []
    return [loss(row, objective) for row in rows if row["outcome"] in ("COMPLETED", "DIVERGED")]


def _lacks(rows: Sequence[Row], metric: str) -> bool:
    return lacks([row for row in rows if row["outcome"] in CAN_SCORE], metric)


def _group(
    name: str, rows: Sequence[Row], objective: Objective, results: Sequence[float] | None, k: int | None
) -> Group:
    outcomes = [row["outcome"] for row in rows]
    best = _best(rows, objective)
    interval = best_of(results, k) if results is not None and k else None
    return Group(
        name=name,
        n=len(rows),
        completed=outcomes.count("COMPLETED"),
        pruned=outcomes.count("PRUNED"),
        diverged=outcomes.count("DIVERGED"),
        failed=outcomes.count("FAILED"),
        best=None if best is None else float(best[objective.metric]),
        best_trial="" if best is None else str(best["trial"]),
        best_epoch=None if best is None else int(best["best_epoch"] or 0),
        median=objective.value(statistics.median(results)) if results else None,
        best_of=None if interval is None else _as_scores(interval, objective),
        lacks=_lacks(rows, objective.metric),
    )


def _best(rows: Sequence[Row], objective: Objective) -> Row | None:
    """The best of the trials that were trained to their end; where none was, of those that were stopped early."""
    for outcome in ("COMPLETED", "PRUNED"):
        scored = [row for row in rows if row["outcome"] == outcome and math.isfinite(loss(row, objective))]
        if scored:
            return min(scored, key=lambda row: loss(row, objective))
    return None


def _as_scores(interval: Interval, objective: Objective) -> Interval:
    low, high = sorted((objective.value(interval.low), objective.value(interval.high)))
    return Interval(objective.value(interval.value), low, high, interval.confidence)


def _order(objective: Objective) -> Callable[[Group], tuple[bool, float, bool, float, str]]:
    def key(group: Group) -> tuple[bool, float, bool, float, str]:
        best = math.inf if group.best is None else objective.loss(group.best)
        drawn = group.best_of
        return drawn is None, 0.0 if drawn is None else objective.loss(drawn.value), group.is_partial, best, group.name

    return key


def _pairs(ranked: Mapping[str, Sequence[float]], members: Mapping[str, Sequence[Row]], k: int) -> list[Pair]:
    names = sorted(ranked, key=lambda name: (best_of(ranked[name], k).value, statistics.median(ranked[name]), name))
    told = _better(names, ranked, k)
    failed = {name: sum(row["outcome"] == "FAILED" for row in members[name]) for name in names}
    others = [
        {(a, b): better for a, b, *_, better in _better(names, _filled(ranked, failed, value), k)}
        for value in (math.inf, -math.inf)
        if any(failed.values())
    ]
    return [
        Pair(
            a=a,
            b=b,
            probability=probability_better(ranked[a], ranked[b]),
            best_of=share,
            p=p,
            p_adjusted=adjusted,
            better=better,
            holds=all(other[a, b] == better for other in others),
        )
        for a, b, share, p, adjusted, better in told
    ]


def _filled(ranked: Mapping[str, Sequence[float]], failed: Mapping[str, int], value: float) -> dict[str, list[float]]:
    return {name: [*losses, *[value] * failed[name]] for name, losses in ranked.items()}


def _better(
    names: Sequence[str], losses: Mapping[str, Sequence[float]], k: int
) -> list[tuple[str, str, float, float, float, str | None]]:
    """Of each pair: both names, P_k, its p and adjusted p, and which of them is better."""
    pairs = list(combinations(names, 2))
    found = [better_best_of(losses[a], losses[b], k, derive(0, a, b)) for a, b in pairs]
    adjusted = holm([each.p for each in found]) if found else []
    return [
        (a, b, each.value, each.p, p, None if p > LEVEL else a if each.value > 0.5 else b)
        for (a, b), each, p in zip(pairs, found, adjusted, strict=True)
    ]


def _nothing(rows: Sequence[Row], metric: str) -> NoUsableTrial:
    if not rows:
        return NoUsableTrial("there is no trial yet, so there is nothing to compare.")
    ended = [(row["outcome"] or "unfinished").lower() for row in rows]
    counts = ", ".join(f"{ended.count(name)} {name}" for name in dict.fromkeys(ended))
    return NoUsableTrial(
        f"no trial has a finite {metric} to compare ({counted(len(rows), 'trial')}: {counts}). "
        "`gensweep show` gives the reason of each that ended."
    )
