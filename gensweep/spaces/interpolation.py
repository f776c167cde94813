"""`${trial.latent_size}` in a value: another value of the same file, and nothing else.

Resolvers (`${oc.env:HOME}`) and Hydra's `_target_` can read secrets or run code from a file that somebody sent, so both
are errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gensweep.axes.distributions import DistributionError, from_mapping, parse
from gensweep.errors import Problem
from gensweep.reading import MAX_NODES, Items, Map, Place, copied, folder_of

_REFERENCE = re.compile(r"\$\{\s*([A-Za-z_]\w*(?:\.\w+)*)\s*\}")
_RUNS_CODE = re.compile(r"_[a-z]+_")


class _NoValueError(Exception):
    """A reference that stands for nothing."""


class _Root:
    """The file that references look into, and how much they may still make: one that doubles nine times is a bomb."""

    def __init__(self, tree: Map) -> None:
        self.tree = tree
        self._left = MAX_NODES

    def spend(self, n: int) -> None:
        """Note that `n` values or characters more are made."""
        self._left -= n
        if self._left < 0:
            raise _NoValueError(f"references make this file more than {MAX_NODES} values or characters long")


def filled(tree: Map) -> list[Problem]:
    """Puts the values in place of the references, in place, and returns what is wrong or forbidden."""
    problems: list[Problem] = []
    _fill(_Root(tree), tree, "", problems)
    return problems


def has_reference(node: Any) -> bool:
    """Whether a `${` stands anywhere below `node`."""
    if isinstance(node, Mapping | list):
        return any(map(has_reference, node.values() if isinstance(node, Mapping) else node))
    return isinstance(node, str) and "${" in node


def _fill(root: _Root, node: Map | Items, path: str, problems: list[Problem]) -> None:
    keys: list[Any] = list(node) if isinstance(node, Map) else list(range(len(node)))
    for key in keys:
        name, where = f"{path}.{key}" if path else str(key), node.where[key]
        if isinstance(node, Map) and _RUNS_CODE.fullmatch(str(key)):
            problems.append(
                Problem(
                    where,
                    name,
                    f"'{key}' is not allowed: a search-space file names components (name: mmd), and cannot call Python",
                )
            )
            node.pop(key)
        elif isinstance(node[key], Map | Items):
            _fill(root, node[key], name, problems)
        elif isinstance(node[key], str) and "${" in node[key]:
            try:
                node[key], said = _value(root, node[key], where, (name,))
                node.where[key] = Place(where, folder_of(said))  # a path is relative to where the text is, not its use
            except _NoValueError as error:
                problems.append(Problem(where, name, f"{node[key]!r}: {error}"))


def _value(root: _Root, text: str, where: str, seen: tuple[str, ...]) -> tuple[Any, str]:
    """What a text with references means, and where that was written: a whole one is what it refers to."""
    whole = _REFERENCE.fullmatch(text)
    if whole:
        value, said = _target(root, whole.group(1), seen)
        root.spend(_size(value))
        return copied(value), said
    if text.count("${") != len(_REFERENCE.findall(text)):
        raise _NoValueError("only plain references are allowed, as in ${trial.latent_size}")
    return _REFERENCE.sub(lambda match: _text(root, match.group(1), seen), text), where


def _text(root: _Root, path: str, seen: tuple[str, ...]) -> str:
    value = _target(root, path, seen)[0]
    root.spend(_size(value))
    return str(value)


def _size(value: Any) -> int:
    """How much a value takes: its characters, or all that is in it."""
    if isinstance(value, Mapping | list):
        return 1 + sum(map(_size, value.values() if isinstance(value, Mapping) else value))
    return len(value) + 1 if isinstance(value, str) else 1


def _target(root: _Root, path: str, seen: tuple[str, ...]) -> tuple[Any, str]:
    if path in seen:
        raise _NoValueError(f"refers to itself through {' -> '.join((*seen, path))}")
    root.spend(1)
    node: Any = root.tree
    where = ""
    for part in path.split("."):
        keys = node if isinstance(node, Map) else map(str, range(len(node))) if isinstance(node, Items) else ()
        if part not in keys:
            raise _NoValueError(f"there is no value at '{path}'. Give the whole path from the top of the file")
        key: Any = part if isinstance(node, Map) else int(part)
        node, where = node[key], node.where.get(key, "") if isinstance(node, Map) else node.where[key]
    if isinstance(node, str) and "${" in node:
        return _value(root, node, where, (*seen, path))
    if _is_searched(node):
        raise _NoValueError(f"'{path}' is searched, so it has no value yet. Refer to fixed values only")
    if has_reference(node):
        raise _NoValueError(f"'{path}' holds references itself. Refer to a single value")
    return node, where


def _is_searched(node: Any) -> bool:
    try:
        if isinstance(node, str):
            return parse(node) is not None
        if isinstance(node, Mapping):
            return "one_of" in node or from_mapping(node) is not None or any(map(_is_searched, node.values()))
    except DistributionError:
        return True
    return isinstance(node, list) and any(map(_is_searched, node))
