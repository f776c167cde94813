"""What every early-stopping rule must keep, whoever wrote it: the members of the folder and of entry points."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import gensweep
from gensweep import registry
from gensweep.component import build
from gensweep.early_stopping import base
from gensweep.early_stopping.base import Copy, Decision, EarlyStopping, GoOn, Stop
from gensweep.errors import Outcome
from gensweep.objective import Objective
from tests.early_stopping.conftest import Told, arm_of

ENDS = ["COMPLETED", "PRUNED", "FAILED", "DIVERGED"]
EPOCHS = 27
SEEDS = range(12)
GROUPS = Path(gensweep.__file__).parent / "spaces" / "defaults" / "early_stopping"


@pytest.fixture(params=registry.names("early_stopping"))
def rule(request: pytest.FixtureRequest) -> EarlyStopping:
    return eager(request.param)


def eager(name: str) -> EarlyStopping:
    """The rule with settings under which it acts early, where it has such fields."""
    wanted = {"grace_period": 1, "reduction_factor": 2, "min_trials": 1, "interval": 1, "quantile": 0.4}
    known = registry.load("early_stopping", name).model_fields  # type: ignore[attr-defined]
    return build("early_stopping", {"name": name, **{k: v for k, v in wanted.items() if k in known}})  # type: ignore[return-value]


def value(rng: random.Random) -> float:
    return rng.choice([rng.uniform(0, 10), rng.uniform(0, 10), float(rng.randint(0, 3)), float("nan"), float("inf")])


def story(rule: EarlyStopping, seed: int) -> tuple[Told, list[tuple[int, Decision]]]:
    """A sweep at random: trials begin, report, end in every way, and what the rule decides is followed."""
    rng, told = random.Random(seed), Told(rule, arm_of(latent_size="choice(2, 4)"), first=7 * seed)
    decisions: list[tuple[int, Decision]] = []
    for _ in range(250):
        live = [trial for trial in told.history if trial.is_live]
        if not live or rng.random() < 0.12:
            told.issue()
            continue
        trial = rng.choice(live)
        epoch = trial.epoch + rng.choice([1, 1, 1, 3])
        if rng.random() < 0.06 or epoch >= EPOCHS:
            told.end(trial, rng.choice(ENDS))
            continue
        if rng.random() < 0.1 and trial.reports:
            told.tell(trial, trial.epoch, value(rng))  # said again
            continue
        decision = told.report(trial, epoch, value(rng), seed=rng.getrandbits(60))
        decisions.append((trial.number, decision))
        told.follow(trial, decision)
    return told, decisions


def test_a_description_builds_the_same_again_and_says_what_it_is(rule: EarlyStopping) -> None:
    assert build("early_stopping", rule.dump()) == rule
    assert hash(build("early_stopping", rule.dump())) == hash(rule)  # it keys what is kept of a history
    assert rule.summary
    assert rule.kind == "early_stopping"


@pytest.mark.parametrize("file", sorted(GROUPS.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_group_of_a_rule_says_its_defaults(file: Path) -> None:
    node = yaml.safe_load(file.read_text())
    assert node["name"] == file.stem
    assert build("early_stopping", node) == build("early_stopping", file.stem)
    assert set(node) == set(build("early_stopping", file.stem).dump())  # every field is there to be seen


def test_every_rule_of_our_own_has_a_group() -> None:
    own = {file.stem for file in Path(base.__file__).parent.glob("[a-z]*.py")} - {"base"}
    assert {file.stem for file in GROUPS.glob("*.yaml")} == own


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_history_gives_the_same_decision_however_it_was_read(rule: EarlyStopping, seed: int) -> None:
    """Incremental equals in one go, a decision changes nothing, and asking twice gives the same."""
    rng = random.Random(seed)
    told, _ = story(rule, seed)
    last = [trial for trial in told.history if trial.is_live and trial.reports]
    before = told.replayed()
    for trial in last:
        own = rng.getrandbits(60)
        first = told.decide(trial, own)
        assert told.decide(trial, own) == first
        anew = told.replayed()
        assert rule.decide(told.arm, anew, anew[trial.position], own) == first
    assert told.history == before


@pytest.mark.parametrize("seed", SEEDS)
def test_a_sweep_told_again_is_decided_again_alike(rule: EarlyStopping, seed: int) -> None:
    assert story(rule, seed)[1] == story(rule, seed)[1]


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_first_or_only_trial_goes_on_whatever_it_reports(rule: EarlyStopping, mode: Any) -> None:
    for bad in (1e9, -1e9, 0.0, float("nan"), float("inf"), float("-inf")):
        told = Told(rule, arm_of(mode))
        trial = told.issue()
        assert all(told.report(trial, epoch, bad) == GoOn() for epoch in range(1, EPOCHS))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mode", ["min", "max"])
def test_the_best_trial_goes_on_always(rule: EarlyStopping, mode: Any, seed: int) -> None:
    """One that is better than all others at every epoch, whenever it comes."""
    rng, told = random.Random(seed), Told(rule, arm_of(mode))
    best = -1.0 if mode == "min" else 11.0
    stars = {rng.randrange(40), rng.randrange(40)}
    for k in range(40):
        trial = told.issue()
        for epoch in range(1, rng.choice([2, 6, EPOCHS])):
            decision = told.report(trial, epoch, best if k in stars else rng.uniform(0, 10), seed=epoch)
            if k in stars:
                assert decision == GoOn(), (k, epoch)
            told.follow(trial, decision)
            if trial.outcome is not None:
                break
        if trial.is_live and rng.random() < 0.5:
            told.end(trial, rng.choice(ENDS) if k not in stars else "COMPLETED")


@pytest.mark.parametrize("seed", SEEDS)
def test_what_it_says_of_itself_is_true_and_a_copy_is_sound(rule: EarlyStopping, seed: int) -> None:
    rng, told = random.Random(seed), Told(rule, arm_of(latent_size="choice(2, 4)"), first=50)
    for _ in range(300):
        live = [trial for trial in told.history if trial.is_live]
        if not live or rng.random() < 0.12:
            told.issue()
            continue
        trial = rng.choice(live)
        if rng.random() < 0.05 or trial.epoch + 1 >= EPOCHS:
            told.end(trial, rng.choice(ENDS))
            continue
        decision = told.report(trial, trial.epoch + 1, value(rng), seed=rng.getrandbits(60))
        assert isinstance(decision, GoOn | Stop | Copy)
        if isinstance(decision, Stop):
            assert rule.ends_trials
            assert decision.reason
        if isinstance(decision, Copy):
            assert rule.moves_knobs
            source = told.state.trials[decision.source]
            assert source is not trial
            assert source.reports
            assert source.outcome not in (Outcome.DIVERGED, Outcome.FAILED)
            after = {**trial.parameters, **decision.parameters}
            assert set(after) == set(trial.parameters)
            assert after["latent_size"] == trial.parameters["latent_size"] == source.parameters["latent_size"]
            for axis in told.arm.axes:
                ends = axis.distribution.ends()
                assert min(ends) <= after[axis.path] <= max(ends)
        told.follow(trial, decision)


def test_some_of_the_random_stories_make_it_act(rule: EarlyStopping) -> None:
    """Else the tests here would say nothing about it."""
    if rule.ends_trials or rule.moves_knobs:
        kinds = {type(decision) for seed in SEEDS for _, decision in story(rule, seed)[1]}
        assert (Stop in kinds) is rule.ends_trials
        assert (Copy in kinds) is rule.moves_knobs


@pytest.mark.parametrize("seed", SEEDS)
def test_what_comes_of_another_arm_changes_nothing(rule: EarlyStopping, seed: int) -> None:
    """Two arms in one state, told by turns: each decides as it does alone."""
    first, second = Told(rule, arm_of()), Told(rule, replace(arm_of(), label="other"), first=1000)
    second.state = first.state
    alone = Told(rule, arm_of())
    rng = random.Random(seed)
    for _ in range(12):
        mine, yours, twin = first.issue(), second.issue(), alone.issue()
        for epoch in range(1, 9):
            got = value(rng)
            if yours.is_live:
                second.follow(yours, second.report(yours, epoch, rng.uniform(-20, -10)))
            if twin.is_live:
                decision = alone.report(twin, epoch, got)
                assert first.report(mine, epoch, got) == decision
                first.follow(mine, decision)
                alone.follow(twin, decision)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_score_to_maximise_is_the_same_as_its_negative_to_minimise(rule: EarlyStopping, seed: int) -> None:
    least, most, rng = Told(rule, arm_of("min")), Told(rule, arm_of("max")), random.Random(seed)
    for _ in range(25):
        one, other = least.issue(), most.issue()
        for epoch in range(1, rng.choice([3, 9])):
            got, own = value(rng), rng.getrandbits(60)
            decision = least.report(one, epoch, got, own)
            assert most.report(other, epoch, -got, own) == decision
            least.follow(one, decision)
            most.follow(other, decision)
            if one.outcome is not None:
                break


@pytest.mark.parametrize("outcome", ENDS)
def test_a_history_of_nothing_but_ends_is_read(rule: EarlyStopping, outcome: str) -> None:
    told = Told(rule)
    for _ in range(5):
        told.told(outcome=outcome)
    trial = told.issue()
    assert told.report(trial, 1, 1.0) == GoOn()  # the only one that has a score
    assert told.report(trial, 2, 1.0) == GoOn()


class Counted(float):
    """A number that counts how often it is compared."""

    n = 0

    def __lt__(self, other: float) -> bool:
        Counted.n += 1
        return float.__lt__(self, other)

    def __eq__(self, other: object) -> bool:
        Counted.n += 1
        return float.__eq__(self, other)

    __hash__ = float.__hash__


class CountedObjective(Objective):
    def of(self, scores: Any) -> float:
        return Counted(super().of(scores))


def cost(told: Told, trial: Any) -> int:
    """Lines of Python that one decision takes, and comparisons of losses."""
    lines, Counted.n = 0, 0

    def trace(frame: Any, event: str, argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    sys.settrace(trace)
    try:
        told.decide(trial)
    finally:
        sys.settrace(None)
    return lines + Counted.n


def test_a_decision_costs_no_more_after_many_trials_than_after_few(rule: EarlyStopping) -> None:
    told = Told(rule, replace(arm_of(), objective=CountedObjective(metric="fid")))
    costs = []
    for k in range(700):
        trial = told.issue()
        for epoch in range(1, 4):
            told.tell(trial, epoch, float((k * 7919) % 1009) if epoch < 3 else 1.0)
            costs.append(cost(told, trial))
        told.end(trial, ENDS[k % 4])
    few, many = max(costs[90:300]), max(costs[-300:])
    assert many <= 1.5 * few + 20, (
        few,
        many,
    )  # log 700 / log 60 is 1.6; one step for every trial would be 7 times as many


@pytest.mark.parametrize("epochs", [1, 2, 20])
def test_a_field_that_does_not_fit_is_its_own_and_told_with_its_value(rule: EarlyStopping, epochs: int) -> None:
    """And a rule with a grace period that no trial outlasts is refused, or says that it stops nothing."""
    arm = arm_of(training={"epochs": epochs})
    huge = {name: 50 for name in ("grace_period", "interval") if name in type(rule).model_fields}
    late = type(rule).model_validate({**rule.dump(), **huge})
    for one in (rule, late):
        if wrong := one.wrong_field(arm):
            assert wrong.message.startswith(f"{getattr(one, wrong.name)} is not allowed: ")
            assert "Write " in wrong.message
    if huge:
        assert late.wrong_field(arm) or late.idle(arm)
    assert rule.idle(arm_of(training={"epochs": EPOCHS})) is None
    assert rule.wrong_field(arm_of(training={"epochs": EPOCHS})) is None
