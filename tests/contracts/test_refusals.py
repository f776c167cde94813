"""What every field of every member says of a value that it does not take: what was given, what is accepted, in our words."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from gensweep import registry
from gensweep.component import Component, build, importable
from gensweep.spaces.messages import explain

MEMBERS = [(kind, name) for kind in registry.KINDS for name in importable(kind)]
WRONG = {
    "a text": "many words",
    "a negative number": -3,
    "nothing": None,
    "a list": [1, 2],
    "too large a number": 10**30,
    "no finite number": "1e400",
    "true": True,
    "a mapping": {"a": 1},
}
ENGLISH = re.compile(r"\b(Input|Value error|valid|unable|instance|greater than|less than)\b")
each_member = pytest.mark.parametrize(("kind", "name"), MEMBERS)


def refused(kind: str, node: dict[str, Any]) -> list[Any] | None:
    """The errors of a node; None where it is taken."""
    try:
        build(kind, node)
    except ValidationError as error:
        return error.errors()
    return None


def fields(kind: str, name: str) -> list[str]:
    model: type[Component] = importable(kind)[name]
    return [field.alias or key for key, field in model.model_fields.items() if key != "name"]


@each_member
def test_a_wrong_value_is_told_in_our_words(kind: str, name: str) -> None:
    for key in fields(kind, name):
        for value in WRONG.values():
            for error in refused(kind, {"name": name, key: value}) or []:
                said = explain(error)
                assert not ENGLISH.search(said), (key, value, said)
                assert re.search(
                    r"is not allowed|^unknown |needs a name|is missing|Write |must |is a name|Raise |Lower |Set |more than",
                    said,
                ), (key, value, said)


@each_member
def test_a_misspelt_field_is_told_with_the_right_one(kind: str, name: str) -> None:
    for key in fields(kind, name):
        told = [explain(error) for error in refused(kind, {"name": name, f"{key}x": 1}) or []]
        assert any(line.startswith(f"unknown field '{key}x' of {name}. Did you mean '") for line in told), told


@each_member
def test_true_is_no_number_and_no_count_is_beyond_all_machines(kind: str, name: str) -> None:
    model = importable(kind)[name]
    for key, field in model.model_fields.items():
        numbers = re.findall(r"\b(int|float|bool)\b", str(field.annotation))
        label = field.alias or key
        if numbers and "bool" not in numbers:
            assert refused(kind, {"name": name, label: True}), key
            assert refused(kind, {"name": name, label: [True, True]}), key
        if numbers and set(numbers) == {"int"}:
            assert refused(kind, {"name": name, label: 10**30}), key
            assert refused(kind, {"name": name, label: [10**30]}), key


@pytest.mark.parametrize("kind", registry.KINDS)
def test_a_name_as_a_key_and_a_misspelt_name(kind: str) -> None:
    for name in importable(kind):
        (error,) = refused(kind, {name: {}}) or [None]
        assert explain(error) == f"{name} is a name: write {{name: {name}, ...}}"
        (error,) = refused(kind, {"nam": name}) or [None]
        assert explain(error) == f"has no name: unknown field 'nam'. Did you mean 'name'? Write {{name: {name}}}"
