"""The tree of a search space: nested dicts and lists whose leaves may be distributions and whose nodes may be OneOf."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gensweep.axes.axis import Axis, AxisPath
from gensweep.axes.distributions import Choice, Distribution, DistributionError, from_mapping, parse
from gensweep.axes.items import write_item
from gensweep.axes.labels import labels_of
from gensweep.errors import ConfigError, Problem, suggest
from gensweep.nodes import nameless
from gensweep.reading import Items, Map

Ask = Callable[[Axis], Any]
MOST_BRANCHES = 500  # each is an arm, or a space of its own
_ROOT = AxisPath()


@dataclass(frozen=True)
class OneOf:
    """A choice between nodes, each with parameters of its own; the labels are the branches' names."""

    branches: dict[str, dict[str, Any]]

    @property
    def labels(self) -> Choice:
        """The distribution that decides."""
        return Choice(tuple(self.branches))


def axes(space: Any) -> list[Axis]:
    """Every axis, in the order in which `resolve` asks."""
    return list(_axes(space, _ROOT, {}))


def resolve(space: Any, ask: Ask) -> Any:
    """The plain configuration that the answers make: `ask(axis)` is called for active axes, in order."""
    return _resolve(space, _ROOT, {}, ask)


def answers(parameters: Mapping[str, Any]) -> Ask:
    """An `ask` that gives stored parameters back: what a searcher drew once, drawn again.

    Raises (when asked):
        ConfigError: the parameters lack an axis, or hold a value that the space no longer has.
    """

    def ask(axis: Axis) -> Any:
        if axis.path not in parameters:
            raise ConfigError(
                f"the stored parameters have no value for '{axis.path}'. {suggest(axis.path, parameters)}"
            )
        value = parameters[axis.path]
        if isinstance(axis.distribution, Choice) and value not in axis.distribution.options:
            raise ConfigError(f"the stored value {value!r} of '{axis.path}' is not in {axis.distribution}")
        return value

    return ask


def drawn(space: Any, draw: Ask) -> dict[str, Any]:
    """Parameters: the path of each active axis -> the value that `draw` gives it."""
    parameters: dict[str, Any] = {}

    def ask(axis: Axis) -> Any:
        parameters[axis.path] = draw(axis)
        return parameters[axis.path]

    resolve(space, ask)
    return parameters


def draw(space: Any, rng: random.Random) -> dict[str, Any]:
    """Parameters drawn at random: axis -> value, of the active axes."""
    return drawn(space, lambda axis: axis.distribution.sample(rng))


def grid_point(space: Any, points: int, index: int) -> dict[str, Any]:
    """The parameters of combination `index` of `grid_size`, ranges at `points` values; the last axis moves fastest."""
    return _grid_point(space, _ROOT, points, index)


def grid_size(space: Any, points: int) -> int:
    """How many combinations the grid has, without making them."""
    if isinstance(space, Distribution):
        return len(space.grid(points))
    if isinstance(space, OneOf):
        return sum(grid_size(branch, points) for branch in space.branches.values())
    return math.prod(grid_size(value, points) for _, value in _children(space, _ROOT))


def n_configurations(space: Any) -> int | None:
    """How many different configurations the space holds; None where an axis is continuous."""
    if isinstance(space, Distribution):
        return space.n_values
    if isinstance(space, OneOf):
        sizes = [n_configurations(branch) for branch in space.branches.values()]
    else:
        sizes = [n_configurations(value) for _, value in _children(space, _ROOT)]
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        return None
    return sum(known) if isinstance(space, OneOf) else math.prod(known)


def locate(space: Any, ask: Ask, location: tuple[str | int, ...]) -> AxisPath:
    """The path of a place in what `ask` resolves: ("divergence", "kernel") -> divergence[mmd].kernel."""
    path, node, given = _ROOT, space, dict[str, str]()
    for part in (*location, None):
        if isinstance(node, OneOf):
            label = ask(Axis(path, node.labels, given, chooses_branch=True))
            given = {**given, path: label}
            path, node = path.branch(label), node.branches[label]
        if part is not None:
            path = path.into(part)
            keys = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
            node = node[part] if part in keys else None
    return path


