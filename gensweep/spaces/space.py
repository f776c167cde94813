"""The tree of a search space: nested dicts and lists whose leaves may be distributions and whose nodes may be OneOf.

Every axis has a name that says when it exists. With divergences mmd and sinkhorn as branches, `family.divergence` is
the axis that chooses between the labels, and `family.divergence[mmd].kernel` is there only when it says mmd.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gensweep.errors import ConfigError, Problem, suggest
from gensweep.spaces.distributions import Choice, Distribution, DistributionError, from_mapping, parse
from gensweep.spaces.reading import Items, Map

Ask = Callable[[str, Distribution], Any]


@dataclass(frozen=True)
class OneOf:
    """A choice between nodes, each with parameters of its own; the labels are the branches' names."""

    branches: dict[str, dict[str, Any]]

    @property
    def labels(self) -> Choice:
        """The distribution that decides."""
        return Choice(tuple(self.branches))


@dataclass(frozen=True)
class Axis:
    """One searched value, and the choices that have to fall as given for it to exist."""

    name: str
    distribution: Distribution
    given: Mapping[str, str]


def axes(space: Any) -> list[Axis]:
    """Every axis, in the order in which `resolve` asks."""
    return list(_axes(space, "", {}))


def resolve(space: Any, ask: Ask) -> Any:
    """The plain configuration that the answers make: `ask(axis, distribution)` is called for active axes, in order."""
    return _resolve(space, "", ask)


def answers(parameters: Mapping[str, Any]) -> Ask:
    """An `ask` that gives stored parameters back: what a searcher drew once, drawn again.

    Raises (when asked):
        ConfigError: the parameters lack an axis, or hold a value that the space no longer has.
    """

    def ask(name: str, distribution: Distribution) -> Any:
        if name not in parameters:
            raise ConfigError(f"the stored parameters have no value for '{name}'. {suggest(name, parameters)}")
        value = parameters[name]
        if isinstance(distribution, Choice) and value not in distribution.options:
            raise ConfigError(f"the stored value {value!r} of '{name}' is not in {distribution}")
        return value

    return ask


def draw(space: Any, rng: random.Random) -> dict[str, Any]:
    """Parameters drawn at random: axis -> value, of the active axes."""
    parameters: dict[str, Any] = {}

    def ask(name: str, distribution: Distribution) -> Any:
        parameters[name] = distribution.sample(rng)
        return parameters[name]

    resolve(space, ask)
    return parameters


def grid(space: Any, points: int) -> Iterator[dict[str, Any]]:
    """The parameters of every combination, ranges at `points` values; the last axis moves fastest."""
    return _grid(space, "", points)


def grid_size(space: Any, points: int) -> int:
    """How many combinations `grid` has, without making them."""
    if isinstance(space, Distribution):
        return len(space.grid(points))
    if isinstance(space, OneOf):
        return sum(grid_size(branch, points) for branch in space.branches.values())
    return math.prod(grid_size(value, points) for _, value in _children(space, ""))


def restrict(space: Any, path: str, label: str) -> Any:
    """The space with the choice at `path` decided: the branch stands where the choice stood.

    Raises:
        ConfigError: there is no choice at `path`, or it has no such branch.
    """
    head, _, rest = path.partition(".")
    if not isinstance(space, dict) or head not in space:
        raise ConfigError(f"there is no one_of at '{path}'")
    if rest:
        return {**space, head: restrict(space[head], rest, label)}
    node = space[head]
    if not isinstance(node, OneOf):
        raise ConfigError(f"there is no one_of at '{path}'")
    if label not in node.branches:
        raise ConfigError(f"'{path}' has no branch '{label}'. {suggest(label, node.branches)}")
    return {**space, head: node.branches[label]}


def locate(space: Any, ask: Ask, location: tuple[str | int, ...]) -> str:
    """The conditional name of a place in what `ask` resolves: ("divergence", "kernel") -> divergence[mmd].kernel."""
    name, node = "", space
    for part in (*location, None):
        if isinstance(node, OneOf):
            label = ask(name, node.labels)
            name, node = f"{name}[{label}]", node.branches[label]
        if part is not None:
            name = _join(name, part)
            keys = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
            node = node[part] if part in keys else None
    return name


