"""Sobol' points: even within an arm, the same in all arms."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.stats import qmc as reference

from gensweep.axes.arms import Arm
from gensweep.axes.axis import Axis
from gensweep.ledger.history import History
from gensweep.searchers.qmc import QMC
from gensweep.searchers.random import Random
from tests.searchers.searches import arm_of, arms_of

FAMILIES = [
    {"name": "vae", "beta": "uniform(0, 1)"},
    {"name": "wae", "lambda": "uniform(0, 1)", "divergence": {"one_of": [
        {"name": "mmd", "scale": "uniform(0, 1)"}, {"name": "sinkhorn", "scale": "uniform(0, 1)", "blur": "uniform(0, 1)"}]}},
    {"name": "gan", "extra": "uniform(0, 1)", "beta": "uniform(0, 1)"},
]  # fmt: skip
TREE: dict[str, Any] = {
    "a": "uniform(0, 1)",
    "b": "uniform(0, 1)",
    "family": {"one_of": FAMILIES},
    "z": "uniform(0, 1)",
}


def points(arm: Arm, n: int, seed: int, places: list[str], searcher: Any = None) -> np.ndarray:
    proposals = [(searcher or QMC()).propose(arm, History(), position, seed) for position in range(n)]
    return np.array([[p[place] for place in places] for p in proposals])


def test_arms_that_share_an_axis_get_the_same_values_at_the_same_position() -> None:
    for compare in ("family", "family.divergence"):
        arms = arms_of(TREE, compare=compare).values()
        assert len(arms) == (3 if compare == "family" else 4)
        for one, other in itertools.combinations(arms, 2):
            for position in range(9):
                left, right = (
                    {place_of(axis): p[axis.path] for axis in arm.axes if axis.path in p}
                    for arm in (one, other)
                    for p in [QMC().propose(arm, History(), position, 5)]
                )
                shared = left.keys() & right.keys()
                assert len(shared) >= 3
                assert {place: left[place] for place in shared} == {place: right[place] for place in shared}
                assert len(set(left.values())) == len(left)  # and no two axes of one arm


def place_of(axis: Axis) -> str:
    return axis.path.place


@pytest.mark.parametrize("n", [8, 16, 64])
def test_each_axis_of_each_arm_has_one_value_in_every_part(n: int) -> None:
    for arm in arms_of(TREE).values():
        places = [str(axis.path) for axis in arm.axes if not axis.given and not axis.chooses_branch]
        for column in points(arm, n, 3, places).T:
            assert sorted((column * n).astype(int)) == list(range(n))


def test_the_points_of_an_arm_are_more_even_than_random_ones() -> None:
    """Centred discrepancy (by scipy) over all axes of the arm together, not each by itself: over 8 seeds."""
    for arm in arms_of(TREE).values():
        places = [str(axis.path) for axis in arm.axes if not axis.given and not axis.chooses_branch]
        assert len(places) >= 4
        for n in (16, 64):
            drawn = [reference.discrepancy(points(arm, n, seed, places, Random())) for seed in range(8)]
            even = [reference.discrepancy(points(arm, n, seed, places)) for seed in range(8)]
            assert np.mean(even) < 0.6 * np.mean(drawn)
            assert sum(e < d for e, d in zip(even, drawn, strict=True)) == 8  # P = 0.4 % where they are alike


def test_every_two_axes_fill_their_square() -> None:
    """What sequences that are even one by one, and scrambled one by one, would miss: the joint cells."""
    arm = arms_of(TREE)["gan"]
    places = ["a", "b", "z", "family.extra", "family.beta"]
    for seed in range(3):
        found = points(arm, 32, seed, places)
        for i, j in itertools.combinations(range(len(places)), 2):
            _, counts = np.unique((found[:, [i, j]] * 2).astype(int), axis=0, return_counts=True)
            assert list(counts) == [8, 8, 8, 8]


def test_those_that_most_arms_share_come_first() -> None:
    arms = arms_of(TREE)
    assert {arm.places for arm in arms.values()} == {
        ("a", "b", "z", "family.beta", "family.lambda", "family.divergence", "family.divergence.scale", "family.divergence.blur",
         "family.extra")
    }  # fmt: skip


def test_an_arm_by_itself_takes_its_own_axes_and_one_without_axes_has_nothing_to_draw() -> None:
    assert set(QMC().propose(arm_of({"a": "uniform(0, 1)"}), History(), 3, 0)) == {"a"}
    assert QMC().propose(arm_of({"a": 1}), History(), 3, 0) == {}


def test_the_scrambling_is_the_seeds() -> None:
    arm = arm_of({"a": "uniform(0, 1)"})
    first = [points(arm, 1, seed, ["a"])[0, 0] for seed in range(40)]
    assert len(set(first)) == 40
    assert 0 < sum(x < 0.5 for x in first) < 40
    assert not QMC.is_adaptive


def test_more_axes_than_dimensions_are_refused() -> None:
    arm = arm_of({"a": "uniform(0, 1)"})
    assert QMC().misfit(arm) is None
    wide = Arm("only", arm.space, arm.objective, places=tuple(map(str, range(21202))))
    assert QMC().misfit(wide) == "21202 axes, and Sobol' sequences have 21201 dimensions. Take sampler: random"
