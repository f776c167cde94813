"""What a search-space file means once it is read: settings of the sweep, and the space of its trials."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from gensweep.component import Node
from gensweep.errors import ConfigError, Problem, suggest
from gensweep.spaces import space as spaces
from gensweep.spaces.configuration import Objective, Resources, Schedule, Search, TrialConfiguration
from gensweep.spaces.distributions import Choice
from gensweep.spaces.messages import explain
from gensweep.spaces.reading import Map
from gensweep.spaces.space import OneOf

SECTIONS: dict[str, type[Node]] = {
    "objective": Objective,
    "search": Search,
    "schedule": Schedule,
    "resources": Resources,
}
_KEYS = ("name", *SECTIONS, "trial")
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"


@dataclass(frozen=True)
class Sweep:
    """A sweep, resolved. `space` is the tree under `trial:`; `sources` says where each name was written."""

    name: str
    objective: Objective
    search: Search
    schedule: Schedule
    resources: Resources
    space: dict[str, Any]
    sources: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def definition(self) -> dict[str, Any]:
        """Everything as plain data; `from_definition` of it gives an equal sweep."""
        sections = {key: getattr(self, key).dump() for key in SECTIONS}
        return {"name": self.name, **sections, "trial": spaces.write(self.space)}

    def what_is_searched(self) -> dict[str, Any]:
        """The part of the definition that a resume may not change: all but resources and the number of samples."""
        definition = self.definition()
        del definition["resources"]
        del definition["search"]["samples"]
        return definition

    def families(self) -> list[tuple[str, dict[str, Any]]]:
        """One entry a family: its label and the space with `family` decided. Each has its own searcher and budget."""
        node = self.space.get("family")
        if isinstance(node, OneOf):
            return [(label, spaces.restrict(self.space, "family", label)) for label in node.branches]
        return [(str(node.get("name")) if isinstance(node, dict) else str(node), self.space)]

    def counts(self) -> dict[str, int]:
        """How many trials each family gets: `samples`, and for a grid no more than it has points."""
        counts = {}
        for label, space in self.families():
            samples = self.search.samples
            if self.search.sampler == "grid":
                size = spaces.grid_size(space, self.search.points)
                samples = size if samples is None else min(size, samples)
            counts[label] = samples or 0
        return counts


def from_definition(definition: Mapping[str, Any]) -> Sweep:
    """The sweep that `Sweep.definition` wrote.

    Raises:
        ConfigError: with everything in it that cannot be read.
    """
    sweep, problems = interpret(definition)
    if problems:
        raise ConfigError(problems)
    return sweep


def interpret(tree: Mapping[str, Any], name: str = "") -> tuple[Sweep, list[Problem]]:
    """The sweep that a tree describes and what is wrong in it; a wrong setting is replaced by its default."""
    where = tree.where if isinstance(tree, Map) else {}
    problems = [_unknown(key, where.get(key, "")) for key in tree if key not in _KEYS]
    settings: dict[str, Any] = {}
    for key, model in SECTIONS.items():
        settings[key], found = _section(model, key, tree.get(key), where.get(key, ""))
        problems += found
    name, found = _name(tree.get("name", name), where.get("name", ""))
    space, wrong, sources = _trial(tree.get("trial"), where.get("trial", ""))
    sources |= {key: place for key, place in where.items() if key not in SECTIONS}
    sources |= {path: place for key in SECTIONS for path, place in _places(tree, key, where).items()}
    sweep = Sweep(name=name, space=_families_as_branches(space), sources=sources, **settings)
    return sweep, [*problems, *found, *wrong]


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """A line for each value that differs between two definitions: `search.seed: 0 -> 1`."""
    old, new = (spaces.flatten(_labelled(side)) for side in (before, after))
    names = [*old, *(name for name in new if name not in old)]
    return [
        f"{name}: {old.get(name, 'not set')} -> {new.get(name, 'not set')}"
        for name in names
        if (name in old, old.get(name)) != (name in new, new.get(name))
    ]


def refused_changes(before: Sweep, after: Sweep) -> list[str]:
    """Why `after` cannot continue what `before` began: what is searched differs, or fewer samples are asked for."""
    lines = difference(before.what_is_searched(), after.what_is_searched())
    old, new = before.search.samples, after.search.samples
    if new is not None and (old is None or new < old):
        lines.append(f"search.samples: {old} -> {new} (only more can be asked for)")
    return lines


def _section(model: type[Node], key: str, node: object, where: str) -> tuple[Node, list[Problem]]:
    fallback = Objective(metric="") if model is Objective else model.model_validate({})
    if node is None:
        return fallback, [Problem("", key, "is missing. Write objective: {metric: fid}")] if model is Objective else []
    lines = node.where if isinstance(node, Map) else {}
    try:
        return model.model_validate(node), []
    except ValidationError as error:
        found = [
            Problem(lines.get(str((*e["loc"], "")[0]), where), ".".join(map(str, (key, *_named(e)))), explain(e))
            for e in error.errors()
        ]
        return fallback, found


def _named(error: Any) -> tuple[Any, ...]:
    """The location of an error: of an unknown field, the node that it stands in."""
    return tuple(error["loc"][:-1] if error["type"] == "unknown_field" else error["loc"])


def _name(given: object, where: str) -> tuple[str, list[Problem]]:
    if isinstance(given, str) and re.fullmatch(_NAME, given):
        return given, []
    return "sweep", [
        Problem(
            where,
            "name",
            f"{given!r} cannot name a folder. Begin with a letter or digit, and go on "
            "with letters, digits, '.', '_' or '-'",
        )
    ]


def _unknown(key: str, where: str) -> Problem:
    if key in TrialConfiguration.model_fields:
        return Problem(where, "", f"'{key}' belongs below trial: write trial.{key}")
    return Problem(where, "", f"unknown key '{key}'. {suggest(key, _KEYS)}")


def _trial(node: object, where: str) -> tuple[dict[str, Any], list[Problem], dict[str, str]]:
    space, problems, sources = spaces.read(node)
    if isinstance(space, dict) and not (problems and "one_of" in space):
        return space, problems, sources
    says = "needs a mapping that says what a trial is, as in `trial: {family: {name: vae}}`"
    return {}, [Problem(where, "trial", says)], {"trial": where}


def _families_as_branches(space: dict[str, Any]) -> dict[str, Any]:
    """`family: choice(vae, gan)` as one_of, so that families never share a searcher."""
    family = space.get("family")
    if isinstance(family, Choice) and all(isinstance(option, str) for option in family.options):
        return {**space, "family": OneOf({option: {"name": option} for option in family.options})}
    return space


def _places(tree: Mapping[str, Any], key: str, where: Mapping[str, str]) -> dict[str, str]:
    node = tree.get(key)
    lines = node.where if isinstance(node, Map) else {}
    return {key: where.get(key, ""), **{f"{key}.{inner}": place for inner, place in lines.items()}}


def _labelled(node: Any) -> Any:
    """The definition with the branches of one_of under their labels, so that a difference names them."""
    if isinstance(node, Mapping) and isinstance(node.get("one_of"), list):
        space = spaces.read(node)[0]
        return {f"[{label}]": _labelled(spaces.write(branch)) for label, branch in space.branches.items()}
    return {key: _labelled(value) for key, value in node.items()} if isinstance(node, Mapping) else node
