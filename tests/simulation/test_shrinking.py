"""Choices that fail are made as simple as possible, as long as they fail in the same way."""

from __future__ import annotations

from tests.simulation.choices import Choices, Streams
from tests.simulation.shrinking import shrunk


def failure_of(choices: Streams) -> str | None:
    made = Choices(given=choices)
    drawn = [made.below(100, "a") for _ in range(20)]
    if made.below(10, "b") == 9:
        return "another failure"
    return "too much" if sum(number > 30 for number in drawn) >= 2 else None


def test_the_simplest_choices_that_fail_alike_are_found() -> None:
    choices = {"a": [3, 99, 7, 0, 50, 31, 88, 2], "b": [4], "c": [1, 2, 3]}
    assert failure_of(choices) == "too much"
    found = shrunk(choices, failure_of)
    assert failure_of(found) == "too much"
    assert found == {"a": [31, 31]}


def test_it_gives_up_after_so_many_tries() -> None:
    tried = []

    def counted(choices: Streams) -> str | None:
        tried.append(choices)
        return failure_of(choices)

    shrunk({"a": [99] * 20}, counted, tries=5)
    assert len(tried) <= 6


def test_given_choices_end_in_zeros_and_never_pass_what_is_asked_for() -> None:
    made = Choices(given={"a": [7]})
    assert [made.below(5, "a"), made.below(5, "a"), made.below(5, "b")] == [2, 0, 0]
    assert made.made == {"a": [2, 0], "b": [0]}
