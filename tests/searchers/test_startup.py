"""The first draws of a searcher with a model."""

from __future__ import annotations

from collections import Counter

from gensweep.ledger.history import History
from gensweep.searchers._startup import start_up
from gensweep.searchers.random import Random
from tests.searchers.searches import arm_of, arms_of

TREE = {
    "lr": "loguniform(1e-4, 1e-1)",
    "size": "choice(2, 4)",
    "one": {"one_of": [{"name": "a", "deep": {"one_of": ["p", "q"]}}, {"name": "b", "x": "uniform(0, 1)"}, "c"]},
    "two": {"one_of": ["d", "e", "f"]},
}


def test_all_but_the_branches_are_the_draws_of_random() -> None:
    arm = arm_of(TREE)
    for position in range(30):
        ours, theirs = start_up(arm, position, 4), Random().propose(arm, History(), position, 4)
        shared = (ours.keys() & theirs.keys()) - {"one", "two"}
        assert shared >= {"lr", "size"}
        assert {path: ours[path] for path in shared} == {path: theirs[path] for path in shared}


def test_each_round_meets_every_branch_of_every_one_of_that_all_trials_meet() -> None:
    arm = arm_of(TREE)
    for seed in range(5):
        drawn = [start_up(arm, position, seed) for position in range(60)]
        for first in range(0, 60, 3):
            assert {p["one"] for p in drawn[first : first + 3]} == {"a", "b", "c"}
            assert {p["two"] for p in drawn[first : first + 3]} == {"d", "e", "f"}
        together = Counter((p["one"], p["two"]) for p in drawn)
        assert len(together) == 9  # they keep no step
        deep = [p["one[a].deep"] for p in drawn if p["one"] == "a"]
        assert set(deep) == {"p", "q"}


def test_arms_that_share_a_one_of_agree() -> None:
    family = {"one_of": [{"name": "vae", "prior": {"one_of": ["x", "y"]}}, {"name": "wae"}]}
    vae, wae = arms_of({**TREE, "family": family}).values()
    for position in range(12):
        one, other = start_up(vae, position, 0), start_up(wae, position, 0)
        assert (one["one"], one["two"], one["lr"]) == (other["one"], other["two"], other["lr"])


def test_another_seed_goes_round_in_another_order() -> None:
    arm = arm_of(TREE)
    orders = {tuple(start_up(arm, position, seed)["one"] for position in range(3)) for seed in range(30)}
    assert len(orders) == 6
