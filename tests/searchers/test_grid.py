"""Every combination, by position."""

from __future__ import annotations

import itertools

import pytest
from pydantic import ValidationError

from gensweep.component import build
from gensweep.ledger.history import History
from gensweep.searchers.grid import Grid
from tests.searchers.searches import arm_of

TREE = {
    "a": "choice(x, y)",
    "b": "loguniform(0.01, 100)",
    "k": {"one_of": [{"name": "p", "c": "int(1, 9)"}, {"name": "q"}]},
}


def test_it_is_the_product_with_the_last_axis_fastest() -> None:
    arm, grid = arm_of(TREE), Grid(points=3)
    assert grid.limit(arm) == 2 * 3 * (3 + 1)
    found = [tuple(grid.propose(arm, History(), position, 0).values()) for position in range(24)]
    inner = [("p", 1), ("p", 5), ("p", 9), ("q",)]
    assert found == [(a, b, *k) for a, b, k in itertools.product(("x", "y"), (0.01, 1.0, 100), inner)]


def test_points_are_those_of_a_range() -> None:
    assert Grid(points=5).limit(arm_of(TREE)) == 2 * 5 * (5 + 1)
    assert Grid().points == 3
    with pytest.raises(ValidationError):
        Grid(points=1)


def test_past_the_end_it_begins_anew() -> None:
    arm = arm_of({"a": "choice(x, y)"})
    assert [Grid().propose(arm, History(), position, 0)["a"] for position in range(4)] == ["x", "y", "x", "y"]


def test_it_knows_no_field_of_another_searcher() -> None:
    with pytest.raises(ValidationError, match="unknown field 'n_startup_trials' of grid"):
        build("searchers", {"name": "grid", "n_startup_trials": 3})
    with pytest.raises(ValidationError, match=r"unknown field 'points' of random.*It is a field of grid"):
        build("searchers", {"name": "random", "points": 9})
