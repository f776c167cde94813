"""Population-based training as a pure rule: who copies whom, and what becomes of the knobs."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from gensweep.axes.distributions import parse
from gensweep.early_stopping._knobs import knob_axes, perturbed
from gensweep.early_stopping.base import Copy, GoOn
from gensweep.early_stopping.pbt import PBT
from tests.early_stopping.conftest import INFINITIES, LAMBDA, LR, TRIAL, Told, arm_of

RULE = PBT(interval=5)


def population(*values: float, epoch: int = 5, rule: PBT = RULE, mode: Any = "min", **trial: Any) -> Told:
    told = Told(rule, arm_of(mode, **trial), first=100)
    for value in values:
        told.told((epoch, value))
    return told


def sources(told: Told, trial: Any, seeds: int = 60) -> set[int | None]:
    decisions = (told.decide(trial, seed) for seed in range(seeds))
    return {decision.source if isinstance(decision, Copy) else None for decision in decisions}


def test_the_fields_are_those_of_the_paper() -> None:
    assert (PBT().quantile, PBT().factors, PBT().resample) == (0.2, (0.8, 1.2), 0.0)
    assert PBT.moves_knobs
    assert not PBT.ends_trials


def test_the_worst_fifth_copies_one_of_the_best_fifth_each_with_some_probability() -> None:
    told = population(3.0, 1.0, 5.0, 2.0, 4.0, 6.0, 7.0, 8.0, 9.0, 10.0)
    bests, worsts = {101, 103}, {108, 109}
    for trial in told.history:
        assert sources(told, trial) == (bests if trial.number in worsts else {None})
    worst = told.history[9]
    drawn = Counter(told.decide(worst, seed).source for seed in range(400))  # type: ignore[union-attr]
    assert abs(drawn[101] - 200) < 60  # six standard deviations of a fair coin


@pytest.mark.parametrize(("n", "quantile", "n_copying"), [(2, 0.2, 1), (3, 0.2, 1), (5, 0.2, 1), (6, 0.2, 2), (35, 0.2, 7),
                                                          (3, 0.5, 1), (5, 0.5, 2), (8, 0.25, 2), (1, 0.5, 0),
                                                          (100, 0.07, 7)])  # fmt: skip
def test_a_quantile_is_rounded_up_and_never_more_than_half(n: int, quantile: float, n_copying: int) -> None:
    told = population(*map(float, range(n)), rule=PBT(interval=5, quantile=quantile))
    copying = [trial for trial in told.history if sources(told, trial) != {None}]
    assert [trial.position for trial in copying] == list(range(n - n_copying, n))
    given = set().union(*(sources(told, trial, 300) for trial in copying)) if copying else set()
    assert given == {100 + k for k in range(n_copying)}


def test_equal_trials_do_not_copy_one_another() -> None:
    told = population(*[1.0] * 10)
    assert all(sources(told, trial) == {None} for trial in told.history)
    told = population(1.0, *[2.0] * 9)
    assert all(
        sources(told, trial) == {100} for trial in list(told.history)[1:]
    )  # the best two are one, strictly better


def test_only_the_first_report_at_an_epoch_of_the_interval_is_compared() -> None:
    told = population(1.0, 2.0, 3.0, 4.0)
    trial = told.issue()
    for epoch, copies in ((3, False), (4, False), (7, True), (8, False), (9, False)):  # 7 is the first at or after 5
        assert isinstance(told.report(trial, epoch, 9.0), Copy) is copies, epoch
    assert told.report(trial, 10, 9.0) == GoOn()  # the first there
    other = told.issue()
    assert isinstance(told.report(other, 5, 9.5), Copy)
    assert isinstance(told.report(other, 10, 9.5), Copy)


def test_a_report_that_crosses_several_epochs_counts_at_each_and_is_compared_at_the_last() -> None:
    told = population(1.0, 2.0, 3.0, 4.0)
    crossing = told.issue()
    assert told.report(crossing, 16, 9.0) == GoOn()
    for epoch in (5, 10, 15):
        assert isinstance(told.report(told.issue(), epoch, 10.0), Copy)


def test_others_are_compared_at_the_same_epoch_not_at_their_newest() -> None:
    told = Told(RULE)
    old = told.told((5, 9.0), (10, 1.0))
    trial = told.issue()
    assert told.report(trial, 5, 5.0) == GoOn()  # better than 9
    assert isinstance(told.report(trial, 10, 5.0), Copy)
    assert sources(told, trial) == {old.number}


def test_a_diverged_trial_is_the_worst_where_it_did_not_come_to_and_gives_nothing() -> None:
    told = population(1.0, 2.0, 3.0, 4.0, 5.0)
    worst = told.history[4]
    assert sources(told, worst) == {100}
    told.end(told.history[0], "DIVERGED")
    assert sources(told, worst) == {101}  # the next best
    told = Told(RULE)
    told.told(outcome="DIVERGED")
    trial = told.issue()
    assert told.report(trial, 5, 5.0) == GoOn()  # one is worse
    better = told.told((5, 1.0))
    assert told.decide(trial) == GoOn()
    told.told((5, 2.0), (9, 2.0), outcome="DIVERGED")  # which counts at 5 as it stood there, at 10 as the worst
    assert told.decide(trial) == GoOn()
    told.tell(trial, 10, 5.0)
    told.tell(better, 10, 1.0)
    assert told.decide(trial) == GoOn()


def test_without_anyone_left_to_give_a_trial_goes_on() -> None:
    told = population(1.0, 2.0)
    assert sources(told, told.history[1]) == {100}
    told.end(told.history[0], "FAILED")
    assert sources(told, told.history[1]) == {None}


def test_completed_trials_still_give() -> None:
    told = population(1.0, 2.0)
    told.end(told.history[0], "COMPLETED")
    assert sources(told, told.history[1]) == {100}


@pytest.mark.parametrize("bad", INFINITIES)
def test_what_is_not_finite_copies_and_gives_nothing(bad: float) -> None:
    told = population(bad, 2.0)
    assert sources(told, told.history[0]) == {101}
    assert sources(told, told.history[1]) == {None}
    told = population(bad, bad)
    assert sources(told, told.history[0]) == {None}


def test_a_score_to_maximise_is_ranked_the_other_way() -> None:
    told = population(0.9, 0.1, mode="max")
    assert sources(told, told.history[1]) == {100}
    assert sources(told, told.history[0]) == {None}


def test_nothing_is_copied_when_nothing_would_be_trained() -> None:
    training = {"epochs": 10, "optimizer": {"lr": "loguniform(1e-4, 1e-2)"}}
    told = population(1.0, 2.0, training=training)
    told.tell(told.history[0], 10, 1.0)
    assert told.report(told.history[1], 10, 2.0) == GoOn()
    told = population(1.0, 2.0, training={**training, "epochs": 11})
    told.tell(told.history[0], 10, 1.0)
    assert isinstance(told.report(told.history[1], 10, 2.0), Copy)


def test_weights_go_only_between_trials_that_agree_on_every_axis_but_the_knobs() -> None:
    told = Told(RULE, arm_of(latent_size="choice(2, 4)"))
    for size, value in ((2, 1.0), (4, 2.0), (2, 3.0), (4, 4.0)):
        told.tell(told.issue(latent_size=size), 5, value)
    assert [sources(told, trial) for trial in told.history] == [{None}, {None}, {0}, {1}]


def test_a_population_of_its_own_knows_nothing_of_how_others_diverged() -> None:
    told = Told(RULE, arm_of(latent_size="choice(2, 4)"))
    told.end(told.issue(latent_size=4), "DIVERGED")
    told.tell(told.issue(latent_size=2), 5, 1.0)
    assert isinstance(told.report(told.issue(latent_size=2), 5, 2.0), Copy)


def test_only_knobs_change_and_from_the_value_that_the_source_has_now() -> None:
    told = Told(RULE, arm_of(latent_size="choice(2, 4)"))
    source = told.issue(latent_size=2, lam=2.0, lr=1e-3)
    told.tell(source, 5, 1.0)
    worst = told.issue(latent_size=2, lam=9.0, lr=9e-3)
    copy = told.report(worst, 5, 2.0)
    assert isinstance(copy, Copy)
    assert set(copy.parameters) == {LAMBDA, LR}
    assert copy.parameters[LAMBDA] in (pytest.approx(1.6), pytest.approx(2.4))
    assert copy.parameters[LR] in (pytest.approx(8e-4), pytest.approx(1.2e-3))
    told.follow(source, Copy(worst.number, {LAMBDA: 5.0, LR: 5e-3}))  # it has changed since
    assert told.decide(worst).parameters[LAMBDA] in (pytest.approx(4.0), pytest.approx(6.0))  # type: ignore[union-attr]


def test_a_seed_gives_one_exploration_and_another_seed_another() -> None:
    told = population(*map(float, range(10)), rule=PBT(interval=5, resample=0.5))
    worst = told.history[9]
    assert all(told.decide(worst, seed) == told.decide(worst, seed) for seed in range(20))
    assert len({str(told.decide(worst, seed)) for seed in range(20)}) > 10


def test_each_knob_is_moved_by_itself() -> None:
    told = population(1.0, 2.0)
    told.history[0].parameters.update({LAMBDA: 1.0, LR: 1e-3})
    moved = [told.decide(told.history[1], seed).parameters for seed in range(60)]  # type: ignore[union-attr]
    assert {(values[LAMBDA], round(values[LR] * 1e3, 9)) for values in moved} == {
        (a, b) for a in (0.8, 1.2) for b in (0.8, 1.2)
    }


def test_a_knob_is_drawn_anew_with_the_probability_given() -> None:
    fresh = 0
    told = population(1.0, 2.0, rule=PBT(interval=5, resample=0.25))
    told.history[0].parameters.update({LAMBDA: 1.0, LR: 1e-3})
    for seed in range(800):
        copy = told.decide(told.history[1], seed)
        assert isinstance(copy, Copy)
        fresh += copy.parameters[LAMBDA] not in (0.8, 1.2)
        assert 0.1 <= copy.parameters[LAMBDA] <= 10
    assert abs(fresh - 200) < 74  # six standard deviations: sqrt(800 * 0.25 * 0.75) = 12.2
    always = population(1.0, 2.0, rule=PBT(interval=5, resample=1.0))
    drawn = [always.decide(always.history[1], seed).parameters[LAMBDA] for seed in range(200)]  # type: ignore[union-attr]
    assert len(set(drawn)) == 200
    assert 60 < sum(value < 1.0 for value in drawn) < 140  # loguniform(0.1, 10): the half lies at 1


@pytest.mark.parametrize(
    ("text", "value", "factor", "expected"),
    [
        ("uniform(0.5, 2)", 1.0, 1.2, 1.2),
        ("uniform(0.5, 2)", 1.9, 1.2, 2),
        ("uniform(0.5, 2)", 0.6, 0.8, 0.5),
        ("uniform(3, 3)", 3, 1.2, 3),
        ("loguniform(0.1, 10)", 1.0, 0.8, 0.8),
        ("loguniform(0.1, 10)", 9.0, 1.2, 10),
        ("int(1, 9)", 5, 1.2, 6),
        ("int(1, 9)", 9, 1.2, 9),
        ("logint(1, 100)", 50, 0.8, 40),
        ("quniform(0, 1, 0.25)", 0.5, 1.5, 0.75),
        ("quniform(0, 1, 0.25)", 1.0, 1.5, 1.0),
        ("choice(10, 1, 5)", 5, 1.2, 10),
        ("choice(10, 1, 5)", 5, 0.8, 1),
        ("choice(10, 1, 5)", 10, 1.2, 10),
        ("choice(10, 1, 5)", 1, 0.8, 1),
        ("choice(10, 1, 5)", 5, 1.0, 5),
    ],
)
def test_a_moved_value_stays_in_its_distribution(text: str, value: float, factor: float, expected: float) -> None:
    distribution = parse(text)
    assert distribution is not None
    assert perturbed(distribution, value, factor) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["uniform(-2, 3)", "loguniform(1e-9, 7)", "int(2, 8)", "logint(1, 9)",
                                  "quniform(0.1, 2.05, 0.3)", "choice(3, 1, 2)"])  # fmt: skip
def test_any_walk_stays_in_the_distribution(text: str) -> None:
    distribution, rng = parse(text), random.Random(0)
    assert distribution is not None
    value = distribution.sample(rng)
    for _ in range(300):
        value = perturbed(distribution, value, rng.choice([0.5, 0.8, 1.2, 2.0]))
        ends = [*distribution.ends()]
        assert min(ends) <= value <= max(ends)
        if distribution.n_values is not None:
            assert distribution.at(distribution.share(value)) == value


def test_the_knobs_of_an_arm_are_found_below_branches_and_nothing_else_is_one() -> None:
    divergence = {
        "one_of": [{"name": "mmd", "kernel": "choice(imq, rbf)"}, {"name": "sinkhorn", "blur": "loguniform(0.3, 3)"}]
    }
    arm = arm_of(
        compare="latent_size", network={"name": "mlp", "hidden": "choice([8], [16])"}, latent_size="choice(2, 4)",
        family={"name": "wae", "lambda": "choice(1, 10)", "divergence": divergence},
        training={"epochs": "choice(8, 9)", "batch_size": "choice(32, 64)", "grad_clip": "uniform(0, 1)",
                  "optimizer": {"lr": "loguniform(1e-4, 1e-2)", "betas": ["uniform(0, 0.9)", 0.99],
                                "eps": "loguniform(1e-9, 1e-7)"}},
    )  # fmt: skip
    assert {axis.path for axis in knob_axes(arm)} == {LAMBDA, "family.divergence[sinkhorn].blur", LR}


def test_knobs_are_found_where_each_trial_has_a_seed_of_its_own() -> None:
    arm = arm_of(seed=None)
    assert {axis.path for axis in knob_axes(arm)} == {LAMBDA, LR}
    assert RULE.misfit(arm_of(seed=None, family={"name": "wae"}, training={"epochs": 27})) is not None
    told = population(1.0, 2.0, seed=None)
    assert sources(told, told.history[1]) == {100}


def test_a_knob_of_a_branch_moves_only_where_the_branch_was_chosen() -> None:
    divergence = {"one_of": [{"name": "sinkhorn", "blur": "loguniform(0.3, 3)"}, {"name": "mmd"}]}
    told = Told(
        RULE,
        arm_of(compare="latent_size", family={"name": "wae", "divergence": divergence}, latent_size="choice(2, 4)"),
    )
    blur = "family.divergence[sinkhorn].blur"
    for _ in range(30):
        told.issue()
    for k, trial in enumerate(told.history):
        told.tell(trial, 5, float(k))
    copied = [(t, d) for t in told.history if isinstance(d := told.decide(t), Copy)]
    assert {trial.parameters["family.divergence"] for trial, _ in copied} == {"sinkhorn", "mmd"}
    for trial, copy in copied:
        branch = trial.parameters["family.divergence"]
        assert set(copy.parameters) == ({LR, blur} if branch == "sinkhorn" else {LR})
        assert told.state.trials[copy.source].parameters["family.divergence"] == branch


def test_without_a_knob_to_change_it_is_a_misfit_with_the_cure() -> None:
    fixed = {"family": {"name": "wae"}, "training": {"epochs": 27}}
    problem = RULE.misfit(arm_of(**fixed, latent_size="choice(2, 4)"))
    assert problem is not None
    assert "none is searched here" in problem
    assert "family.lambda" in problem
    assert "training.optimizer.lr" in problem
    assert RULE.misfit(arm_of()) is None
    assert RULE.misfit(arm_of(family={"name": "wae"})) is None  # the learning rate alone


def test_an_interval_that_no_trial_outlasts_is_a_misfit_with_the_cure() -> None:
    assert PBT(interval=26).wrong_field(arm_of()) is None
    problem = PBT(interval=27).wrong_field(arm_of())
    assert problem is not None
    assert problem.name == "interval"
    assert problem.message == (
        "27 is not allowed: trials train for 27 epochs, and pbt copies before the last. Write interval: 6"
    )
    assert PBT(interval=6).wrong_field(arm_of()) is None
    once = PBT(interval=1).wrong_field(arm_of(training={"epochs": 1}))
    assert once is not None
    assert once.message.endswith(
        "train for 1 epoch, and pbt copies before the last. Write trial: {training: {epochs: 20}}"
    )


def test_an_unsound_space_is_left_to_the_check() -> None:
    assert PBT().misfit(arm_of(family={"name": "wea"})) is None
    assert PBT().misfit(arm_of(latent_size="choice(-1, 2)")) is None
    assert TRIAL["latent_size"] == 2
