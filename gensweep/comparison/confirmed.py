"""The verdict on losses: arms ordered by their centres, every pair tested, and the word for it."""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

from gensweep.comparison.intervals import Interval, mean_interval, median_interval
from gensweep.comparison.pairwise import PairTest, compare_pairs, needs_ranks
from gensweep.comparison.score_scale import Question, ScoreScale
from gensweep.comparison.words import ArmScore, PairResult, Statistic, Verdict, Word

_FEWEST = 2  # seeds, below which an arm has no spread
Losses = Mapping[str, Sequence[float]]


def verdict_on(losses: Losses, question: Question) -> Verdict:
    """The verdict on the losses of each arm's seeds, infinities allowed; `judge` says which tests and words."""
    confirmed = {name: values for name, values in losses.items() if len(values) >= _FEWEST}
    by_median = any(needs_ranks(values) for values in confirmed.values())
    interval = median_interval if by_median else mean_interval
    centres = {name: interval(values, question.level) for name, values in confirmed.items()}
    mean_rank = _mean_ranks(confirmed)
    order = sorted(confirmed, key=lambda name: (centres[name].value, mean_rank[name], name))
    alone = sorted(set(losses) - set(confirmed))
    test, tests = compare_pairs([losses[name] for name in order], question.level, question.loss_margin)
    pairs = tuple(_pairs(order, tests, centres, question))
    mean: Statistic = "mean" if question.scale.scale == "linear" else "geometric mean"
    return Verdict(
        word=_word(order, pairs, whole=not alone),
        arm=order[0] if order and min(losses[order[0]]) < math.inf else None,
        arms=tuple(_arm(name, losses[name], centres.get(name), question.scale) for name in [*order, *alone]),
        pairs=pairs,
        test=test,
        statistic="median" if by_median else mean,
        scale=question.scale.scale,
        mode=question.scale.mode,
        level=question.level,
        margin=question.margin,
    )


def _pairs(
    order: Sequence[str], tests: Sequence[PairTest], centres: Mapping[str, Interval], question: Question
) -> Iterator[PairResult]:
    for (a, b), found in zip(combinations(order, 2), tests, strict=True):
        difference, width = centres[a].value - centres[b].value, found.half_width
        low, high = (None, None) if width is None else question.scale.ends(difference - width, difference + width)
        yield PairResult(
            a=a,
            b=b,
            p=found.p,
            p_adjusted=found.p_adjusted,
            distinguished=found.first_is_smaller and found.p_adjusted <= question.level,
            effect=question.scale.score(difference) if math.isfinite(difference) else None,
            low=low,
            high=high,
            equal=None if found.p_equal is None else found.p_equal <= question.level,
        )


def _word(order: Sequence[str], pairs: Sequence[PairResult], *, whole: bool) -> Word:
    """The word; `whole` where every arm is ranked, without which nothing is said of all of them."""
    if not order:
        return "not confirmed"
    mine = [pair for pair in pairs if pair.a == order[0]]
    if mine and whole and all(pair.equal for pair in mine):
        return "equal"
    if mine and whole and all(pair.distinguished for pair in mine):
        return "best"
    return "leads" if any(pair.distinguished for pair in mine) else "not distinguished"


def _mean_ranks(losses: Losses) -> dict[str, float]:
    """Twice the mean rank of each arm's losses among all: what orders arms whose medians are equal, or infinite."""
    ascending = sorted(loss for values in losses.values() for loss in values)
    return {
        name: statistics.fmean(bisect_left(ascending, x) + bisect_right(ascending, x) for x in values)
        for name, values in losses.items()
    }


def _arm(name: str, losses: Sequence[float], interval: Interval | None, scale: ScoreScale) -> ArmScore:
    finite = [loss for loss in losses if math.isfinite(loss)]
    scores = [scale.score(loss) for loss in finite]
    low, high = (None, None) if interval is None else scale.ends(interval.low, interval.high)
    return ArmScore(
        name=name,
        mean=scale.score(_in_unit(statistics.fmean, finite)) if finite and len(finite) == len(losses) else None,
        median=scale.score(median_interval(losses).value) if losses else None,
        low=low,
        high=high,
        confidence=None if interval is None else interval.confidence,
        sd=_in_unit(statistics.stdev, scores) if len(scores) >= _FEWEST else None,
        seeds=len(losses),
        diverged=list(losses).count(math.inf),
        ranked=interval is not None,
    )


def _in_unit(statistic: Callable[[Sequence[float]], float], values: Sequence[float]) -> float:
    """A statistic that scales with its values, of values whose squares may be no numbers."""
    unit = max(map(abs, values)) or 1.0
    return unit * statistic([value / unit for value in values])
