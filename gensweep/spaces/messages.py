"""What the validation found, as sentences: what was given, what is accepted, and the cure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gensweep.axes.distributions import Choice, DistributionError, parse
from gensweep.axes.items import write_item
from gensweep.axes.shorthand import meant, number_meant
from gensweep.component import importable
from gensweep.errors import nearest, same_name, suggest

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
    "int_parsing_size": "be a whole number that is not so large",
    "fixed_length": "be a list of {length}{example}",
    **dict.fromkeys(["too_short", "string_too_short"], "have a length of {min_length} or more"),
    **dict.fromkeys(["too_long", "string_too_long"], "have a length of {max_length} or less"),
    "string_pattern_mismatch": "match {pattern}",
}
_NUMERIC = {"int_type", "int_parsing_size", "int_parsing", "int_from_float", "float_type", "float_parsing"}
_SINGLE = _NUMERIC | {"bool_type", "bool_parsing", "string_type", "literal_error"}


def explain(error: Any, *, searched: bool = True) -> str:
    """One error of pydantic (an item of `ValidationError.errors()`) as a sentence.

    `searched`: whether a distribution may stand at its place.
    """
    kind, context = error["type"], error.get("ctx", {})
    if kind in _SENTENCES:
        value = error.get("input")
        if kind == "member" and not searched and (options := _several(value)):
            return f"{_given(value)} is not allowed: only what stands below trial is searched. Write {' or '.join(options)}"
        said = str(context.get("error", error["msg"])).replace(" of trialconfiguration.", " of a trial.")
        return said + (_which_node(error.get("input")) if kind == "member" else "")
    if kind == "missing":
        return "is missing, and has no default"
    given = _given(error.get("input"))
    if kind == "literal_error":
        options = re.findall(r"'([^']*)'", context["expected"]) or [context["expected"]]
        cure = _cure(kind, error.get("input"), searched=searched)
        return f"{given} is not allowed. {cure or suggest(str(error.get('input')), options)}"
    if kind not in _ACCEPTED:
        return f"{given} is not allowed: {error['msg']}"
    accepted = _ACCEPTED[kind].format(**{k: _bound(v) for k, v in context.items()})
    cure = _cure(kind, error.get("input"), searched=searched)
    return f"{given} is not allowed: must {accepted}" + (f". {cure}" if cure else "")


def _cure(kind: str, value: Any, *, searched: bool) -> str:
    """What to write instead, where the value looks like something that is known; else nothing."""
    if kind not in _SINGLE:
        return _cure_of_many(kind, value)
    if isinstance(value, list | tuple) and len(value) == 1:
        return f"Write {write_item(value[0])} without the brackets"
    number = number_meant(value) if kind in _NUMERIC and isinstance(value, str) else None
    if number:
        return f"Write {number}"
    law = meant(value)
    if law and not searched:
        return "Only what stands below trial is searched"
    return f"To search, write {law}" if law else ""


def _cure_of_many(kind: str, value: Any) -> str:
    """What to write where a list or a mapping is accepted."""
    if kind in ("tuple_type", "list_type") and isinstance(value, str):
        return f"Write [{', '.join(part.strip() for part in value.strip('[]()').split(','))}]"
    if kind in ("tuple_type", "list_type") and isinstance(value, int | float) and not isinstance(value, bool):
        return f"Write [{write_item(value)}]"
    is_mapping = kind in ("dict_type", "model_type", "model_attributes_type")
    return "Leave it out, or write its fields" if is_mapping and value is None else ""


def _several(value: Any) -> list[str]:
    """The options of a choice, or of a one_of, that stands where nothing is searched; none where it is none."""
    options: Any = value.get("one_of") if isinstance(value, Mapping) else value
    try:
        drawn = parse(value) if isinstance(value, str) else None
    except DistributionError:
        return []
    options = drawn.options if isinstance(drawn, Choice) else options
    nodes = isinstance(options, list | tuple) and all(isinstance(option, str | Mapping) for option in options)
    return [write_item(option) for option in options] if nodes else []


def _which_node(value: Any) -> str:
    """How to choose between nodes, where a list of them stands in place of one; else nothing."""
    nodes = isinstance(value, list | tuple) and len(value) > 1 and all(isinstance(i, str | Mapping) for i in value)
    if nodes:
        return f" To compare several, write {{one_of: {write_item(value)}}}."
    searched = meant(value) if isinstance(value, Mapping) else None
    return f" To compare several, write {searched}." if searched else ""


def _bound(value: object) -> object:
    """A bound of a number as it was written: pydantic holds the 0 of `gt=0` as 0.0 where the field is a float."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _given(value: object) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


def not_measured(wanted: str, measured: Sequence[str]) -> str:
    """Why a metric cannot be the objective of a sweep that measures others."""
    if options := _several(wanted):
        return f"'{wanted}' is not allowed: a sweep has one objective. Write {' or '.join(options)}"
    if wanted[:1] in ("-", "+") and wanted[1:].strip():
        bare = wanted[1:].strip()
        cure = bare if bare in importable("metrics") else nearest(bare, importable("metrics")) or bare
        return f"'{wanted}' is not allowed: which direction is better the metric knows. Write objective: {cure}"
    told = f"'{wanted}' is not among trial.evaluation.metrics. "
    if nearest(wanted, measured):
        return told + suggest(wanted, measured)
    known = importable("metrics")
    known_name = wanted if wanted in known else nearest(wanted, known)
    if known_name == wanted or (known_name and same_name(known_name, wanted)):
        added = ", ".join([*measured, str(known_name)])
        return f"{told}Write metrics: [{added}] there, or one of these here: {', '.join(measured)}"
    part = wanted.rpartition(".")[2]
    for name, metric in known.items():
        if part in metric.detail_modes:  # type: ignore[attr-defined]
            return (
                f"{told}{part} is a part of {name}, and an objective is a whole score: measure {name} there, and rank by "
                f"the part with `gensweep compare NAME --metric {name}.{part}`"
            )
    return told + (f"Did you mean '{known_name}'? " if known_name else "") + suggest("", measured)
