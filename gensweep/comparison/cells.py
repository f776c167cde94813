"""A comparison as tables of text for people, as CSV, and as numbers for programs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gensweep.comparison.collect import as_csv
from gensweep.comparison.costs import Cost, compute
from gensweep.comparison.intervals import Interval
from gensweep.comparison.search import Group, Pair, Search
from gensweep.text import finite, number

if TYPE_CHECKING:
    from gensweep.comparison.compare import Comparison

DIGITS = 3  # of an estimate; its interval says that there are no more
COLUMNS = (
    "group", "confirmed_trial", "confirmed", "confirmed_low", "confirmed_high", "confidence", "seed_sd", "seeds",
    "seeds_diverged", "seeds_failed", "selected", "validation", "optimism", "n_search", "completed", "stopped_early", "diverged",
    "failed", "best", "best_trial", "best_epoch", "best_of_k", "best_of_k_low", "best_of_k_high", "k", "training_seconds",
    "evaluation_seconds", "confirmation_seconds", "confirmations", "items_seen", "wall_seconds",
)  # fmt: skip


def text(value: Any) -> str:
    """A cell as text, a number with the digits of an estimate."""
    return number(value, DIGITS)


def interval(found: Interval | None) -> str:
    """`3.2 [2.9, 4.1]`; an end that nothing bounds is "<", below the smallest."""
    if found is None:
        return "–"
    low = "<" if math.isinf(found.low) else text(found.low)
    return f"{text(found.value)} [{low}, {text(found.high)}]"


def title(metric: str) -> str:
    """How a metric is called in a sentence."""
    return metric.upper() if len(metric) <= 3 else metric.replace("_", " ")


def table(comparison: Comparison) -> list[dict[str, str]]:
    """One row a group: what was confirmed of it, then what the search found, and the cost of both."""
    groups = {group.name: group for group in comparison.search.groups}
    confirmed = {row["arm"]: row for row in comparison.confirmation.table()} if comparison.confirmation else {}
    names = [*confirmed, *(name for name in groups if name not in confirmed)]
    return [
        {
            comparison.by: name,
            **{column: cell for column, cell in confirmed.get(name, {}).items() if column != "arm"},
            **(_searched(groups[name], comparison.search) if name in groups else {}),
            "compute in all": compute(comparison, name),
        }
        for name in names
    ]


def _searched(group: Group, search: Search) -> dict[str, str]:
    ended = {"diverged": group.diverged, "stopped early": group.pruned, "failed": group.failed}
    whole = "" if not group.is_partial else f" (epoch {group.best_epoch})"
    drawn = {f"best of {search.k} [95 % CI]": interval(group.best_of)} if search.k else {}
    return {
        **drawn,
        "best": text(group.best) + whole,
        "search trials": str(group.n) + "".join(f", {n} {what}" for what, n in ended.items() if n),
    }


def pairs(search: Search) -> list[dict[str, str]]:
    """One row a pair of groups whose configurations were drawn at random."""
    return [
        {
            "pair": f"{pair.a} and {pair.b}",
            f"P(a trial of {'the first'} is better) [95 % CI]": _probability(pair),
            f"P(its best of {search.k} is better)": f"{pair.best_of:.2f}",
            "adjusted p": f"{pair.p_adjusted:.2g}",
            "verdict": f"{pair.better} is better" if pair.better else "not distinguished",
        }
        for pair in search.pairs
    ]


def _probability(pair: Pair) -> str:
    p = pair.probability
    return f"{p.value:.2f} [{p.low:.2f}, {p.high:.2f}]"


def as_dict(comparison: Comparison) -> dict[str, Any]:
    """Numbers for JSON, in which an infinite one is null."""
    found, search = comparison.confirmation, comparison.search
    confirmed = found.as_dict() if found else {}
    verdict = confirmed.pop("verdict", {"word": "not confirmed", "arm": None})
    arms = {arm["arm"]: arm for arm in confirmed.pop("arms", [])}
    groups, spent = {group.name: group for group in search.groups}, comparison.costs()
    return {
        "sweeps": list(comparison.sweeps),
        "by": comparison.by,
        "metric": search.objective.metric,
        "mode": search.objective.mode,
        "verdict": {**verdict, "sentence": comparison.sentence()},
        "arms": [
            {"arm": name, **_numbers(groups.get(name), spent.get(name)), **_without_name(arms.get(name))}
            for name in dict.fromkeys([*arms, *groups])
        ],
        "pairs": confirmed.pop("pairs", []),
        "test": confirmed.pop("test", None),
        **({"confirmation": confirmed} if found else {}),
        "search": {
            "k": search.k,
            "why_not": search.why_not,
            "pairs": [_pair(pair) for pair in search.pairs],
        },
        "progress": {"ended": comparison.ended, "due": comparison.due, "sweeps": dict(comparison.standings)},
        "forced": list(comparison.forced),
    }


def _without_name(arm: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"confirmed": None, "optimism": None} if arm is None else {k: v for k, v in arm.items() if k != "arm"}


def _numbers(group: Group | None, cost: Cost | None) -> dict[str, Any]:
    told = {"cost": cost.as_dict() if cost else None}
    if group is None:
        return {"n_search": 0, "search": None, **told}
    own = {
        "completed": group.completed, "stopped_early": group.pruned, "diverged": group.diverged, "failed": group.failed,
        "best": group.best, "best_trial": group.best_trial, "best_epoch": group.best_epoch, "has_score": not group.lacks,
        "best_of_k": _interval(group.best_of),
    }  # fmt: skip
    return {"n_search": group.n, "search": own, **told}


def _interval(found: Interval | None) -> dict[str, float | None] | None:
    if found is None:
        return None
    return {"median": finite(found.value), "low": finite(found.low), "high": finite(found.high)}


def _pair(pair: Pair) -> dict[str, Any]:
    p = pair.probability
    return {
        "a": pair.a, "b": pair.b, "probability": {"value": p.value, "low": p.low, "high": p.high}, "best_of_k": pair.best_of,
        "p": pair.p, "p_adjusted": pair.p_adjusted, "better": pair.better, "holds": pair.holds,
    }  # fmt: skip


def csv(comparison: Comparison) -> bytes:
    """One row a group, every digit."""
    return as_csv(rows(comparison), COLUMNS)


def rows(comparison: Comparison) -> list[dict[str, Any]]:
    """One row a group, the best first, by the names in `COLUMNS`; what a group has not is left out."""
    found = comparison.confirmation
    groups = {group.name: group for group in comparison.search.groups}
    confirmed = {arm.name: arm for arm in found.verdict.arms} if found else {}
    found_rows, spent = [], comparison.costs()
    for name in dict.fromkeys([*confirmed, *groups]):
        cost = spent[name]
        row: dict[str, Any] = {
            "group": name, "k": comparison.search.k, "training_seconds": cost.training_seconds,
            "evaluation_seconds": cost.evaluation_seconds, "confirmation_seconds": cost.confirmation_seconds,
            "confirmations": cost.confirmations, "items_seen": cost.items, "wall_seconds": cost.wall_seconds,
        }  # fmt: skip
        if (group := groups.get(name)) is not None:
            drawn = group.best_of
            row |= {
                "n_search": group.n, "completed": group.completed, "stopped_early": group.pruned, "diverged": group.diverged,
                "failed": group.failed, "best": group.best, "best_trial": group.best_trial, "best_epoch": group.best_epoch,
                **({} if drawn is None else {"best_of_k": drawn.value, "best_of_k_low": drawn.low, "best_of_k_high": drawn.high}),
            }  # fmt: skip
        if found and (arm := confirmed.get(name)) is not None:
            centre = arm.median if found.verdict.statistic == "median" else arm.mean
            row |= {
                "confirmed_trial": found.chosen[name], "confirmed": centre, "confirmed_low": arm.low, "confirmed_high": arm.high,
                "confidence": arm.confidence, "seed_sd": arm.sd, "seeds": arm.seeds, "seeds_diverged": arm.diverged,
                "seeds_failed": found.failed[name].n if name in found.failed else 0, "selected": found.selected[name],
                "validation": found.validation[name], "optimism": found.optimism[name],
            }  # fmt: skip
        found_rows.append(row)
    return found_rows
