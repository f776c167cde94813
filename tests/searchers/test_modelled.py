"""What the searchers by Optuna are told of an arm, and when they are asked."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gensweep.axes.arms import identity
from gensweep.component import build
from gensweep.ledger.history import History
from gensweep.searchers._modelled import Modelled
from gensweep.searchers._startup import start_up
from tests.searchers.searches import Sweep, arm_of

LINE = {"x": "uniform(0, 1)"}
N = 6


@pytest.fixture(params=["tpe", "gp"])
def searcher(request: pytest.FixtureRequest) -> Modelled:
    return build("searchers", {"name": request.param, "n_startup_trials": N})  # type: ignore[return-value]


def told(xs: list[float], mode: str = "min") -> Sweep:
    sweep = Sweep(arm_of(LINE, mode))
    for x in xs:
        sweep.complete(sweep.issue({"x": x}), abs(x - 0.5))
    return sweep


def asked(searcher: Modelled, sweep: Sweep, position: int | None = None) -> float:
    parameters = searcher.propose(sweep.arm, sweep.history, len(sweep.history) if position is None else position, 0)
    return float(parameters["x"])


def is_random(searcher: Modelled, sweep: Sweep, position: int) -> bool:
    drawn = start_up(sweep.arm, position, 0)
    return identity(searcher.propose(sweep.arm, sweep.history, position, 0)) == identity(drawn)


def test_the_first_draws_are_those_of_random_until_there_are_results_enough(searcher: Modelled) -> None:
    xs = [0.1, 0.3, 0.45, 0.6, 0.8, 0.95]
    assert is_random(searcher, told(xs), N - 1)
    assert not is_random(searcher, told(xs), N)
    assert is_random(searcher, told(xs[:-1]), N)
    failed = told(xs[:-1])
    failed.end(failed.issue({"x": 0.2}), "FAILED", 0.5)
    assert is_random(searcher, failed, N + 1)  # a failed trial is no result
    running = told(xs[:-1])
    running.issue({"x": 0.2})
    assert is_random(searcher, running, N + 1)
    diverged = told(xs[:-1])
    diverged.end(diverged.issue({"x": 0.2}), "DIVERGED")
    assert not is_random(searcher, diverged, N + 1)


def test_pruned_trials_count_where_the_model_learns_from_them(searcher: Modelled) -> None:
    sweep = told([0.1, 0.3, 0.45, 0.6, 0.8])
    sweep.end(sweep.issue({"x": 0.2}), "PRUNED", 0.5)
    assert is_random(searcher, sweep, N) == (searcher.name == "gp")  # type: ignore[attr-defined]


def test_the_defaults_are_the_librarys() -> None:
    assert build("searchers", "tpe").dump() == {"name": "tpe", "n_startup_trials": 10, "n_ei_candidates": 24}
    assert build("searchers", "gp").dump() == {"name": "gp", "n_startup_trials": 10, "deterministic_objective": False}


def test_the_best_score_is_told_and_not_the_last(searcher: Modelled) -> None:
    """Two ledgers that differ in the last reports alone are the same; in the best, they are not."""
    proposals = []
    for values in ([0.02, 9.0], [0.02, 0.03], [9.0, 8.0]):
        sweep = told([0.1, 0.3, 0.45, 0.6, 0.8])
        sweep.complete(sweep.issue({"x": 0.95}), *values)
        proposals.append(asked(searcher, sweep))
    assert proposals[0] == proposals[1] != proposals[2]


def test_a_diverged_trial_is_worse_than_any_and_its_earlier_scores_do_not_count(searcher: Modelled) -> None:
    xs, proposals = [0.1, 0.2, 0.3, 0.4, 0.6], []
    for outcome in ("COMPLETED", "DIVERGED", "NAN"):
        sweep = told(xs)
        number = sweep.issue({"x": 0.9})
        if outcome == "DIVERGED":
            sweep.end(number, "DIVERGED", 0.0001)
        else:
            sweep.complete(number, 0.0001 if outcome == "COMPLETED" else math.nan)
        proposals.append([asked(searcher, sweep, position) for position in range(7, 12)])
    assert abs(sum(proposals[0]) / 5 - 0.9) < abs(sum(proposals[1]) / 5 - 0.9)
    assert proposals[1] == proposals[2]  # a score that is no number is as bad


def test_it_keeps_away_from_what_runs(searcher: Modelled) -> None:
    """With trials running around the best place it proposes farther from there than without."""
    xs = [0.05, 0.3, 0.48, 0.7, 0.9, 0.2, 0.8, 0.6]
    alone, crowded = told(xs), told(xs)
    for x in (0.49, 0.5, 0.51):
        crowded.issue({"x": x})
    positions = range(12, 17)
    distance = [sum(abs(asked(searcher, s, p) - 0.5) for p in positions) for s in (alone, crowded)]
    assert distance[1] > distance[0]


def test_what_has_ended_runs_no_more(searcher: Modelled) -> None:
    """Failed trials where the best is: nothing keeps away from there on their account."""
    xs = [0.05, 0.3, 0.48, 0.7, 0.9, 0.2, 0.8, 0.6]
    plain, failed = told(xs), told(xs)
    for x in (0.49, 0.5, 0.51):
        failed.end(failed.issue({"x": x}), "FAILED", 0.0)
    assert [asked(searcher, plain, p) for p in range(12, 16)] == [asked(searcher, failed, p) for p in range(12, 16)]


def test_a_copy_changes_what_the_result_is_of_and_not_what_runs(searcher: Modelled) -> None:
    """A trial whose knobs were moved ends as a result of where it ended, over an end of the range too."""
    xs = [0.05, 0.3, 0.48, 0.7, 0.9, 0.2]
    moved, plain = told(xs), told(xs)
    moved.copy(moved.issue({"x": 0.02}), {"x": 0.48})  # into the crowd of the best
    plain.issue({"x": 0.02})
    for position in range(7, 9):
        assert asked(searcher, moved, position) == asked(searcher, plain, position)
    assert asked(searcher, moved) == asked(searcher, moved.rebuilt())
    moved.copy(6, {"x": 1.3})
    moved.complete(6, 0.001)
    there = told(xs)
    there.complete(there.issue({"x": 1.0}), 0.001)
    for position in range(7, 9):
        assert asked(searcher, moved, position) == asked(searcher, there, position)
    assert asked(searcher, moved) == asked(searcher, moved.rebuilt())


def test_fields_reach_the_library() -> None:
    xs = [0.05, 0.3, 0.48, 0.7, 0.9, 0.2, 0.8, 0.6]
    noisy = told(xs)
    noisy.complete(noisy.issue({"x": 0.481}), 0.3)
    for name, field, values in (("gp", "deterministic_objective", [False, True]), ("tpe", "n_ei_candidates", [2, 200])):
        made: list[Any] = [build("searchers", {"name": name, "n_startup_trials": N, field: value}) for value in values]
        assert len({asked(searcher, noisy) for searcher in made}) == 2


def test_conditional_axes_are_modelled(searcher: Modelled) -> None:
    """The branch of the best trials is proposed, near their value."""
    tree = {"k": {"one_of": [{"name": "a", "x": "uniform(0, 1)"}, {"name": "b", "y": "uniform(0, 1)"}]}}
    sweep = Sweep(arm_of(tree))
    for i in range(10):
        at = (i + 0.5) / 10
        sweep.complete(sweep.issue({"k": "a", "k[a].x": at}), (at - 0.7) ** 2)
        sweep.complete(sweep.issue({"k": "b", "k[b].y": at}), 3.0 + at)
    found = [dict(searcher.propose(sweep.arm, sweep.history, position, 0)) for position in range(20, 26)]
    assert [p["k"] for p in found].count("a") >= 5
    assert all(set(p) == ({"k", "k[a].x"} if p["k"] == "a" else {"k", "k[b].y"}) for p in found)
    xs = [p["k[a].x"] for p in found if p["k"] == "a"]
    assert sorted(abs(x - 0.7) for x in xs)[len(xs) // 2] < 0.1  # 0.25 or more by chance


def test_tpe_ranks_pruned_trials_by_how_far_they_came() -> None:
    """Below whole trials, and among themselves by epoch first, then by score."""
    searcher: Any = build("searchers", {"name": "tpe", "n_startup_trials": 1})
    nearest = []
    for far, near in ((0.2, 0.8), (0.8, 0.2)):
        sweep = Sweep(arm_of(LINE))
        for shift in range(8):
            sweep.end(sweep.issue({"x": far + shift / 1000}), "PRUNED", 5.0, 5.0, 5.0)
            for more in range(4):
                sweep.end(sweep.issue({"x": near + more / 1000 + shift / 100}), "PRUNED", 1.0)
        xs = [searcher.propose(sweep.arm, sweep.history, position, 0)["x"] for position in range(60, 70)]
        nearest.append(sum(abs(x - far) < abs(x - near) for x in xs))
    assert min(nearest) >= 8


def test_an_arm_without_axes_has_one_empty_proposal(searcher: Modelled) -> None:
    sweep = Sweep(arm_of({"x": 1}))
    for _ in range(N + 1):
        sweep.complete(sweep.issue({}), 1.0)
    assert dict(searcher.propose(sweep.arm, sweep.history, N + 1, 0)) == {}
    assert dict(searcher.propose(sweep.arm, History(), 0, 0)) == {}


def test_tpe_models_the_axes_of_a_branch_together() -> None:
    """The best are at (0.2, 0.8) and (0.8, 0.2): axis by axis, half of the proposals would be at (0.2, 0.2) or (0.8, 0.8)."""
    searcher: Any = build("searchers", "tpe")
    tree = {"k": {"one_of": [{"name": "a", "x": "uniform(0, 1)", "y": "uniform(0, 1)"}, "b"]}}
    sweep = Sweep(arm_of(tree))
    for i in range(10):
        x, y = [(0.2, 0.8), (0.8, 0.2)][i % 2]
        sweep.complete(sweep.issue({"k": "a", "k[a].x": x + i / 500, "k[a].y": y - i / 700}), 0.1)
        for j in range(8):
            sweep.complete(sweep.issue({"k": "a", "k[a].x": (i + 0.5) / 10, "k[a].y": (j + 0.5) / 8}), 1.0)
        sweep.complete(sweep.issue({"k": "b"}), 2.0)
    found = [searcher.propose(sweep.arm, sweep.history, position, 0) for position in range(100, 130)]
    opposite = [p for p in found if p["k"] == "a" and abs(p["k[a].x"] + p["k[a].y"] - 1) < 0.3]
    assert len(opposite) >= 24
