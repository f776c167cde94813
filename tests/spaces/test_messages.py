"""What pydantic finds, as our sentences: from what its errors hold, whatever its own words are."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError, field_validator

from gensweep.component import Node
from gensweep.spaces.messages import explain


class Inner(Node):
    least: int = Field(1, ge=1, le=5)
    bare: float = Field(1.0, gt=0, lt=2.5, allow_inf_nan=False)
    kernel: Literal["imq", "rbf"] = "imq"
    levels: Literal[1, 2] = 1
    sizes: tuple[int, ...] = Field((1,), min_length=1, max_length=2)
    pair: tuple[float, float] = (0.0, 1.0)
    title: str = Field("a", min_length=1, max_length=3, pattern="^[a-z]*$")
    step: Annotated[int, Field(multiple_of=4)] = 4
    on: bool = True
    table: dict[str, int] = Field(default_factory=dict)
    nothing: None = None
    other: bytes = b""

    @field_validator("step")
    @classmethod
    def _not_eight(cls, value: int) -> int:
        if value == 8:
            raise ValueError("8 is taken. Write {step: 12} or {error}")
        if value == 16:
            raise AssertionError("16 is too much")
        return value


class Outer(Node):
    inner: Inner = Inner()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"least": 0}, "0 is not allowed: must be 1 or more"),
        ({"least": 6}, "6 is not allowed: must be 5 or less"),
        ({"least": 2.5}, "2.5 is not allowed: must be a whole number"),
        ({"least": "x"}, "'x' is not allowed: must be a whole number"),
        ({"least": None}, "null is not allowed: must be a whole number"),
        ({"bare": 0}, "0 is not allowed: must be above 0"),
        ({"bare": 2.5}, "2.5 is not allowed: must be below 2.5"),
        ({"bare": float("nan")}, "nan is not allowed: must be a finite number"),
        ({"bare": "x"}, "'x' is not allowed: must be a number"),
        ({"kernel": "imp"}, "'imp' is not allowed. Did you mean 'imq'? Known: imq, rbf."),
        ({"levels": 3}, "3 is not allowed. Known: 1 or 2."),
        ({"sizes": []}, "[] is not allowed: must have a length of 1 or more"),
        ({"sizes": [1, 2, 3]}, "[1, 2, 3] is not allowed: must have a length of 2 or less"),
        ({"pair": [1, 2, 3]}, "[1, 2, 3] is not allowed: must be a list of 2, as in [0.0, 1.0]"),
        ({"pair": [1]}, "[1] is not allowed: must be a list of 2, as in [0.0, 1.0]"),
        ({"pair": []}, "[] is not allowed: must be a list of 2, as in [0.0, 1.0]"),

        ({"pair": 1}, "1 is not allowed: must be a list of 2, as in [0.0, 1.0]"),
        ({"title": ""}, "'' is not allowed: must have a length of 1 or more"),
        ({"title": "abcd"}, "'abcd' is not allowed: must have a length of 3 or less"),
        ({"title": "A"}, "'A' is not allowed: must match ^[a-z]*$"),
        ({"title": 1}, "1 is not allowed: must be a text"),
        ({"step": 6}, "6 is not allowed: must be a multiple of 4"),
        ({"step": 8}, "8 is taken. Write {step: 12} or {error}"),
        ({"step": 16}, "16 is too much"),
        ({"on": "often"}, "'often' is not allowed: must be true or false"),
        ({"table": True}, "true is not allowed: must be a mapping of names to values"),
        ({"nothing": 1}, "1 is not allowed: must be null"),
        ({"lest": 1}, "unknown field 'lest' of inner. Did you mean 'least'? "
         "Known: bare, kernel, least, levels, nothing, on, other, pair, sizes, step, table, title."),
    ],
)  # fmt: skip
def test_each_kind_of_error_alone_and_through_another_node(given: dict[str, Any], sentence: str) -> None:
    for model, node, place in ((Inner, given, ()), (Outer, {"inner": given}, ("inner",))):
        with pytest.raises(ValidationError) as error:
            model.model_validate(node)
        found = error.value.errors()
        assert [(line["loc"], explain(line)) for line in found] == [((*place, *given), sentence)]


def test_a_kind_that_we_have_no_words_for_is_passed_on_in_pydantics() -> None:
    with pytest.raises(ValidationError) as error:
        Inner.model_validate({"other": 5})
    (line,) = error.value.errors()
    assert explain(line) == f"5 is not allowed: {line['msg']}"


def test_a_field_that_is_missing() -> None:
    class Needy(Node):
        needed: int

    with pytest.raises(ValidationError) as error:
        Needy.model_validate({})
    assert [explain(line) for line in error.value.errors()] == ["is missing, and has no default"]
