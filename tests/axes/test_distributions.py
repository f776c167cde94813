"""Distributions: what their texts mean, what is refused, and that draws follow the stated law."""

from __future__ import annotations

import math
import random

import pytest

from gensweep.axes.distributions import (
    MOST_OPTIONS,
    Choice,
    Distribution,
    DistributionError,
    Int,
    LogInt,
    LogUniform,
    QUniform,
    Uniform,
    from_mapping,
    parse,
)

ALL = [
    Choice((1, "a", None, [2, 3])),
    Uniform(-1, 2.5),
    LogUniform(1e-4, 10),
    Int(3, 9),
    LogInt(1, 1000),
    QUniform(0, 1, 0.1),
]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("choice(a, b)", Choice(("a", "b"))),
        ("choice([256,256], [512])", Choice(([256, 256], [512]))),
        ("choice(true, null, 1e-4, 3, 'x, y', \"true\", '1')", Choice((True, None, 1e-4, 3, "x, y", "true", "1"))),
        ("loguniform(1e-4, 1e-2)", LogUniform(1e-4, 1e-2)),
        (" uniform( -1 , 2.5 ) ", Uniform(-1, 2.5)),
        ("int(1, 5)", Int(1, 5)),
        ("logint(1, 512)", LogInt(1, 512)),
        ("quniform(0, 1, 0.25)", QUniform(0, 1, 0.25)),
        ("digits", None),
        ("a (b", None),
    ],
)
def test_texts(text: str, meant: Distribution | None) -> None:
    assert parse(text) == meant


@pytest.mark.parametrize("distribution", ALL, ids=str)
def test_its_text_means_the_same(distribution: Distribution) -> None:
    assert parse(str(distribution)) == distribution


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("choice()", "choice of nothing"),
        ("choice(a, a)", "twice"),
        ("uniform(2, 1)", "above the second"),
        ("loguniform(0, 1)", "begins above 0"),
        ("logint(0, 8)", "begins at 1"),
        ("int(0.5, 2)", "0.5 is not a whole number"),
        ("quniform(0, 1)", "takes 3 numbers, quniform(low, high, q)"),
        ("quniform(0, 1, 0)", "above 0"),
        ("uniform(a, 1)", "a is not a number"),
        ("uniform(0, .inf)", "not a number"),
        ("lognormal(0, 1)", "Did you mean 'loguniform'?"),
    ],
)
def test_wrong_texts_say_what_is_accepted(text: str, cure: str) -> None:
    with pytest.raises(DistributionError) as error:
        parse(text)
    assert cure in str(error.value)


@pytest.mark.parametrize(
    ("node", "meant"),
    [
        ({"values": [1, 2]}, Choice((1, 2))),
        ({"min": 1, "max": 4}, Int(1, 4)),
        ({"min": 0.0, "max": 1.0}, Uniform(0.0, 1.0)),
        ({"min": 1, "max": 4, "distribution": "uniform"}, Uniform(1, 4)),
        ({"min": 0.1, "max": 10, "distribution": "log_uniform_values"}, LogUniform(0.1, 10)),
        ({"min": 0, "max": 1, "q": 0.5}, QUniform(0, 1, 0.5)),
        ({"min": 0, "max": 1, "name": "clip"}, None),
        ({"name": "mmd"}, None),
    ],
)
def test_leaf_mappings_of_weights_and_biases(node: dict[str, object], meant: Distribution | None) -> None:
    assert from_mapping(node) == meant


def test_exponents_are_refused() -> None:
    with pytest.raises(DistributionError, match="log_uniform_values"):
        from_mapping({"min": -4, "max": 0, "distribution": "log_uniform"})


@pytest.mark.parametrize("distribution", ALL, ids=str)
def test_draws_and_grids_lie_inside_and_include_the_ends(distribution: Distribution) -> None:
    rng = random.Random(0)
    ends, grid = distribution.ends(), distribution.grid(5)
    drawn = [distribution.sample(rng) for _ in range(200)]
    if isinstance(distribution, Choice):
        assert grid == ends == list(distribution.options)
        assert all(value in ends for value in drawn)
    else:
        assert (grid[0], grid[-1]) == (ends[0], ends[-1])
        assert len(set(grid)) == 5
        assert all(ends[0] <= value <= ends[-1] for value in [*drawn, *grid])
    assert all(distribution.holds(value) for value in [*drawn, *grid, *ends])


def test_a_grid_has_no_value_twice() -> None:
    assert Int(1, 2).grid(10) == [1, 2]
    assert QUniform(0, 0.3, 0.1).grid(9) == [0.0, 0.1, 0.2, 0.3]
    assert LogUniform(1, 100).grid(3) == pytest.approx([1, 10, 100])


def test_loguniform_halves_at_the_geometric_mean() -> None:
    """P(value < 1) = 1/2 on [0.01, 100]; 4,000 draws leave 0.5 +- 0.03 once in 7,000 (four standard deviations)."""
    rng = random.Random(1)
    below = sum(LogUniform(0.01, 100).sample(rng) < 1 for _ in range(4000)) / 4000
    assert below == pytest.approx(0.5, abs=4 * math.sqrt(0.25 / 4000))


def test_quniform_draws_each_step_alike() -> None:
    rng = random.Random(2)
    drawn = [QUniform(0, 1, 0.25).sample(rng) for _ in range(5000)]
    assert sorted(set(drawn)) == [0.0, 0.25, 0.5, 0.75, 1.0]
    for value in set(drawn):
        assert drawn.count(value) / 5000 == pytest.approx(0.2, abs=4 * math.sqrt(0.16 / 5000))


def test_options_of_a_choice_have_labels() -> None:
    choice = Choice(([256, 256], [512], "512", None))
    assert choice.labels == ("[256, 256]", "[512]", '"512"', "null")
    assert [choice.of(label) for label in choice.labels] == list(choice.options)


def test_a_choice_of_more_options_than_can_be_looked_up_is_refused() -> None:
    assert parse(f"choice({', '.join(map(str, range(MOST_OPTIONS)))})") is not None
    with pytest.raises(DistributionError, match=r"10001 options, and at most 10000 .* int\(1, 20000\)"):
        parse(f"choice({', '.join(map(str, range(MOST_OPTIONS + 1)))})")


@pytest.mark.parametrize(
    ("text", "strange"),
    [
        ("choice(a, 2, null, true, [1, 2])", ["b", "2", 2.0, 1, "true", [1], {"a": 1}, {1}]),
        ("uniform(0.1, 0.7)", [0.0999, 0.7001, "0.5", None, True, math.nan, math.inf, [0.5]]),
        ("loguniform(0.1, 10)", [0.0999, 10.001, 0, -1.0, math.nan]),
        ("int(-2, 4)", [-3, 5, 1.5, 2.0, False, "1"]),
        ("logint(1, 90)", [0, 91, 2.5]),
        ("quniform(0.1, 0.9, 0.2)", [0.2, 0.91, -0.1, 1.1, "0.3"]),
    ],
)
def test_what_cannot_have_been_drawn_is_not_held(text: str, strange: list[object]) -> None:
    law = parse(text)
    assert law is not None
    assert [value for value in strange if law.holds(value)] == []


@pytest.mark.parametrize("text", ["uniform(0.1, 0.7)", "loguniform(0.1, 0.7)"])
def test_an_error_of_rounding_at_an_end_is_held(text: str) -> None:
    law = parse(text)
    assert law is not None
    assert law.holds(math.nextafter(0.1, 0))
    assert law.holds(math.nextafter(0.7, 1))
