"""Schedules against their formulas, and what every one keeps."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import cast

import pytest
from pydantic import ValidationError

from gensweep import registry
from gensweep.component import build
from gensweep.lr_schedules.base import LrSchedule


def schedule(node: object) -> LrSchedule:
    return cast(LrSchedule, build("lr_schedules", node))


@pytest.mark.parametrize("name", registry.names("lr_schedules"))
def test_every_schedule_starts_at_the_full_rate_never_rises_and_stays_above_zero(name: str) -> None:
    one = schedule(name)
    factors = [one.factor(step / 100) for step in range(100)]
    assert factors[0] == 1
    assert all(a >= b > 0 for a, b in pairwise(factors))
    assert build("lr_schedules", one.dump()) == one
    assert "Source:" in (type(one).__doc__ or "")


def test_the_factors_are_those_of_the_formulas() -> None:
    assert schedule({"name": "linear", "end": 0.2}).factor(0.25) == pytest.approx(0.8)
    assert schedule({"name": "cosine", "end": 0.1}).factor(0.5) == pytest.approx(0.55)
    assert schedule("cosine").factor(1 / 3) == pytest.approx((1 + math.cos(math.pi / 3)) / 2)
    assert schedule({"name": "exponential", "end": 0.01}).factor(0.5) == pytest.approx(0.1)
    assert [schedule("step").factor(t) for t in (0.29, 0.3, 0.49, 0.5, 0.99)] == [1, 0.5, 0.5, 0.2, 0.2]


def test_shares_and_factors_of_steps_must_go_together() -> None:
    with pytest.raises(ValidationError, match="2 shares and 1 factors"):
        schedule({"name": "step", "at": [0.1, 0.2], "factors": [0.5]})
    with pytest.raises(ValidationError, match="must increase"):
        schedule({"name": "step", "at": [0.5, 0.2], "factors": [0.5, 0.1]})