def flatten(config: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted name -> value of a plain configuration; a list of plain values stays one value."""
    nodes = dict(config) if isinstance(config, Mapping) else dict(enumerate(config))
    flat: dict[str, Any] = {}
    for key, value in nodes.items():
        name = _join(prefix, key)
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
    return reader.value(tree, prefix, ""), reader.problems, reader.sources


class _Reader:
    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.sources: dict[str, str] = {}

    def value(self, tree: Any, name: str, where: str) -> Any:
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
            return [self.value(node, _join(name, i), spots[i]) for i, node in enumerate(tree)]
        return tree

    def _mapping(self, tree: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
        lines = tree.where if isinstance(tree, Map) else {}
        return {key: self.value(node, _join(name, key), lines.get(key, where)) for key, node in tree.items()}

    def _one_of(self, tree: Mapping[str, Any], name: str, where: str) -> Any:
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
            self._problem(where, name, "one_of takes a list of nodes, each with a name")
            return dict(tree)
        spots = listed.where if isinstance(listed, Items) else [where] * len(listed)
        branches: dict[str, dict[str, Any]] = {}
        for node, spot in zip(listed, spots, strict=True):
            branch = {"name": node} if isinstance(node, str) else node
            given = branch.get("name") if isinstance(branch, Mapping) else None
            if not isinstance(given, str) or "(" in given:
                self._problem(spot, name, "a branch of one_of is a mapping with one name of its own, as in {name: mmd}")
                continue
            label = _label(given, branches)
            branches[label] = self.value(branch, f"{name}[{label}]", spot)
        return OneOf(branches) if branches else dict(tree)

    def _problem(self, where: str, name: str, message: str) -> None:
        self.problems.append(Problem(where, name, message))


def _label(name: str, taken: Mapping[str, Any]) -> str:
    return next(label for n in itertools.count(1) if (label := name if n == 1 else f"{name}#{n}") not in taken)


def _join(prefix: str, part: str | int) -> str:
    return f"{prefix}.{part}" if prefix else str(part)


def _children(space: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(space, dict):
        yield from ((_join(name, key), value) for key, value in space.items())
    elif isinstance(space, list):
        yield from ((_join(name, i), value) for i, value in enumerate(space))


def _axes(space: Any, name: str, given: Mapping[str, str]) -> Iterator[Axis]:
    if isinstance(space, Distribution):
        yield Axis(name, space, given)
    elif isinstance(space, OneOf):
        yield Axis(name, space.labels, given)
        for label, branch in space.branches.items():
            yield from _axes(branch, f"{name}[{label}]", {**given, name: label})
    for inner, value in _children(space, name):
        yield from _axes(value, inner, given)


def _resolve(space: Any, name: str, ask: Ask) -> Any:
    if isinstance(space, Distribution):
        return ask(name, space)
    if isinstance(space, OneOf):
        label = ask(name, space.labels)
        return _resolve(space.branches[label], f"{name}[{label}]", ask)
    if isinstance(space, dict):
        return {key: _resolve(value, _join(name, key), ask) for key, value in space.items()}
    return [_resolve(v, _join(name, i), ask) for i, v in enumerate(space)] if isinstance(space, list) else space


def _grid(space: Any, name: str, points: int) -> Iterator[dict[str, Any]]:
    if isinstance(space, Distribution):
        yield from ({name: value} for value in space.grid(points))
    elif isinstance(space, OneOf):
        for label, branch in space.branches.items():
            yield from ({name: label, **inner} for inner in _grid(branch, f"{name}[{label}]", points))
    else:
        yield from _product(list(_children(space, name)), points)


def _product(children: list[tuple[str, Any]], points: int) -> Iterator[dict[str, Any]]:
    if not children:
        yield {}
        return
    (name, first), *rest = children
    for head in _grid(first, name, points):
        yield from ({**head, **tail} for tail in _product(rest, points))
