"""Values in Optuna's words and back."""

from __future__ import annotations

from typing import Any

import pytest

from gensweep.axes.distributions import Distribution, parse
from gensweep.searchers.studies.trials import held, modelled, parameters_of, told
from tests.searchers.searches import arm_of

KINDS = [
    "choice([8], [16, 16], null, true, 1, 1.5, a)",
    "uniform(-1, 2)",
    "loguniform(0.001, 1000)",
    "int(-3, 5)",
    "logint(1, 90)",
    "quniform(0.1, 1.1, 0.3333333333333333)",
    "quniform(0, 10, 3)",
    "uniform(2, 2)",
]


def distribution(text: str) -> Distribution:
    made = parse(text)
    assert made is not None
    return made


@pytest.mark.parametrize("text", KINDS)
def test_a_value_comes_back_as_it_was(text: str) -> None:
    ours = distribution(text)
    theirs = modelled(ours)
    for k in range(50):
        value = ours.at(k / 50)
        there = told(ours, value)
        assert theirs.to_external_repr(theirs.to_internal_repr(there)) == there
        back = held(ours, there)
        assert (type(back), back) == (type(value), value)


@pytest.mark.parametrize(("text", "value", "wanted"), [
    ("uniform(-1, 2)", 7.0, 2), ("uniform(-1, 2)", -7.0, -1), ("int(1, 5)", 9, 5), ("logint(2, 5)", 1, 2),
    ("quniform(0, 1, 0.25)", 3.0, 4), ("quniform(0, 1, 0.25)", -3.0, 0), ("quniform(0, 1, 0.25)", 0.7, 3),
])  # fmt: skip
def test_what_lies_over_an_end_stands_at_the_end(text: str, value: float, wanted: float) -> None:
    assert told(distribution(text), value) == wanted


@pytest.mark.parametrize("text", ["loguniform(1, 10)", "logint(1, 10)", "uniform(1, 10)", "int(1, 10)"])
def test_logarithmic_stays_logarithmic(text: str) -> None:
    theirs: Any = modelled(distribution(text))
    assert (theirs.low, theirs.high, theirs.log) == (1, 10, text.startswith("log"))


def test_axes_that_a_trial_does_not_have_are_left_out_or_stand_at_their_middle() -> None:
    arm = arm_of({"a": "uniform(0, 1)", "k": {"one_of": ["p", {"name": "q", "b": "int(1, 9)"}]}})
    values, distributions = parameters_of(arm, {"a": 0.2, "k": "p"})
    assert values == {"a": 0.2, "k": "p"}
    assert distributions.keys() == values.keys()
    values, distributions = parameters_of(arm, {"a": 0.2, "k": "p"}, imputed=True)
    assert values == {"a": 0.2, "k": "p", "k[q].b": 5}
    assert distributions.keys() == values.keys()
