"""The median rule on histories told event by event, against the definition computed anew."""

from __future__ import annotations

import math
import random
import statistics

import pytest

from gensweep.early_stopping.base import Stop
from gensweep.early_stopping.median import Median
from tests.early_stopping.conftest import INFINITIES, Told, arm_of, stops

RULE = Median(grace_period=1, min_trials=1)


def test_a_trial_ends_if_its_best_is_worse_than_the_median_of_the_means() -> None:
    told = Told(RULE)
    told.told((1, 4.0), (2, 2.0))  # mean 3 up to 2
    told.told((1, 9.0), (2, 1.0))  # 5
    told.told((1, 9.0), (2, 9.0))  # 9
    trial = told.issue()
    assert not stops(told.report(trial, 1, 9.0))  # median of 4, 9, 9
    assert told.report(trial, 2, 5.1) == Stop("at epoch 2, worse than the median of 3 others of wae")
    assert not stops(told.report(told.told((1, 9.0)), 2, 5.0))  # equal to it goes on


def test_it_is_the_best_so_far_that_counts_not_the_newest() -> None:
    told = Told(RULE)
    told.told((1, 5.0), (2, 5.0))
    trial = told.told((1, 4.0))
    assert not stops(told.report(trial, 2, 99.0))


def test_of_an_even_number_the_median_lies_in_the_middle() -> None:
    told = Told(RULE)
    told.told((1, 2.0))
    told.told((1, 4.0))
    assert not stops(told.report(told.issue(), 1, 3.0))
    told = Told(RULE)
    told.told((1, 2.0))
    told.told((1, 4.0))
    assert stops(told.report(told.issue(), 1, 3.1))


def test_reports_after_the_epoch_do_not_count() -> None:
    told = Told(RULE)
    told.told((1, 9.0), (2, 0.0), (3, 0.0))
    assert not stops(told.report(told.issue(), 1, 8.0))


def test_those_that_have_not_come_to_the_epoch_do_not_count_unless_they_ended() -> None:
    told = Told(RULE)
    running = told.told((1, 1.0))
    trial = told.told((1, 2.0))
    assert not stops(told.report(trial, 2, 2.0))
    told.end(running, "PRUNED")
    assert stops(told.decide(trial))  # with its mean of 1


@pytest.mark.parametrize(("outcome", "counts"), [("COMPLETED", True), ("PRUNED", True), ("FAILED", False)])
def test_how_others_that_ended_before_count(outcome: str, counts: bool) -> None:
    told = Told(RULE)
    told.told((1, 1.0), outcome=outcome)
    assert stops(told.report(told.told((1, 2.0)), 3, 2.0)) is counts  # an epoch that nobody came to before


def test_a_trial_that_diverged_before_its_first_report_is_the_worst_from_the_first_epoch_on() -> None:
    told = Told(Median(grace_period=1, min_trials=2))
    trial = told.told((1, 5.0))
    told.told(outcome="DIVERGED")
    told.told((1, 1.0))
    assert not stops(told.decide(trial))  # between 1 and the worst
    told.told((1, 1.0))
    assert stops(told.decide(trial))  # two of three others are better


def test_a_diverged_trial_is_the_worst_where_it_did_not_come_to() -> None:
    told = Told(Median(grace_period=1, min_trials=2))
    told.told((1, 1.0), outcome="DIVERGED")
    told.told((1, 3.0), (2, 3.0))
    assert stops(told.report(told.issue(), 1, 2.5))  # where it came to, its report: 1 and 3
    assert not stops(told.report(told.told((1, 2.5)), 2, 9.0))  # inf and 3


def test_nothing_ends_before_the_grace_period_or_with_too_few_others() -> None:
    told = Told(Median(grace_period=3, min_trials=2))
    told.told((1, 1.0), (3, 1.0))
    trial = told.issue()
    assert not stops(told.report(trial, 1, 9.0))
    assert not stops(told.report(trial, 3, 9.0))  # one other
    told.told((1, 1.0), (3, 1.0))
    assert stops(told.decide(trial))
    assert not stops(told.report(told.issue(), 2, 9.0))  # two others, and before the grace period


@pytest.mark.parametrize("bad", INFINITIES)
def test_what_is_not_finite_is_the_worst(bad: float) -> None:
    told = Told(RULE)
    told.told((1, bad))
    assert not stops(told.report(told.issue(), 1, 50.0))
    told = Told(RULE)
    told.told((1, 1.0))
    assert stops(told.report(told.issue(), 1, bad))


def test_a_score_to_maximise_is_ranked_the_other_way() -> None:
    for value, stopped in ((0.1, True), (0.9, False)):
        told = Told(RULE, arm_of("max"))
        told.told((1, 0.5))
        assert stops(told.report(told.issue(), 1, value)) is stopped


def test_large_losses_do_not_overflow() -> None:
    told = Told(RULE)
    for _ in range(2):
        told.told((1, 1.5e308), (2, 1.5e308))
    trial = told.told((1, 1.6e308))
    assert stops(told.report(trial, 2, 1.6e308))


def expected(told: Told, number: int, min_trials: int) -> bool:
    """Golovin et al. 2017, section 3.2.1, from the records alone."""
    trial = told.state.trials[number]
    epoch, means = trial.reports[-1].epoch, []
    for other in told.history:
        reports = [r.scores["fid"] for r in other.reports if r.epoch <= epoch] or [
            r.scores["fid"] for r in other.reports[:1]
        ]
        outcome = other.outcome.name if other.outcome else ""
        reached = bool(other.reports) and other.reports[-1].epoch >= epoch
        if other is trial or not (reached or outcome in ("COMPLETED", "PRUNED", "DIVERGED")):
            continue
        if outcome == "DIVERGED" and not reached:
            means.append(math.inf)
        elif reports:
            means.append(statistics.fmean(reports))
    best = min(report.scores["fid"] for report in trial.reports)
    return len(means) >= min_trials and best > statistics.median(means) + 1e-9


@pytest.mark.parametrize("seed", range(40))
def test_it_is_the_definition_whatever_comes(seed: int) -> None:
    rng = random.Random(seed)
    told, at = Told(Median(grace_period=1, min_trials=rng.choice([1, 3]))), dict[int, int]()
    for _ in range(120):
        live = [trial for trial in told.history if trial.is_live]
        if not live or rng.random() < 0.15:
            at[told.issue().number] = 0
            continue
        trial = rng.choice(live)
        if rng.random() < 0.1:
            told.end(trial, rng.choice(["COMPLETED", "PRUNED", "FAILED", "DIVERGED"]))
            continue
        at[trial.number] += rng.choice([1, 1, 2, 5])  # some evaluate elsewhere than others
        decision = told.report(trial, at[trial.number], rng.uniform(0, 10))
        assert stops(decision) is expected(told, trial.number, told.rule.min_trials)  # type: ignore[attr-defined]
