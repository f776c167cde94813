"""Generations of a normal distribution, as a function of what ended."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from cmaes import CMA

from gensweep.axes.arms import identity
from gensweep.component import build
from gensweep.ledger.history import History
from gensweep.searchers._startup import start_up
from gensweep.searchers.cma_es import CMAES
from tests.searchers.searches import Sweep, arm_of

PLANE = {"x": "uniform(0, 1)", "y": "uniform(0, 1)"}
FOUR = CMAES(population_size=4)


def begun(*xs: float, tree: dict[str, Any] = PLANE) -> Sweep:
    """After the first random draw, with trials at these x running."""
    sweep = Sweep(arm_of(tree))
    sweep.complete(sweep.issue({"x": 0.5, "y": 0.5}), 1.0)
    for x in xs:
        sweep.issue({"x": x, "y": 0.5})
    return sweep


def middle(sweep: Sweep, searcher: CMAES = FOUR) -> tuple[float, float]:
    """The mean of many draws."""
    drawn = [searcher.propose(sweep.arm, sweep.history, 50, seed) for seed in range(300)]
    return float(np.mean([p["x"] for p in drawn])), float(np.mean([p["y"] for p in drawn]))


def proposed(sweep: Sweep, searcher: CMAES = FOUR) -> str:
    return identity(searcher.propose(sweep.arm, sweep.history, 50, 0))


def test_the_first_draws_are_those_of_random() -> None:
    arm = arm_of(PLANE)
    searcher = CMAES(n_startup_trials=3)
    for position in range(4):
        drawn = identity(searcher.propose(arm, History(), position, 0))
        assert (drawn == identity(start_up(arm, position, 0))) == (position < 3)
    assert CMAES().dump() == {"name": "cma_es", "n_startup_trials": 1, "population_size": None, "sigma0": 1 / 6}


def test_a_generation_moves_the_distribution_when_all_of_it_has_ended() -> None:
    sweep = begun(0.1, 0.3, 0.7, 0.9)
    before = proposed(sweep)
    for number, value in ((1, 1.0), (2, 2.0), (3, 3.0)):
        sweep.complete(number, value)
        assert proposed(sweep) == before
    sweep.complete(4, 4.0)
    assert proposed(sweep) != before
    x, y = middle(sweep)
    assert x < 0.35
    assert abs(y - 0.5) < 0.05


def test_it_is_the_packages_own_step() -> None:
    """The mean after one generation is that of a CMA that was told the same."""
    sweep = begun(0.2, 0.3, 0.7, 0.8)
    values = {1: 2.0, 2: 1.0, 3: 4.0, 4: 3.0}
    for number, value in values.items():
        sweep.complete(number, value)
    reference = CMA(np.full(2, 0.5), 1 / 6, np.tile([0.0, 1.0], (2, 1)), population_size=4)
    xs = {number: sweep.state.trials[number].parameters["x"] for number in values}
    reference.tell([(np.array([xs[n], 0.5]), value) for n, value in values.items()])
    reference.reseed_rng(0)
    wanted = np.mean([reference.ask() for _ in range(2000)], axis=0)
    assert middle(sweep) == pytest.approx(wanted, abs=0.04)


def test_late_failed_and_startup_trials_belong_to_no_generation() -> None:
    sweep = begun(0.1, 0.3, 0.7, 0.9, 0.99)
    for number in (1, 2, 3, 4):
        sweep.complete(number, float(number))
    after = proposed(sweep)
    sweep.complete(5, 0.0)  # drawn from the distribution before
    for x in (0.2, 0.25, 0.3, 0.35, 0.4):
        sweep.issue({"x": x, "y": 0.5})
    sweep.end(6, "FAILED", 0.0)
    for number in (7, 8, 9):
        sweep.complete(number, float(number))
    assert proposed(sweep) == after  # three of four
    sweep.complete(10, 1.0)
    assert proposed(sweep) != after


def test_ranks_whole_trials_then_pruned_ones_by_epoch_and_score_then_diverged_ones() -> None:
    """Each order of four outcomes moves to the better two, wherever they stand."""

    def moved(*outcomes: tuple[str, list[float]]) -> float:
        sweep = begun(0.1, 0.2, 0.8, 0.9)
        for number, (outcome, values) in enumerate(outcomes, start=1):
            if outcome == "COMPLETED":
                sweep.complete(number, *values)
            else:
                sweep.end(number, outcome, *values)
        return middle(sweep)[0]

    whole, bad = ("COMPLETED", [9.0]), ("COMPLETED", [9.5])
    far, farther, near = ("PRUNED", [3.0, 3.0]), ("PRUNED", [3.0, 2.0]), ("PRUNED", [0.5])
    blind, diverged, nothing = ("PRUNED", []), ("DIVERGED", [0.1]), ("COMPLETED", [math.nan])
    for better, worse in (
        ((whole, bad), (far, farther)),
        ((whole, far), (near, near)),
        ((farther, far), (near, near)),
        ((near, near), (blind, blind)),
        ((farther, farther), (far, far)),
        ((near, blind), (diverged, diverged)),
        ((whole, whole), (nothing, nothing)),
    ):
        assert moved(*better, *worse) < 0.42
        assert moved(*worse, *better) > 0.58


def test_an_axis_that_a_trial_does_not_have_moves_nothing() -> None:
    tree = {"x": "uniform(0, 1)", "k": {"one_of": [{"name": "a", "z": "uniform(0, 1)"}, "b"]}}
    moved = []
    for z in (None, 0.05):
        sweep = Sweep(arm_of(tree))
        sweep.complete(sweep.issue({"x": 0.5, "k": "b"}), 1.0)
        for i, x in enumerate((0.4, 0.45, 0.55, 0.6)):
            sweep.issue({"x": x, "k": "b"} if z is None else {"x": x, "k": "a", "k[a].z": z})
            sweep.complete(i + 1, float(i))
        drawn = [FOUR.propose(sweep.arm, sweep.history, position, 0) for position in range(50, 350)]
        moved.append(np.mean([p["k[a].z"] for p in drawn if p["k"] == "a"]))
    assert abs(moved[0] - 0.5) < 0.05
    assert moved[1] < 0.35


def test_choices_are_those_of_the_first_draws_at_every_position() -> None:
    arm = arm_of({"x": "uniform(0, 1)", "c": "choice(p, q, r)", "k": {"one_of": ["a", "b", "c"]}})
    drawn = [CMAES().propose(arm, History(), position, 3) for position in range(30)]
    for position, p in enumerate(drawn):
        first = start_up(arm, position, 3)
        assert (p["c"], p["k"]) == (first["c"], first["k"])
    assert {p["k"] for p in drawn[:3]} == {"a", "b", "c"}


def test_an_arm_of_choices_is_a_misfit_that_says_what_to_take() -> None:
    assert CMAES().misfit(arm_of({"c": "choice(1, 2)", "d": "int(3, 3)"})) == (
        "cma_es searches ranges, and every axis here is a choice. Take sampler: tpe"
    )
    assert CMAES().misfit(arm_of({"c": "choice(1, 2)", "d": "int(3, 4)"})) is None


def test_the_first_spread_is_sigma0_of_a_range() -> None:
    arm = arm_of({"x": "uniform(0, 10)", "y": "loguniform(1, 100)"})
    for sigma in (0.02, 0.1):
        drawn = [CMAES(sigma0=sigma).propose(arm, History(), position, 0) for position in range(1, 400)]
        assert np.std([p["x"] for p in drawn]) == pytest.approx(10 * sigma, rel=0.15)  # 4 standard errors
        assert np.std([math.log(p["y"]) / math.log(100) for p in drawn]) == pytest.approx(sigma, rel=0.15)


def test_a_distribution_that_burst_begins_anew() -> None:
    """Trials that stand far from a narrow distribution, generation after generation, blow it up; it comes back."""
    narrow = CMAES(population_size=4, sigma0=1e-7)
    sweep = begun(tree=PLANE)
    for generation in range(3):
        for x in (0.0, 0.001, 0.999, 1.0):
            sweep.complete(sweep.issue({"x": x, "y": x}), x)
        drawn = [narrow.propose(sweep.arm, sweep.history, 50, seed)["x"] for seed in range(20)]
        assert np.std(drawn) < 1e-5, generation
        assert np.mean(drawn) == pytest.approx(0.5, abs=1e-5)


def test_the_end_of_a_range_is_drawn_as_it_is() -> None:
    arm = arm_of({"x": "int(1, 5)", "y": "uniform(0, 1)"})
    drawn = [CMAES(sigma0=1.0).propose(arm, History(), position, 0) for position in range(1, 200)]
    assert {p["x"] for p in drawn} == {1, 2, 3, 4, 5}
    assert all(0 <= p["y"] <= 1 for p in drawn)


def test_fields_are_checked() -> None:
    with pytest.raises(ValueError, match=r"unknown field 'popsize' of cma_es\. Did you mean"):
        build("searchers", {"name": "cma_es", "popsize": 5})


def test_a_draw_on_the_upper_bound_is_a_value_of_the_range(monkeypatch: pytest.MonkeyPatch) -> None:
    """`at` takes shares below 1: of a whole range of 4 values, 1 would be a fifth."""
    monkeypatch.setattr(CMA, "ask", lambda _self: np.ones(2))
    sweep = begun(0.5, tree={"x": "int(1, 4)", "y": "uniform(0, 1)"})
    found = FOUR.propose(sweep.arm, sweep.history, 50, 0)
    assert found["x"] == 4
    assert found["y"] < 1
