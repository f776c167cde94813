"""The arms of a sweep: the branches of the choice that it compares, each with a space and a budget of its own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from gensweep import registry
from gensweep.axes import space as spaces
from gensweep.axes.axis import Axis, AxisPath
from gensweep.axes.distributions import Choice
from gensweep.axes.space import OneOf
from gensweep.errors import ConfigError, suggest
from gensweep.objective import Objective


@dataclass(frozen=True)
class Arm:
    """One branch of the compared choice: a space in which that choice is decided, searched by itself.

    `unsearched` are the axes that the family does not use; they stand at their first value. `places` are those of the axes
    of all the sweep's arms, in an order that they have in common: those that most arms share come first.
    """

    label: str
    space: dict[str, Any]
    objective: Objective
    unsearched: tuple[AxisPath, ...] = ()
    places: tuple[str, ...] = ()

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """Every axis of the arm, conditional ones too."""
        return tuple(spaces.axes(self.space))

    @cached_property
    def n_configurations(self) -> int | None:
        """How many different configurations there are; None where an axis is continuous."""
        return spaces.n_configurations(self.space)

    @property
    def repeats_itself(self) -> bool:
        """Whether a configuration drawn twice would be the same trial, because the file fixes the seed."""
        return self.space.get("seed") is not None

    def largest(self, place: str) -> int:
        """The largest whole number that is drawn at a place of a configuration; 0 where none is drawn there."""
        ends = (end for axis in self.axes if axis.path.place == place for end in axis.distribution.ends())
        return max((end for end in ends if type(end) is int), default=0)

    def unknown(self, parameters: Mapping[str, Any]) -> str | None:
        """What of these parameters, which a log says were drawn, cannot have been; None where all can."""
        laws = {str(axis.path): axis.distribution for axis in self.axes}
        for path, value in parameters.items():
            if path not in laws or not laws[path].holds(value):
                return f"parameter {path!r:.60} = {value!r:.60}"
        return None

    def configuration(self, parameters: Mapping[str, Any], seed: int) -> dict[str, Any]:
        """The plain configuration that these parameters make; `seed` is the trial's where the file fixes none."""
        made: dict[str, Any] = spaces.resolve(self.space, spaces.answers(parameters))
        return {**made, "seed": seed} if made.get("seed") is None else made


def identity(parameters: Mapping[str, Any]) -> str:
    """A text that two sets of parameters share if they are the same configuration."""
    return json.dumps(parameters, sort_keys=True)


def default_compare(space: Mapping[str, Any]) -> str | None:
    """What is compared where the file does not say: the families, else the branches of the first one_of below them."""
    node = space.get("family")
    if isinstance(node, OneOf):
        return "family"
    return next((axis.path.place for axis in spaces.axes({"family": node}) if axis.chooses_branch), None)


def arms(space: dict[str, Any], compare: str | None, objective: Objective) -> list[Arm]:
    """The arms of a space, in the order of the file. Choices on the way to the compared one are told apart too.

    Raises:
        ConfigError: there is no choice at `compare`.
    """
    place = compare or default_compare(space)
    if place is None:
        return _placed([_arm((_named(space.get("family")),), space, objective)])
    choices = {axis.path.place for axis in spaces.axes(space) if isinstance(axis.distribution, Choice)}
    if not choices:
        cure = "Make one, as in trial: {family: {one_of: [vae, wae]}}, or leave compare out"
        raise ConfigError(f"there is nothing to compare at '{place}': the sweep has no choice. {cure}")
    if place not in choices:
        raise ConfigError(f"there is no choice at '{place}' to compare. {suggest(place, choices)}")
    if unused := _not_using(space.get("family"), place):
        raise ConfigError(
            f"{', '.join(unused)} cannot use '{place}', so trials of it would be the same in every arm. Compare family, or "
            "leave it out of the sweep"
        )
    return _placed(
        [_arm(labels, decision, objective) for labels, decision in _branches(space, tuple(place.split(".")))]
    )


def _placed(found: list[Arm]) -> list[Arm]:
    """The arms with the places that they have together."""
    shared = Counter(place for arm in found for place in dict.fromkeys(axis.path.place for axis in arm.axes))
    return [replace(arm, places=tuple(sorted(shared, key=lambda place: -shared[place]))) for arm in found]


def _arm(labels: tuple[str, ...], space: dict[str, Any], objective: Objective) -> Arm:
    pinned: list[AxisPath] = []
    for place in sorted(_ignored(space.get("family"))):
        space = _without_axes(space, place.split("."), AxisPath(), pinned)
    return Arm(".".join(labels), space, objective, tuple(pinned))


def _branches(node: Any, way: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The labels of the choices met on the way, and the node with them decided."""
    if isinstance(node, OneOf):
        for label, branch in node.branches.items():
            for labels, decided in _branches(branch, way):
                yield (label, *labels), decided
    elif way and isinstance(node, dict) and way[0] in node:
        for labels, decided in _branches(node[way[0]], way[1:]):
            yield labels, {**node, way[0]: decided}
    elif not way and isinstance(node, Choice):
        yield from (((label,), option) for label, option in zip(node.labels, node.options, strict=True))
    else:
        yield (), node


def _named(family: Any) -> str:
    return str(family.get("name")) if isinstance(family, Mapping) else str(family)


def _not_using(family: Any, place: str) -> list[str]:
    """The families for which what stands at `place` changes nothing."""
    nodes = family.branches.values() if isinstance(family, OneOf) else [family]
    return [_named(node) for node in nodes if any(f"{place}.".startswith(f"{ignored}.") for ignored in _ignored(node))]


def _ignored(family: Any) -> frozenset[str]:
    """What of a trial's configuration changes nothing for this family, as it says itself."""
    if isinstance(family, OneOf):
        return frozenset.intersection(*(_ignored(branch) for branch in family.branches.values()))
    try:
        return frozenset(registry.load("families", _named(family)).ignores)  # type: ignore[attr-defined]
    except ConfigError:  # `check` reports an unknown family
        return frozenset()


def _without_axes(node: Any, way: list[str], path: AxisPath, pinned: list[AxisPath]) -> Any:
    """The node with every axis below `way` at its first value."""
    if way:
        if not isinstance(node, dict) or way[0] not in node:
            return node
        return {**node, way[0]: _without_axes(node[way[0]], way[1:], path.into(way[0]), pinned)}
    found = [AxisPath(f"{path}{'.' if path and axis.path else ''}{axis.path}") for axis in spaces.axes(node)]
    pinned.extend(found)
    return spaces.resolve(node, lambda axis: axis.distribution.ends()[0]) if found else node
