"""Paths in a search space mean what their file means: relative to its folder, and absolute once it is read.

What is typed on the command line is relative to the working folder. Which fields hold paths their types say
(`component.FilePath`); nothing here names one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel

from gensweep.axes.distributions import (
    FUNCTIONS,
    Choice,
    Distribution,
    DistributionError,
    parse,
)
from gensweep.axes.items import write_item
from gensweep.component import Location, Member, class_of
from gensweep.configuration import TrialConfiguration
from gensweep.reading import Map, folder_of
from gensweep.spaces.sweep import DEFAULT_SEARCHER

_PLAIN = (int, float, bool, type(None))


class _Type(NamedTuple):
    """One thing that a field takes: a bare type, and what it is marked with."""

    bare: Any
    marks: tuple[Any, ...] = ()


def make_absolute(tree: Map) -> None:
    """Makes every path in the tree of a search-space file absolute, in place."""
    trial = _Type(TrialConfiguration)
    for key, types in (("trial", trial), ("early_stopping", _Type(Any, (Member("early_stopping"),)))):
        if key in tree:
            tree[key] = _value(tree[key], [types], folder_of(tree.where.get(key, "")))
    search = tree.get("search")
    if isinstance(search, Map) and (searcher := class_of("searchers", search.get("sampler", DEFAULT_SEARCHER))):
        tree["search"] = _fields(search, [searcher], folder_of(tree.where.get("search", "")))


class Relative(NamedTuple):
    """A path that means a place of this machine: where it is written, of which value, its text, and the path in full."""

    where: str
    path: str
    text: str
    absolute: str


def relative_paths(tree: Map) -> list[Relative]:
    """The paths in the tree of a search-space file that are seen from a folder, or from the user's home."""
    whole = Map(tree, tree.where)
    make_absolute(whole)
    return list(_changed(tree, whole, "", ""))


def member_at(kind: str, node: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The node of a component of `kind` with its paths absolute, where relative ones were written for `folder`."""
    return dict(_value(node, [_Type(Any, (Member(kind),))], folder))


def _changed(before: Any, after: Any, path: str, where: str) -> Iterator[Relative]:
    """The texts that became others when their paths were made absolute; a slash too many is no change."""
    if isinstance(before, Mapping):
        for key, value in before.items():
            at = before.where.get(key, where) if isinstance(before, Map) else where
            yield from _changed(value, after[key], f"{path}.{key}" if path else key, at)
    elif isinstance(before, list):
        for i, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _changed(old, new, f"{path}[{i}]", getattr(before, "where", {i: where})[i])
    elif before != after:
        yield from (
            Relative(where, path, old, new)
            for old, new in zip(_options(before), _options(after), strict=True)
            if isinstance(old, str) and str(Path(old)) != new
        )


def _options(text: str) -> Sequence[Any]:
    drawn = _drawn(text)
    return drawn.options if isinstance(drawn, Choice) else (text,)


def _value(value: Any, types: list[_Type], folder: Path) -> Any:
    """The value of a field that takes one of `types`, or what is searched there, with its paths absolute."""
    if isinstance(value, str):
        return _text(value, types, folder)
    if isinstance(value, list):
        return _like(value, [_value(item, _items(types), at) for item, at in _placed(value, folder)])
    if not isinstance(value, Mapping):
        return value
    for key in ("one_of", "values"):  # W&B writes {values: [a, b]}
        if isinstance(value.get(key), list):
            options = [_value(option, types, at) for option, at in _placed(value[key], _at(value, key, folder))]
            return _like(value, {**value, key: _like(value[key], options)})
    inner = [t for kind in types if get_origin(kind.bare) in (dict, Mapping) for t in _types(get_args(kind.bare)[1])]
    if inner:
        return _like(value, {key: _value(item, inner, _at(value, key, folder)) for key, item in value.items()})
    return _fields(value, [model for kind in types for model in _models(kind, value)], folder)


def _text(text: str, types: list[_Type], folder: Path) -> str:
    location = next((mark for kind in types for mark in kind.marks if isinstance(mark, Location)), None)
    is_call = text.rstrip().endswith(")") and text.partition("(")[0].strip() in FUNCTIONS
    if not is_call:  # a folder may be called `photos (1)`
        return location.absolute(text, folder) if location else text
    if all(kind.bare in _PLAIN and not kind.marks for kind in types):
        return text
    drawn = _drawn(text)
    if not isinstance(drawn, Choice):
        return text
    return f"choice({', '.join(write_item(_value(option, types, folder)) for option in drawn.options)})"


def _fields(node: Mapping[str, Any], models: list[type[BaseModel]], folder: Path) -> Any:
    """The node with the paths in its fields absolute, as any of the models declares them."""
    declared: dict[str, list[_Type]] = {}
    for model in models:
        for name, field in model.model_fields.items():
            declared.setdefault(field.alias or name, []).extend(_types(field.annotation, tuple(field.metadata)))
    return _like(
        node, {key: _value(value, declared.get(key, []), _at(node, key, folder)) for key, value in node.items()}
    )


def _types(annotation: Any, marks: tuple[Any, ...] = ()) -> Iterator[_Type]:
    """What a field of this annotation takes: the members of a union one by one."""
    if get_origin(annotation) is Annotated:
        bare, *more = get_args(annotation)
        yield from _types(bare, (*marks, *more))
    elif get_origin(annotation) in (Union, UnionType):
        for part in get_args(annotation):
            yield from _types(part, marks)
    else:
        yield _Type(annotation, marks)


def _items(types: list[_Type]) -> list[_Type]:
    """What the items of a list take, where one of `types` is a list; a choice of nodes has them where a node stands."""
    lists = [kind for kind in types if get_origin(kind.bare) in (tuple, list)]
    return [t for kind in lists for part in get_args(kind.bare) if part is not ... for t in _types(part)]


def _models(kind: _Type, node: Mapping[str, Any]) -> Iterator[type[BaseModel]]:
    """The classes that a node of this type may be of: its name may be searched too."""
    if isinstance(kind.bare, type) and issubclass(kind.bare, BaseModel):
        yield kind.bare
    for mark in kind.marks:
        if isinstance(mark, Member):
            found = [class_of(mark.kind, name) for name in _names(node.get("name"))]
            yield from [member for member in found if member]


def _names(name: Any) -> list[Any]:
    drawn = _drawn(name) if isinstance(name, str) else None
    return list(drawn.options) if isinstance(drawn, Choice) else [name]


def _drawn(text: str) -> Distribution | None:
    """The distribution that a text writes; None where it writes none, or a wrong one, which is reported elsewhere."""
    try:
        return parse(text)
    except DistributionError:
        return None


def _placed(items: list[Any], folder: Path) -> list[tuple[Any, Path]]:
    """The items of a list, each with the folder of the file in which it was written."""
    where = getattr(items, "where", None)
    return [(item, folder_of(where[i]) if where else folder) for i, item in enumerate(items)]


def _at(node: Mapping[str, Any], key: str, folder: Path) -> Path:
    return folder_of(node.where[key]) if isinstance(node, Map) and key in node.where else folder


def _like(node: Any, content: Any) -> Any:
    """The content with the places of `node`."""
    return type(node)(content, node.where) if hasattr(node, "where") else content
