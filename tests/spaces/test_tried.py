"""Which configurations are tried: all of a small space, a fixed sample of a large one, and what is left out is said."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from gensweep.axes import space as spaces
from gensweep.axes.distributions import Choice, Int, LogUniform, Uniform
from gensweep.spaces import tried
from gensweep.spaces.tried import left_out, tries


def of(tree: dict[str, Any]) -> Any:
    return spaces.read(tree)[0]


def made(space: Any) -> list[Any]:
    return [spaces.resolve(space, one.ask) for one in tries(space)]


def test_every_value_and_every_two_options_of_a_small_space() -> None:
    found = made(of({"a": "choice(1, 2)", "b": "choice(x, y, z)", "c": "uniform(0, 1)"}))
    assert {(one["a"], one["b"]) for one in found} == {(a, b) for a in (1, 2) for b in "xyz"}
    inside = {one["c"] for one in found} - {0, 1}
    assert len(inside) == 1
    assert 0 < inside.pop() < 1
    assert left_out(of({"a": "choice(1, 2)", "b": "choice(x, y)"})) == []


def test_two_options_stand_together_only_where_both_exist() -> None:
    space = of({
        "family": {"one_of": [{"name": "v"}, {"name": "w", "d": {"one_of": [{"name": "m", "k": "choice(i, r)"}, "s"]}}]},
        "a": "choice(1, 2)",
    })  # fmt: skip
    found = [(one["family"]["name"], one["family"].get("d"), one["a"]) for one in made(space)]
    assert ("w", {"name": "m", "k": "r"}, 2) in found
    assert ("w", {"name": "s"}, 2) in found
    assert ("v", None, 2) in found
    m, s = {"name": "m", "k": "choice(i, r)"}, {"name": "s", "j": "choice(1, 2)"}
    # 1 as it stands, 2 + 2 + 2 values, and of pairs: d = m with each k, d = s with each j, and none of k with j
    assert len(list(tries(of({"d": {"one_of": [m, s]}})))) == 1 + 6 + 4


@pytest.mark.parametrize(("low", "high"), [(2, 9), (3, 3)])
def test_whole_numbers_are_tried_one_by_one_where_they_are_few(low: int, high: int) -> None:
    assert set(Int(low, high).examples()) == set(range(low, high + 1))


def test_ends_come_first_and_more_lies_between() -> None:
    for distribution in (Uniform(2, 4), LogUniform(32, 64), Int(0, 1000)):
        first, second, *inner = distribution.examples()
        assert [first, second] == distribution.ends()
        assert inner
        assert all(first < value < second for value in inner)
    assert len(Int(0, 10**9).examples()) < 20
    assert Choice((1, "b")).examples() == [1, "b"]


def test_a_large_space_is_sampled_and_says_so() -> None:
    large, less = (f"choice({', '.join(map(str, range(n)))})" for n in (5000, 700))
    space = of({"a": large, "b": less, "c": "choice(x, y)"})
    first, again = made(space), made(space)
    assert first == again, "a count and a seed bound the work, and no clock"
    assert len(first) <= 1 + tried.MOST_VALUES + tried.MOST_PAIRS
    assert {one["c"] for one in first} == {"x", "y"}, "a small choice is tried whole"
    assert {one["b"] for one in first} == set(range(700)), "and one that its share holds"
    assert {0, 4999} <= {one["a"] for one in first}
    together = Counter((one["a"] > 0, one["b"] > 0) for one in first)
    assert together[True, True] > 600, "not the first ones only"
    options, pairs = left_out(space)
    assert options == (
        "check tried 2,000 of 5,702 options, a fixed sample of those of a: a mistake in another one shows when it is drawn."
    )
    assert pairs.startswith("check tried 2,000 of 3,511,400 pairs of options, a fixed sample of those of a with b; ")


def test_a_large_choice_in_many_families_is_bounded_too() -> None:
    families = [{"name": f"f{i}"} for i in range(20)]
    space = of(
        {"family": {"one_of": families}, "a": f"choice({', '.join(map(str, range(5000)))})", "b": "choice(1, 2)"}
    )
    assert len(made(space)) <= 20 + tried.MOST_VALUES + tried.MOST_PAIRS
    assert {one["family"]["name"] for one in made(space)} == {f"f{i}" for i in range(20)}
