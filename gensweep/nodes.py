"""Mistakes in a node of a configuration that pydantic lets pass, or tells in its own terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from gensweep.errors import nearest

_NAMED = ("type", "kind", "class", "_target_", "id")  # what other libraries call the name of a component
LARGEST = 10_000_000  # of what a component counts
LARGEST_ITEM = 65_536  # of the sizes in a list, as the latent size
LARGEST_SEED = 2**63 - 1
_CHOICES = ("one_of", "any_of", "choice", "choices", "either")


def no_numbers(annotation: Any, value: Any, loc: tuple[str | int, ...]) -> Iterator[dict[str, Any]]:
    """An error for each true or false at a place of numbers, which pydantic would read as 1 and 0."""
    kinds = list(_kinds(annotation))
    if isinstance(value, list | tuple):
        for kind in kinds:
            if get_origin(kind) in (tuple, list):
                for i, item in enumerate(value):
                    yield from no_numbers(_item(kind, i), item, (*loc, i))
    elif isinstance(value, bool) and {int, float} & set(kinds) and bool not in kinds:
        is_whole = float not in kinds
        yield {"type": "int_type" if is_whole else "float_type", "loc": loc, "input": value}


def too_large(field: FieldInfo, value: Any, loc: tuple[str | int, ...]) -> Iterator[dict[str, Any]]:
    """An error for each count that no machine could hold, at a field that has no bound of its own; seeds are no counts."""
    if any(hasattr(mark, "le") or hasattr(mark, "lt") for mark in field.metadata):
        return
    most = LARGEST_SEED if "seed" in str(loc[-1]) else LARGEST
    listed = value if isinstance(value, list | tuple) else []
    found = [((*loc, i), item, LARGEST_ITEM) for i, item in enumerate(listed)] or [(loc, value, most)]
    for place, number, bound in found:
        is_whole = isinstance(number, int | float) and number == number // 1
        if is_whole and number > bound and _takes_whole_numbers(field.annotation):
            yield {"type": "less_than_equal", "ctx": {"le": bound}, "loc": place, "input": number}


def lengths(model: type[BaseModel], errors: Sequence[ErrorDetails]) -> Iterator[ErrorDetails]:
    """The errors, with one for each list of a fixed length that is none, or too short, or too long."""
    told = set[str]()
    for error in errors:
        key = str((*error["loc"], "")[0])
        field = next((f for name, f in model.model_fields.items() if key in (name, f.alias)), None)
        fixed = _fixed(field) if field else 0
        depth, kind = len(error["loc"]), error["type"]
        is_length = (depth == 2 and kind == "missing") or (depth == 1 and kind in ("tuple_type", "too_long"))
        if not fixed or not is_length:
            yield error
        elif key not in told:
            told.add(key)
            default = field.get_default(call_default_factory=False) if field else None
            example = f", as in {list(default)}" if isinstance(default, tuple) else ""
            yield {**error, "type": "fixed_length", "loc": (key,), "ctx": {"length": fixed, "example": example}}


def nameless(node: object, names: Sequence[str] | None = None) -> str:
    """What was meant by a node that names no member; empty where nothing is near. `names` are its kind's, where known."""
    if not isinstance(node, Mapping):
        return ""
    first, inner = next(iter(node.items()), ("", ""))
    is_name = first in names if names is not None else inner is None or isinstance(inner, Mapping)
    if len(node) == 1 and is_name:
        return f"{first} is a name: write {{name: {first}, ...}}"
    for key, value in node.items():
        if isinstance(value, list) and nearest(str(key), _CHOICES):
            return f"unknown field '{key}'. Did you mean 'one_of'? Write {{one_of: [...]}}"
    key = next((str(key) for key in node if key in _NAMED or nearest(str(key), ["name"])), None)
    if key is None:
        return ""
    value = node[key] if isinstance(node[key], str) and node[key] in (names or [node[key]]) else "..."
    return f"has no name: unknown field '{key}'. Did you mean 'name'? Write {{name: {value}}}"


def _fixed(field: FieldInfo) -> int:
    """How many items a field's list must have; 0 where it takes any number, or no list."""
    items = next((get_args(kind) for kind in _kinds(field.annotation) if get_origin(kind) is tuple), ())
    return 0 if ... in items else len(items)


def _kinds(annotation: Any) -> Iterator[Any]:
    """The types that an annotation accepts, without what they are marked with."""
    if get_origin(annotation) is Annotated:
        yield from _kinds(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for part in get_args(annotation):
            yield from _kinds(part)
    elif get_origin(annotation) is Literal:
        yield from (type(value) for value in get_args(annotation))
    else:
        yield annotation


def _takes_whole_numbers(annotation: Any) -> bool:
    """Whether an annotation takes whole numbers and no others, or a list of such."""
    kinds = list(_kinds(annotation))
    items = [part for kind in kinds if get_origin(kind) in (tuple, list) for part in get_args(kind) if part is not ...]
    return (int in kinds and float not in kinds) or any(map(_takes_whole_numbers, items))


def _item(kind: Any, i: int) -> Any:
    """What item i of a list of this type takes."""
    items = get_args(kind) or (Any,)
    return items[0] if ... in items or get_origin(kind) is list else items[min(i, len(items) - 1)]