def flatten(config: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted name -> value of a plain configuration; a list of plain values stays one value."""
    nodes = dict(config) if isinstance(config, Mapping) else dict(enumerate(config))
    flat: dict[str, Any] = {}
    for key, value in nodes.items():
        name = AxisPath(prefix).into(key)
        flat |= flatten(value, name) if _has_inner(value) else {name: value}
    return flat


def _has_inner(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, list | tuple) and any(isinstance(item, Mapping | list | tuple) for item in value)


def write(space: Any) -> Any:
    """The space as plain data that `read` reads again."""
    if isinstance(space, Distribution):
        return str(space)
    if isinstance(space, OneOf):
        return {"one_of": [write(branch) for branch in space.branches.values()]}
    if isinstance(space, Mapping):
        return {key: write(value) for key, value in space.items()}
    return [write(item) for item in space] if isinstance(space, list) else space


def read(tree: Any, prefix: str = "trial") -> tuple[Any, list[Problem], dict[str, str]]:
    """The space that a tree describes, what is wrong in it, and where each conditional name was written."""
    reader = _Reader()
    return reader.value(tree, AxisPath(prefix), ""), reader.problems, reader.sources


class _Reader:
    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.sources: dict[str, str] = {}

    def value(self, tree: Any, name: AxisPath, where: str) -> Any:
        """One node. What is wrong is noted, and left in the space as it was written."""
        self.sources[name] = where
        try:
            distribution = parse(tree) if isinstance(tree, str) else None
            distribution = from_mapping(tree) if isinstance(tree, Mapping) else distribution
        except DistributionError as error:
            self._problem(where, name, str(error))
            return tree
        if distribution is not None:
            return distribution
        if isinstance(tree, Mapping):
            return self._one_of(tree, name, where) if "one_of" in tree else self._mapping(tree, name, where)
        if isinstance(tree, list):
            spots = tree.where if isinstance(tree, Items) else [where] * len(tree)
            return [self.value(node, name.into(i), spots[i]) for i, node in enumerate(tree)]
        return tree

    def _mapping(self, tree: Mapping[str, Any], name: AxisPath, where: str) -> dict[str, Any]:
        lines = tree.where if isinstance(tree, Map) else {}
        return {key: self.value(node, name.into(key), lines.get(key, where)) for key, node in tree.items()}

    def _one_of(self, tree: Mapping[str, Any], name: AxisPath, where: str) -> Any:
        lines = tree.where if isinstance(tree, Map) else {}
        for extra in sorted(set(tree) - {"one_of"}):
            self._problem(
                lines.get(extra, where),
                name,
                f"'{extra}' beside one_of. Write what the branches share into each of them",
            )
        listed = tree["one_of"]
        where = lines.get("one_of", where)
        if not isinstance(listed, list) or not listed:
            self._problem(where, name, f"one_of takes a list of nodes, each with a name{_no_list(listed)}")
            return dict(tree)
        if not any(isinstance(node, Mapping | str) for node in listed):
            text = write_item(listed)[1:-1]
            self._problem(
                where, name, f"one_of chooses between nodes with a name. Between values, write choice({text})"
            )
            return dict(tree)
        if len(listed) > MOST_BRANCHES:
            self._problem(where, name, f"one_of of {len(listed)} branches. At most {MOST_BRANCHES} are accepted")
            return dict(tree)
        spots = listed.where if isinstance(listed, Items) else [where] * len(listed)
        given = []
        for node, spot in zip(listed, spots, strict=True):
            branch = {"name": node} if isinstance(node, str) else node
            own = branch.get("name") if isinstance(branch, Mapping) else None
            if not isinstance(own, str) or "(" in own:
                needs = "a branch of one_of is a mapping with one name of its own, as in {name: mmd}"
                self._problem(spot, name, nameless(branch) or needs)
            else:
                given.append((branch, spot))
        labels = labels_of([branch for branch, _ in given])
        branches = {
            label: self.value(branch, name.branch(label), spot)
            for label, (branch, spot) in zip(labels, given, strict=True)
        }
        return OneOf(branches) if branches else dict(tree)

    def _problem(self, where: str, name: str, message: str) -> None:
        self.problems.append(Problem(where, name, message))


def _no_list(listed: Any) -> str:
    """What stands in the place of the list of a one_of, and the list that it means."""
    if isinstance(listed, Mapping) and listed:
        nodes = [{"name": key, **node} if isinstance(node, Mapping) and node else key for key, node in listed.items()]
        return f". Write {write_item(nodes)}"
    return ", and is empty. Write them, as in [vae, wae]" if listed in ([], {}, None) else ""


def _children(space: Any, path: AxisPath) -> Iterator[tuple[AxisPath, Any]]:
    if isinstance(space, dict):
        yield from ((path.into(key), value) for key, value in space.items())
    elif isinstance(space, list):
        yield from ((path.into(i), value) for i, value in enumerate(space))


def _axes(space: Any, path: AxisPath, given: Mapping[str, str]) -> Iterator[Axis]:
    if isinstance(space, Distribution):
        yield Axis(path, space, given)
    elif isinstance(space, OneOf):
        yield Axis(path, space.labels, given, chooses_branch=True)
        for label, branch in space.branches.items():
            yield from _axes(branch, path.branch(label), {**given, path: label})
    for inner, value in _children(space, path):
        yield from _axes(value, inner, given)


def _resolve(space: Any, path: AxisPath, given: Mapping[str, str], ask: Ask) -> Any:
    if isinstance(space, Distribution):
        return ask(Axis(path, space, given))
    if isinstance(space, OneOf):
        label = ask(Axis(path, space.labels, given, chooses_branch=True))
        return _resolve(space.branches[label], path.branch(label), {**given, path: label}, ask)
    if isinstance(space, dict):
        return {key: _resolve(value, path.into(key), given, ask) for key, value in space.items()}
    return [_resolve(v, path.into(i), given, ask) for i, v in enumerate(space)] if isinstance(space, list) else space


def _grid_point(space: Any, path: AxisPath, points: int, index: int) -> dict[str, Any]:
    if isinstance(space, Distribution):
        return {path: space.grid(points)[index]}
    if isinstance(space, OneOf):
        for label, branch in space.branches.items():
            size = grid_size(branch, points)
            if index < size:
                return {path: label, **_grid_point(branch, path.branch(label), points, index)}
            index -= size
        raise IndexError(index)
    found: list[dict[str, Any]] = []
    for inner, value in reversed(list(_children(space, path))):
        index, own = divmod(index, grid_size(value, points))
        found.append(_grid_point(value, inner, points, own))
    return {name: value for part in reversed(found) for name, value in part.items()}
