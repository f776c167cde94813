"""What people write where a distribution is meant."""

from __future__ import annotations

from typing import Any

import pytest

from gensweep.axes.distributions import parse
from gensweep.axes.shorthand import meant, number_meant


@pytest.mark.parametrize(
    ("written", "ours"),
    [
        ([2, 8, 16], "choice(2, 8, 16)"),
        (("imq", None, True), "choice(imq, null, true)"),
        ("2,4", "choice(2, 4)"),
        ("2, 4", "choice(2, 4)"),
        ("2 8", "choice(2, 8)"),
        ("2|8", "choice(2, 8)"),
        ("imq or rbf", "choice(imq, rbf)"),
        ("(2, 8)", "choice(2, 8)"),
        ("choice[2,8]", "choice(2, 8)"),
        ("choice{2; 8}", "choice(2, 8)"),
        ("Choice 2 8", "choice(2, 8)"),
        ("uniform(1e-4 1e-2)", "uniform(0.0001, 0.01)"),
        ("uniform[0, 1", "uniform(0, 1)"),
        ("2..8", "int(2, 8)"),
        ("2 - 8", "int(2, 8)"),
        ("1e-3..1e-2", "loguniform(0.001, 0.01)"),
        ("1e-3-1e-2", "loguniform(0.001, 0.01)"),
        ("0.1 to 0.5", "uniform(0.1, 0.5)"),
        ("-1.5 to 100", "uniform(-1.5, 100)"),
        ({"choice": [2, 8]}, "choice(2, 8)"),
        ({"uniform": [0, 1]}, "uniform(0, 1)"),
        ({"grid_search": [2, 8]}, "choice(2, 8)"),
        ({"_type": "loguniform", "_value": [0.1, 1]}, "loguniform(0.1, 1)"),
        ({"type": "choice", "values": [2, 8]}, "choice(2, 8)"),
        ({"distribution": "choice", "values": ["a", "b"]}, "choice(a, b)"),
        ({"low": 2, "high": 8}, "int(2, 8)"),
        ({"from": 0.5, "to": 8}, "uniform(0.5, 8)"),
    ],
)
def test_it_is_told_as_a_distribution(written: Any, ours: str) -> None:
    assert meant(written) == ours
    assert parse(ours) is not None


@pytest.mark.parametrize(
    "written",
    [
        "often", "imq rbf", "a/b", "2020-01-01", "a-b", "8..2", "integer", "choice", [2], [], [[1], [2]], [{"name": "a"}, 3],
        {"name": "mmd"}, {"choice": 2}, {"one_of": [2, 8]}, 3, None, True,
    ],
)  # fmt: skip
def test_nothing_is_read_into_other_things(written: Any) -> None:
    assert meant(written) is None


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("10^-3", "0.001"), ("2**3", "8"), ("1/1000", "0.001"), ("0,001", "0.001"), ("1 000", "1000"), ("1,000,000", "1000000"),
        ("8;", "8"), ("–10", "-10"), ("−1e-3", "-1e-3"), ("８", "8"),
        ("8 128", None), ("2,8", None), ("8", None), ("1/0", None), ("0^-1", None), ("10^1000", None),
        ("ten", None), ("1.2.3^2", None),
    ],
)  # fmt: skip
def test_numbers_that_are_written_in_another_way(written: str, number: str | None) -> None:
    assert number_meant(written) == number
