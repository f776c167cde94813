"""On which scale a searched value is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gensweep.axes.distributions import parse
from gensweep.comparison.collect import trials
from gensweep.report.scales import Scale, item, scale, scales, sweep_of
from tests.report.conftest import DEFINITION
from tests.written_sweep import DEFINITION as STUDY
from tests.written_sweep import Writer

FLOATS = [0.10000000000000003, 0.5128613839913649, 1.0, 3.1622776601683795, 10.0, 100.0]


def kind(values: list[Any], *laws: str) -> str:
    return scale("axis", values, [law for text in laws if (law := parse(text)) is not None]).kind


@pytest.mark.parametrize(
    ("law", "expected"),
    [
        ("loguniform(0.1, 100)", "log"),
        ("logint(1, 1000)", "log"),
        ("uniform(0, 100)", "linear"),
        ("uniform(0.001, 100)", "linear"),  # five decades, but that is how it was searched
        ("int(1, 1000)", "linear"),
        ("quniform(0, 100, 0.5)", "linear"),
        ("choice(0.1, 1.0, 100.0)", "category"),
    ],
)
def test_an_axis_is_logarithmic_exactly_where_the_search_was(law: str, expected: str) -> None:
    assert kind(FLOATS, law) == expected


def test_six_values_of_a_range_are_numbers_and_no_categories() -> None:
    found = scale("lambda", FLOATS, [law for law in [parse("loguniform(0.1, 100)")] if law])
    assert (found.kind, found.categories) == ("log", ())
    assert found.place(FLOATS[1], 3) == FLOATS[1]


def test_arms_that_differ_in_their_laws_share_a_logarithm_only_where_all_have_one() -> None:
    assert kind(FLOATS, "loguniform(0.1, 100)", "uniform(0.1, 100)") == "linear"
    assert kind(FLOATS, "loguniform(0.1, 100)", "loguniform(0.01, 100)") == "log"
    assert kind(FLOATS, "loguniform(0.1, 100)", "choice(1.0, 10.0)") == "log"


def test_choices_stand_in_the_order_of_the_file_and_lie_apart_within_their_place() -> None:
    found = scale("latent_size", [2, 8, 16], [law for law in [parse("choice(2, 16, 8, 32)")] if law])
    assert found.categories == ("2", "16", "8")
    places = [found.place(16, index) for index in range(20)]
    assert all(place is not None and 0.5 < place < 1.5 for place in places)
    assert len(set(places)) == 20
    assert found.place("none of them", 0) is None


def test_texts_and_lists_are_categories_also_where_the_law_is_not_known() -> None:
    assert kind(["imq", "rbf"]) == "category"
    assert scale("hidden", [[16, 16], [32]], []).categories == ("[16, 16]", "[32]")
    assert kind([1, 2, 3]) == "linear"
    assert kind([True, False]) == "category"


def test_a_logarithm_has_no_place_for_zero_and_a_missing_value_none_anywhere() -> None:
    assert Scale("x", "log").place(0.0, 0) is None
    assert Scale("x", "linear").place(0.0, 0) == 0.0
    assert Scale("x", "linear").place(None, 0) is None


def test_values_show_four_digits() -> None:
    assert [item(value) for value in (3.1622776601683795, 16, "imq", [1, 2])] == ["3.162", "16", "imq", "[1, 2]"]


def test_the_axes_of_a_sweep_are_drawn_as_its_definition_says(study: Writer) -> None:
    found = {each.column: each.kind for each in scales(trials(study.folder), sweep_of(study.folder))}
    assert found == {"latent_size": "category", "lr": "log"}  # lambda and the epochs had one value only


def test_a_definition_that_cannot_be_read_costs_the_logarithms_only(write: Callable[..., Writer]) -> None:
    for definition in (STUDY, {**DEFINITION, "trial": {"family": "nobody's"}}):
        sweep = write(f"study{len(definition)}", definition)
        for n in (1, 2, 3):
            sweep.trial("vae", 1.0 * n, configuration={"latent_size": n}, parameters={"latent_size": n})
        assert [each.kind for each in scales(trials(sweep.folder), sweep_of(sweep.folder))] == ["linear"]
