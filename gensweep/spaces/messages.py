"""What the validation found, as sentences: what was given, what is accepted, and the cure."""

from __future__ import annotations

import re
from typing import Any

from gensweep.errors import suggest

_SENTENCES = {"unknown_field", "member", "wrong_member", "value_error", "assertion_error"}
_WANTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of names to values",
    "model_type": "a mapping of names to values",
    "model_attributes_type": "a mapping of names to values",
    "none_required": "null",
}


def explain(error: Any) -> str:
    """One error of pydantic (an item of `ValidationError.errors()`) as a sentence."""
    kind, text = error["type"], error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if kind in _SENTENCES:
        return str(text).replace(" of trialconfiguration.", " of a trial.")
    if kind == "missing":
        return "is missing, and has no default"
    given = _given(error.get("input"))
    if kind in _WANTED:
        return f"{given} is not allowed: must be {_WANTED[kind]}"
    if kind == "literal_error":
        options = re.findall(r"'([^']*)'", text) or [text]
        return f"{given} is not allowed. {suggest(str(error.get('input')), options)}"
    return f"{given} is not allowed: must {_bound(text)}"


def _bound(text: str) -> str:
    """`Input should be greater than or equal to 1` -> `be 1 or more`."""
    for pattern, cure in (
        (r".*greater than or equal to (\S+)", r"be \1 or more"),
        (r".*less than or equal to (\S+)", r"be \1 or less"),
        (r".*greater than (\S+)", r"be above \1"),
        (r".*less than (\S+)", r"be below \1"),
        (r".*should have at least (\d+) items?.*", r"have a length of \1 or more"),
        (r".*should have at most (\d+) items?.*", r"have a length of \1 or less"),
        (r".*should match pattern (.*)", r"match \1"),
    ):
        if re.fullmatch(pattern, text):
            return re.sub(pattern, cure, text)
    return text.removeprefix("Input should ")


def _given(value: object) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
