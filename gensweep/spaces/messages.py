"""What the validation found, as sentences: what was given, what is accepted, and the cure."""

from __future__ import annotations

import re
from typing import Any

from gensweep.errors import suggest

_SENTENCES = {"unknown_field", "member", "wrong_member", "value_error", "assertion_error"}
_ACCEPTED = {
    **dict.fromkeys(["int_type", "int_parsing", "int_from_float"], "be a whole number"),
    **dict.fromkeys(["float_type", "float_parsing"], "be a number"),
    **dict.fromkeys(["bool_type", "bool_parsing"], "be true or false"),
    **dict.fromkeys(["tuple_type", "list_type"], "be a list"),
    **dict.fromkeys(["dict_type", "model_type", "model_attributes_type"], "be a mapping of names to values"),
    "finite_number": "be a finite number",
    "string_type": "be a text",
    "none_required": "be null",
    "greater_than_equal": "be {ge} or more",
    "less_than_equal": "be {le} or less",
    "greater_than": "be above {gt}",
    "less_than": "be below {lt}",
    "multiple_of": "be a multiple of {multiple_of}",
    **dict.fromkeys(["too_short", "string_too_short"], "have a length of {min_length} or more"),
    **dict.fromkeys(["too_long", "string_too_long"], "have a length of {max_length} or less"),
    "string_pattern_mismatch": "match {pattern}",
}


def explain(error: Any) -> str:
    """One error of pydantic (an item of `ValidationError.errors()`) as a sentence."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in _SENTENCES:
        return str(context.get("error", error["msg"])).replace(" of trialconfiguration.", " of a trial.")
    if kind == "missing":
        return "is missing, and has no default"
    given = _given(error.get("input"))
    if kind == "literal_error":
        options = re.findall(r"'([^']*)'", context["expected"]) or [context["expected"]]
        return f"{given} is not allowed. {suggest(str(error.get('input')), options)}"
    if kind not in _ACCEPTED:
        return f"{given} is not allowed: {error['msg']}"
    return f"{given} is not allowed: must {_ACCEPTED[kind].format(**{k: _bound(v) for k, v in context.items()})}"


def _bound(value: object) -> object:
    """A bound of a number as it was written: pydantic holds the 0 of `gt=0` as 0.0 where the field is a float."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _given(value: object) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
