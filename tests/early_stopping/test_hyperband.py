"""Hyperband: which bracket a trial is in, what it is ranked against, and when."""

from __future__ import annotations

from collections import Counter

import pytest

from gensweep.early_stopping.base import GoOn, Stop
from gensweep.early_stopping.hyperband import Hyperband
from tests.early_stopping.conftest import TRIAL, Told, arm_of, stops

RULE = Hyperband(grace_period=1, reduction_factor=3)


def arm_with(epochs: object):
    return arm_of(training={"epochs": epochs, "optimizer": {"lr": "loguniform(1e-4, 1e-2)"}})


def test_the_shares_are_those_of_the_table_in_the_paper() -> None:
    # Li et al. 2018, Table 1: R = 81, eta = 3 -> 81, 34, 15, 8, 5 configurations that begin at 1, 3, 9, 27, 81
    cycle = [RULE.bracket(position, 81) for position in range(81 + 34 + 15 + 8 + 5)]
    assert Counter(cycle) == {4: 81, 3: 34, 2: 15, 1: 8, 0: 5}
    assert [RULE.bracket(143 + position, 81) for position in range(143)] == cycle


@pytest.mark.parametrize("n", [10, 20, 50, 100])
def test_any_number_of_trials_has_nearly_the_shares(n: int) -> None:
    shares = {4: 81 / 143, 3: 34 / 143, 2: 15 / 143, 1: 8 / 143, 0: 5 / 143}
    counts = Counter(RULE.bracket(position, 81) for position in range(n))
    for s, share in shares.items():
        assert abs(counts[s] - n * share) <= 1.5, (s, counts)


@pytest.mark.parametrize(
    ("grace_period", "eta", "epochs", "brackets"),
    [(1, 3, 27, 4), (1, 3, 26, 3), (3, 3, 27, 3), (4, 3, 27, 2), (1, 2, 20, 5), (5, 4, 19, 1)],
)
def test_the_number_of_brackets_follows_from_the_epochs(
    grace_period: int, eta: int, epochs: int, brackets: int
) -> None:
    rule = Hyperband(grace_period=grace_period, reduction_factor=eta)
    assert {rule.bracket(position, epochs) for position in range(2000)} == set(range(brackets))


@pytest.mark.parametrize("epochs", [27, 20])
def test_a_bracket_stops_at_its_own_rungs_and_no_bracket_knows_another(epochs: int) -> None:
    first = {27: {3: 1, 2: 3, 1: 9}, 20: {2: 3, 1: 7}}[epochs]  # rounded up: 20 / 9 and 20 / 3
    for s, rung in first.items():
        told = Told(RULE, arm_with(epochs))
        for position in range(60):
            told.issue()
            bracket = RULE.bracket(position, epochs)
            for epoch in range(1, epochs):
                told.tell(told.state.trials[position], epoch, 1.0 if bracket == s else 0.5)
        newcomer = told.issue()
        while RULE.bracket(newcomer.position, epochs) != s:
            newcomer = told.issue()
        for epoch in range(1, rung):
            assert told.report(newcomer, epoch, 9.0) == GoOn()
        stop = told.report(newcomer, rung, 9.0)
        assert stop == Stop(f"at epoch {rung}, ranked within wae and the bracket of grace period {rung}")
        twin = told.issue()
        while RULE.bracket(twin.position, epochs) != s:
            twin = told.issue()
        assert told.report(twin, rung, 0.9) == GoOn()  # the best of its bracket, though worse than all others


def test_the_last_bracket_stops_nothing() -> None:
    told = Told(RULE, arm_with(27))
    trials = [told.issue() for _ in range(80)]
    last = [trial for trial in trials if RULE.bracket(trial.position, 27) == 0]
    assert len(last) >= 6
    for value, trial in enumerate(last):
        assert not any(stops(told.report(trial, epoch, float(value))) for epoch in range(1, 27))


def test_a_diverged_trial_is_the_worst_in_its_bracket_alone() -> None:
    told = Told(RULE, arm_with(27))
    trials = [told.issue() for _ in range(40)]
    mine = [trial for trial in trials if RULE.bracket(trial.position, 27) == 2][:4]
    for trial in trials:
        if trial not in mine and RULE.bracket(trial.position, 27) != 2:
            told.end(trial, "DIVERGED")
    told.tell(mine[0], 3, 1.0)
    assert stops(told.report(mine[1], 3, 2.0))  # of two, one place
    told.end(mine[2], "DIVERGED")
    told.end(mine[3], "DIVERGED")
    assert not stops(told.decide(mine[1]))  # of four, two


def test_the_longest_trial_of_the_arm_sets_the_brackets() -> None:
    for epochs in ("choice(9, 27)", "int(5, 27)", 27):
        told = Told(RULE, arm_with(epochs))
        told.told((1, 1.0))
        assert {RULE.bracket(p, 27) for p in range(60)} == {0, 1, 2, 3}
        positions = [p for p in range(60) if RULE.bracket(p, 27) == 3]
        while len(told.history) <= positions[-1]:
            told.issue()
        told.tell(told.state.trials[positions[1]], 1, 1.0)
        assert stops(told.report(told.state.trials[positions[2]], 1, 2.0)), epochs


def test_an_arm_too_short_for_two_brackets_is_a_misfit_with_the_cure() -> None:
    assert RULE.wrong_field(arm_with(3)) is None
    problem = RULE.wrong_field(arm_with(2))
    assert problem is not None
    assert "2 epochs are fewer than grace_period * reduction_factor = 3" in problem.message
    assert problem.name == "reduction_factor"
    assert problem.message.endswith("Write {grace_period: 1, reduction_factor: 2} or trial: {training: {epochs: 3}}")
    long = Hyperband(grace_period=30, reduction_factor=3).wrong_field(arm_with(20))
    assert long is not None
    assert long.name == "grace_period"
    assert "30 is not allowed" in long.message
    assert "Write grace_period: 6 or trial: {training: {epochs: 90}}" in long.message
    assert Hyperband(grace_period=6, reduction_factor=3).wrong_field(arm_with(20)) is None
    without = arm_of(training={"optimizer": {"lr": 0.1}})  # 20 by default
    assert Hyperband(grace_period=5, reduction_factor=4).wrong_field(without) is None
    assert Hyperband(grace_period=7, reduction_factor=3).wrong_field(without) is not None
    assert TRIAL["training"]["epochs"] == 27  # type: ignore[index]
