"""Which of two values is better, in both directions, and what is not a number."""

from __future__ import annotations

import math

import pytest

from gensweep.objective import Objective

LESS, MORE = Objective(metric="fid"), Objective(metric="precision", mode="max")


@pytest.mark.parametrize(("objective", "good", "bad"), [(LESS, 1.0, 2.0), (MORE, 2.0, 1.0)])
def test_better_is_strict_and_follows_the_mode(objective: Objective, good: float, bad: float) -> None:
    assert objective.better(good, bad)
    assert not objective.better(bad, good)
    assert not objective.better(good, good)
    assert objective.best([bad, math.nan, good, math.inf, -math.inf]) == good


@pytest.mark.parametrize("objective", [LESS, MORE])
@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_worse_than_every_number(objective: Objective, broken: float) -> None:
    assert objective.better(1e300, broken)
    assert not objective.better(broken, -1e300)
    assert not objective.better(broken, broken)
    assert objective.loss(broken) == math.inf
    assert objective.best([broken]) is None


def test_the_objective_among_scores() -> None:
    assert LESS.of({"fid": 3, "kid": 4}) == 3.0
    assert math.isnan(LESS.of({"kid": 4}))
