"""Searchers that learn: do they? Statistical statements carry the chance of failing where nothing was learnt."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from gensweep import registry
from gensweep.axes.arms import Arm, identity
from gensweep.component import build
from gensweep.searchers.base import Searcher
from gensweep.searchers.random import Random
from tests.searchers.searches import arm_of, best, search

SQUARE = {"x": "uniform(-1, 1)", "y": "uniform(-1, 1)"}
CONDITIONAL = {
    "x": "uniform(-1, 1)",
    "family": {
        "one_of": [{"name": "a", "y": "uniform(-1, 1)"}, {"name": "b", "z": "loguniform(0.01, 100)"}, {"name": "c"}]
    },
}
ADAPTIVE = [name for name in registry.names("searchers") if registry.load("searchers", name).is_adaptive]  # type: ignore[attr-defined]
BUDGET = {
    "gp": 12,
    "cma_es": 90,
}  # trials; a Gaussian process is slow to ask and quick to learn, evolution the opposite
STARTUP = 6


def quadratic(p: dict[str, Any]) -> float:
    return (p["x"] - 0.3) ** 2 + (p["y"] + 0.6) ** 2


def conditional(p: dict[str, Any]) -> float:
    """Higher is better; the best branch has its own quadratic."""
    rest = {
        "a": lambda: (p["family[a].y"] + 0.6) ** 2,
        "b": lambda: 1 + abs(math.log(p["family[b].z"])),
        "c": lambda: 1.5,
    }
    return -((p["x"] - 0.3) ** 2 + rest[p["family"]]())


PROBLEMS: list[tuple[Arm, Callable[[dict[str, Any]], float]]] = [
    (arm_of(SQUARE), quadratic),
    (arm_of(CONDITIONAL, "max"), conditional),
]


@pytest.fixture(params=ADAPTIVE)
def searcher(request: pytest.FixtureRequest) -> Searcher:
    is_gp = request.param == "gp"
    return build("searchers", {"name": request.param, **({"n_startup_trials": STARTUP} if is_gp else {})})  # type: ignore[return-value]


@cache
def by_chance(problem: int, n: int) -> list[float]:
    """The best losses of 100 random searches."""
    arm, score = PROBLEMS[problem]
    return [arm.objective.loss(best(search(Random(), arm, score, n, seed=1000 + seed))) for seed in range(100)]


@pytest.mark.slow
def test_it_beats_random_search_up_and_down(searcher: Searcher) -> None:
    """Each of 6 searches has a rank among random ones, uniform in [0, 1] where nothing is learnt.

    Their sum is then at most 1 with a chance of 1/6! = 0.14 %.
    """
    ranks = []
    for problem, (arm, score) in enumerate(PROBLEMS):
        n = BUDGET.get(searcher.name, 40)  # type: ignore[attr-defined]
        for seed in range(3):
            loss = arm.objective.loss(best(search(searcher, arm, score, n, seed=seed)))
            ranks.append(sum(other <= loss for other in by_chance(problem, n)) / 100)
    assert sum(ranks) <= 1, ranks


@pytest.mark.slow
def test_it_keeps_away_from_where_trials_diverge(searcher: Searcher) -> None:
    """Half of the space diverges, and the other half scores all alike but for noise, so nothing else says where to go.

    Of the last third of the trials, over 3 seeds, fewer than half diverge: chance 2 % where nothing is learnt.
    """

    def cliff(p: dict[str, Any]) -> float:
        return 1 + math.sin(1e6 * p["y"]) / 10 if p["x"] > 0 else math.nan

    n, diverged, late = BUDGET.get(searcher.name, 40) + 3, 0, 0  # type: ignore[attr-defined]
    for seed in range(3):
        sweep = search(searcher, arm_of(SQUARE), cliff, n, seed=seed)
        last = [record.parameters["x"] for record in sweep.history][-n // 3 :]
        diverged, late = diverged + sum(x <= 0 for x in last), late + len(last)
    assert diverged < late / 2 - 1.03 * late**0.5, (diverged, late)  # 2.06 standard deviations of a count


def test_it_bears_that_every_trial_diverges(searcher: Searcher) -> None:
    sweep = search(searcher, arm_of(SQUARE), lambda p: math.nan, 12)
    assert len({identity(record.parameters) for record in sweep.history}) == 12


@pytest.mark.slow
def test_it_learns_with_many_at_once(searcher: Searcher) -> None:
    """Four run at any time. Better than the median of random search, 3 times of 3: chance 1/8; no two are the same."""
    n = BUDGET.get(searcher.name, 40)  # type: ignore[attr-defined]
    for seed in range(3):
        sweep = search(searcher, *PROBLEMS[0], n, seed=seed, n_at_once=4)
        assert len({identity(record.parameters) for record in sweep.history}) == n
        assert best(sweep) < sorted(by_chance(0, n))[50]
