"""Which columns a table of trials has for what was searched or differs, and their short names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gensweep.axes.axis import AxisPath
from gensweep.ledger.history import TrialRecord


def flatten(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A tree as dotted path -> leaf, in the tree's order; a list is one leaf."""
    flat: dict[str, Any] = {}
    for key, value in node.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def labels(record: TrialRecord) -> dict[str, Any]:
    """The branches that the trial chose, which tell namesakes apart where their names do not: network.name -> label."""
    return {f"{AxisPath(axis).place}.name": value for axis, value in record.parameters.items()}


def axes(configurations: Sequence[Mapping[str, Any]], asked: set[str], taken: set[str]) -> dict[str, str]:
    """Column -> path of what was searched (`asked`) or differs. The family has its own column."""
    searched = asked | {f"{axis}.name" for axis in asked}  # the axis that chooses a branch is its node's name
    paths = sorted({path for configuration in configurations for path in configuration}, key=_name_first)
    varying = []
    for path in paths:
        values = {json.dumps(c[path], sort_keys=True) for c in configurations if path in c}
        if path != "family.name" and (path in searched or len(values) > 1):
            varying.append(path)
    return plain_names(varying, taken)


def ignored(records: Sequence[TrialRecord], compare: str | None) -> dict[str, set[str]]:
    """Arm -> the places of the axes that its family does not use; their values in its configurations mean nothing.

    An axis that is there whatever is chosen is searched by every arm that uses it (one of a branch has the branch in its
    path, which is no place of a configuration). What is not meant: the fields of a family, and those of the choice that is
    compared, which are an arm's own.
    """
    own = {"family", (compare or "family").split(".")[0]}
    shared = {axis for r in records for axis in r.parameters if axis.split(".")[0] not in own}
    searched: dict[str, set[str]] = {record.arm: set() for record in records}
    for record in records:
        searched[record.arm] |= set(record.parameters)
    return {arm: shared - axes for arm, axes in searched.items()}


def is_below(path: str, places: Iterable[str]) -> bool:
    """Whether a path is at one of the places, or below it."""
    return any(path == place or path.startswith(f"{place}.") for place in places)


def _name_first(path: str) -> list[str]:
    """Sorts a component's name before its fields."""
    return ["" if part == "name" else part for part in path.split(".")]


def plain_names(paths: Sequence[str], taken: set[str]) -> dict[str, str]:
    """Short name -> path: the end of the path that no other path shares, `family.divergence.name` as `divergence`.

    >>> plain_names(["family.lambda", "family.divergence.name", "family.divergence.blur"], set())
    {'lambda': 'family.lambda', 'divergence': 'family.divergence.name', 'blur': 'family.divergence.blur'}
    """
    parts = {path: path.removesuffix(".name").split(".") for path in paths}
    depth = dict.fromkeys(paths, 1)
    while True:
        names = {path: ".".join(parts[path][-depth[path] :]) for path in paths}
        counted = list(names.values())
        clashing = [p for p in paths if counted.count(names[p]) > 1 or names[p] in taken]
        longer = [path for path in clashing if depth[path] < len(parts[path])]
        if not longer:
            return {f"trial.{path}" if path in clashing else names[path]: path for path in paths}
        for path in longer:
            depth[path] += 1
