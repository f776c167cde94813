"""Numbers are short, and say nothing that is not so."""

from __future__ import annotations

import pytest

from gensweep.text import duration, number

INF = float("inf")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"), (3, "3"), (1 / 3, "0.3333"), (float("nan"), "nan"), ("x", "x"), (INF, "∞"), (-INF, "-∞"),
        (123456.7, "123457"), (-2500.4, "-2500"), (999.94, "999.9"), (True, "True"),
    ],
)  # fmt: skip
def test_numbers_are_short(value: object, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(12.345, "12.3"), (0.00012345, "0.000123"), (123456.0, "123456"), (1000.4, "1000")]
)
def test_an_estimate_has_three_digits(value: float, shown: str) -> None:
    assert number(value, 3) == shown


def test_durations() -> None:
    assert [duration(s) for s in (42.0, 119.0, 210.0, 7190.0, 9000.0)] == [
        "42 s",
        "119 s",
        "3.5 min",
        "120 min",
        "2.5 h",
    ]
