"""The answer in plain words: the verdict on what was confirmed, else what the search can say, and what is left out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gensweep.comparison import cells
from gensweep.comparison.search import Group, Pair, Search
from gensweep.text import counted, listed

if TYPE_CHECKING:
    from gensweep.comparison.compare import Comparison


def sentence(comparison: Comparison) -> str:
    """The whole answer."""
    return " ".join([verdict(comparison), *_left_out(comparison)])


def verdict(comparison: Comparison) -> str:
    """What is claimed: of confirmed arms; else that nothing is, and what the search found."""
    if comparison.confirmation:
        return comparison.confirmation.sentence()
    if not comparison.is_declared and comparison.search.why_not:
        return (
            f"No verdict by {comparison.by}: {comparison.search.why_not}. The table shows what they met. For a verdict make "
            f"{comparison.by} the choice that is compared (compare: ...), or search at random with more samples."
        )
    return f"{_unconfirmed(comparison)} {found(comparison.search)}"


def found(search: Search) -> str:
    """What the search by itself says of the groups."""
    title = cells.title(search.objective.metric)
    scored = [group for group in search.groups if group.best is not None]
    if not scored:
        return f"No trial that ended has a {title}."
    if search.k is None:
        bests = ", ".join(f"{group.name} {cells.text(group.best)}{_partial(group)}" for group in scored)
        return f"Best {title} so far, on the validation split: {bests}. That is no verdict: {search.why_not}."
    first, *others = [group for group in scored if group.best_of is not None]
    what = "a trial" if search.k == 1 else f"the best of {search.k}"
    opening = f"Of configurations drawn at random, {what} of {first.name} has a median {title} of {cells.interval(first.best_of)}"
    if not others:
        return f"{opening}; there is no other group to compare it with."
    return f"{opening}; {'; '.join(_against(first, search))}."


def _against(first: Group, search: Search) -> Iterator[str]:
    """What the first has over the others, by how sure that is."""
    mine = [pair for pair in search.pairs if first.name in (pair.a, pair.b)]
    for better, words in ((first.name, "it is better than"), (None, "it is not distinguished from")):
        told = [pair for pair in mine if pair.better == better]
        if told:
            others = ", ".join(f"{_other(pair, first.name)} ({_figures(pair, first.name, search.k)})" for pair in told)
            yield f"{words} {others}"
    for pair in mine:
        if pair.better == _other(pair, first.name):
            yield f"yet {pair.better} is better than it ({_figures(pair, first.name, search.k)})"
    unsure = [f"{pair.a} and {pair.b}" for pair in search.pairs if not pair.holds]
    if unsure:
        yield f"with the scores of trials that failed it could be otherwise for {', '.join(unsure)}"


def _other(pair: Pair, name: str) -> str:
    return pair.b if pair.a == name else pair.a


def _figures(pair: Pair, first: str, k: int | None) -> str:
    p = pair.best_of if pair.a == first else 1 - pair.best_of
    return f"P{'' if k == 1 else k} = {p:.2f}, adjusted p = {pair.p_adjusted:.2g}"


def _partial(group: Group) -> str:
    return f" (stopped early, at epoch {group.best_epoch})" if group.is_partial else ""


def _unconfirmed(comparison: Comparison) -> str:
    if is_unfinished(comparison):
        return (
            "Not confirmed: it is not over yet."
            if len(comparison.sweeps) == 1
            else "Not confirmed: not all are over yet."
        )
    first = comparison.arguments[comparison.sweeps[0]]
    return f"Not confirmed: nothing was trained again on fresh seeds (gensweep confirm {first} does)."


def is_unfinished(comparison: Comparison) -> bool:
    """Whether a sweep has trials left to train, those too that are not issued yet."""
    if comparison.due is not None:
        return comparison.ended < comparison.due
    return comparison.ended < len(comparison.rows)


def so_far(comparison: Comparison) -> str:
    """How far unfinished sweeps are, which of them run, and the commands that go on with the others; empty where all are over."""
    if not is_unfinished(comparison):
        return ""
    left = len(comparison.rows) - comparison.ended
    known = comparison.due is not None
    far = (
        f"{comparison.ended} of {counted(comparison.due or 0, 'trial')}"
        if known
        else f"{counted(left, 'trial')} not over yet"
    )
    return f"So far{',' if known else ':'} {far}{''.join(_standing(comparison))}."


def _standing(comparison: Comparison) -> Iterator[str]:
    alone = len(comparison.sweeps) == 1
    for name, standing in comparison.standings.items():
        if standing == "running":
            yield f"; {'it' if alone else name} is running"
        elif standing != "done":
            idle = "nothing runs" if alone else f"nothing of {name} runs"
            yield f"; {idle}: `gensweep resume {comparison.arguments[name]}` goes on with it"


def _left_out(comparison: Comparison) -> Iterator[str]:
    search = comparison.search
    if far := so_far(comparison):
        yield far
    if search.failed and not comparison.confirmation:
        yield f"{counted(search.failed, 'trial')} failed and left out."
    said = comparison.confirmation.lacking if comparison.confirmation else ()
    if lacking := [group.name for group in search.groups if group.lacks and group.name not in said]:
        yield f"Not ranked, for {search.objective.metric} is no score of theirs: {', '.join(lacking)}."
    if few := _too_few(search):
        yield f"Too few trials to be ranked: {', '.join(few)}."
    for counts, why in (
        (comparison.without, f"for they have no {comparison.by}"),
        (comparison.twice, "for they are another sweep's too"),
    ):
        if counts:
            each = ", ".join(f"{counted(n, 'trial')} of {name}" for name, n in counts.items())
            yield f"Left out, {why}: {each}."
    if comparison.forced:
        yield f"Compared in spite of differences: {'; '.join(comparison.forced)}."


def _too_few(search: Search) -> Sequence[str]:
    if search.k is None:
        return []
    return [group.name for group in search.groups if group.best_of is None and not group.lacks]


def beaten(comparison: Comparison, name: str, score: float) -> str:
    """Which groups beat the strongest model that learns nothing, `name` with its `score` on the same split, and which do not.

    A confirmed arm beats it where its whole interval does, a drawn one where that of its best of k does. Nothing where no
    group has an interval.
    """
    objective = comparison.search.objective
    worst = _worst_ends(comparison)
    if not worst:
        return ""
    wins = [group for group, end in worst.items() if objective.better(end, score)]
    losers = [group for group in worst if group not in wins]
    baseline = f"{name} ({cells.text(score)})"
    if not wins:
        return f"No {comparison.by} is sure to beat {baseline}, which learns nothing."
    also = f"; {listed(losers)} {'is' if len(losers) == 1 else 'are'} not sure to" if losers else ""
    return f"{listed(wins)} beat{'s' if len(wins) == 1 else ''} {baseline}, the best of those that learn nothing{also}."


def _worst_ends(comparison: Comparison) -> dict[str, float]:
    """The worse end of each group's interval."""
    objective = comparison.search.objective
    if comparison.confirmation:
        ends = {arm.name: (arm.low, arm.high) for arm in comparison.confirmation.verdict.arms if arm.ranked}
    else:
        ends = {g.name: (g.best_of.low, g.best_of.high) for g in comparison.search.groups if g.best_of}
    return {
        name: max((end for end in both if end is not None), key=objective.loss)
        for name, both in ends.items()
        if any(end is not None and not math.isnan(end) for end in both)
    }
