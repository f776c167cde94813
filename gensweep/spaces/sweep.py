"""What a search-space file means once it is read: settings of the sweep, and the space of its trials."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from gensweep.axes import space as spaces
from gensweep.axes.arms import Arm, arms
from gensweep.axes.distributions import Choice
from gensweep.axes.items import write_item
from gensweep.axes.labels import labels_of
from gensweep.axes.space import OneOf
from gensweep.component import Component, Node, build, importable, owners
from gensweep.configuration import Confirm, Resources, Search, Tracking, TrialConfiguration
from gensweep.early_stopping.base import EarlyStopping
from gensweep.errors import ConfigError, Problem, nearest, suggest
from gensweep.objective import Objective
from gensweep.plugged import carried_by
from gensweep.reading import Map
from gensweep.searchers.base import Searcher
from gensweep.spaces.foreign_words import FOREIGN, here
from gensweep.spaces.messages import explain
from gensweep.spaces.overrides import merged
from gensweep.spaces.places import moved, moved_override

SECTIONS: dict[str, type[Node]] = {
    "objective": Objective,
    "search": Search,
    "resources": Resources,
    "tracking": Tracking,
}
DEFAULT_SEARCHER = "tpe"
_KEYS = ("name", "objective", "search", "early_stopping", "compare", "confirm", "resources", "tracking", "trial")
NOT_CONFIRMED = "none"  # as `confirm:` says it
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_LONGEST_NAME = 128
_RENAMED = {
    "plugins": "are named on the command line, and not in the file: --plugins FOLDER",
    "schedule": "is now early_stopping, so that lr_schedule is the only schedule. Write early_stopping: {name: asha, ...}",
}
_NO_NAMES = (*_RENAMED, *FOREIGN)  # not misspelt: what they hold is not what the section here takes


@dataclass(frozen=True)
class Sweep:
    """A sweep, resolved. `space` is the tree under `trial:`; `confirm` is None where nothing is confirmed.

    `plugins` are the files of the user's own components, each with its SHA-256; empty where it uses none.
    `sources` says where each name was written, and of "" which file it is.
    """

    name: str
    objective: Objective
    search: Search
    searcher: Searcher
    early_stopping: EarlyStopping
    compare: str | None
    confirm: Confirm | None
    resources: Resources
    space: dict[str, Any]
    tracking: Tracking = field(default_factory=Tracking)
    plugins: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def definition(self) -> dict[str, Any]:
        """Everything as plain data; `from_definition` of it gives an equal sweep."""
        searcher = self.searcher.dump()
        return {
            "name": self.name,
            "objective": self.objective.dump(),
            "search": {"sampler": searcher.pop("name"), **self.search.dump(), **searcher},
            "early_stopping": self.early_stopping.dump(),
            "compare": self.compare,
            "confirm": self.confirm.dump() if self.confirm else NOT_CONFIRMED,
            "resources": self.resources.dump(),
            **({} if self.tracking == Tracking() else {"tracking": self.tracking.dump()}),
            **({"plugins": dict(self.plugins)} if self.plugins else {}),
            "trial": spaces.write(self.space),
        }

    def what_is_searched(self) -> dict[str, Any]:
        """The part of the definition that a resume may not change: all but resources, tracking and how much is trained."""
        definition = self.definition()
        del definition["resources"], definition["confirm"]
        del definition["search"]["samples"]
        definition.pop("tracking", None)
        return definition

    @cached_property
    def arms(self) -> dict[str, Arm]:
        """The arms by label: each has its own searcher, its own early stopping and the same budget.

        Raises:
            ConfigError: there is no choice to compare where the file says.
        """
        return {arm.label: arm for arm in arms(self.space, self.compare, self.objective)}

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many trials each arm gets: `samples`, or fewer where it has no more different ones."""
        return {label: min(self._ends(arm), default=0) for label, arm in self.arms.items()}

    @cached_property
    def confirmations(self) -> dict[str, int]:
        """How many confirmations each arm gets at most: fewer where fewer of its configurations have a score."""
        if self.confirm is None:
            return dict.fromkeys(self.arms, 0)
        return {label: min(self.confirm.top, n) * self.confirm.seeds for label, n in self.counts.items()}

    @property
    def n_trials(self) -> int:
        """How many trials the sweep has at most, of the search and of the confirmation."""
        return sum(self.counts.values()) + sum(self.confirmations.values())

    def _ends(self, arm: Arm) -> list[int]:
        own = arm.n_configurations if arm.repeats_itself else None
        return [n for n in (self.search.samples, self.searcher.limit(arm), own) if n is not None]


def from_definition(definition: Mapping[str, Any]) -> Sweep:
    """The sweep that `Sweep.definition` wrote.

    Raises:
        ConfigError: with everything in it that cannot be read.
    """
    sweep, problems = interpret({key: value for key, value in definition.items() if key != "plugins"})
    if problems:
        raise ConfigError(problems)
    return replace(sweep, plugins=carried_by(definition))


def interpret(tree: Mapping[str, Any], name: str = "") -> tuple[Sweep, list[Problem]]:
    """The sweep that a tree describes and what is wrong in it; a wrong setting is replaced by its default."""
    where = tree.where if isinstance(tree, Map) else {}
    problems = [_unknown(key, where.get(key, ""), tree) for key in tree if key not in _KEYS]
    tree = _as_meant(tree)
    where = tree.where if isinstance(tree, Map) else {}
    compare, unreadable = _compare(tree.get("compare"), where.get("compare", ""))
    problems += unreadable
    settings: dict[str, Any] = {"compare": compare}
    settings["confirm"], found = _confirm(tree.get("confirm"), where.get("confirm", ""))
    problems += found
    for key, model in SECTIONS.items():
        node = tree.get(key)
        own = _objective_of(node) if key == "objective" else node
        if key == "search" and isinstance(node, Mapping):
            own = {k: v for k, v in node.items() if k in Search.model_fields}
        settings[key], found = _section(model, key, own, node, where.get(key, ""))
        problems += found
    for field_name, key, kind, node in (
        ("searcher", "search", "searchers", _searcher(tree.get("search"))),
        ("early_stopping", "early_stopping", "early_stopping", tree.get("early_stopping") or "none"),
    ):
        settings[field_name], found = _component(kind, key, node, tree.get(key), where.get(key, ""))
        problems += found
    if isinstance(tree.get("search"), Mapping) and "name" in tree["search"]:
        place = _places(tree, "search", where).get("search.name", where.get("search", ""))
        problems.append(Problem(place, "search", "unknown field 'name' of search. Write sampler, as in {sampler: tpe}"))
    name, found = _name(tree.get("name", name), where.get("name", ""))
    space, wrong, sources = _trial(tree.get("trial"), where.get("trial", ""))
    sources |= {key: place for key, place in where.items() if key not in SECTIONS}
    sources |= {
        path: place
        for key in ("early_stopping", "confirm", *SECTIONS)
        for path, place in _places(tree, key, where).items()
    }
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


CHANGEABLE = (
    "search",
    "early_stopping",
)  # how is searched, which may change if a user says so; what is searched may not


def refused_changes(before: Sweep, after: Sweep, allowed: Collection[str] = ()) -> list[str]:
    """Why `after` cannot continue what `before` began: what is searched differs, or fewer samples are asked for.

    Keys of those that are CHANGEABLE, or what is above them, may be `allowed`.
    """
    lines = [
        line
        for line in difference(before.what_is_searched(), after.what_is_searched())
        if not any(f"{line.partition(': ')[0]}.".startswith(f"{key}.") for key in allowed)
    ]
    old, new = before.search.samples, after.search.samples
    if new is not None and (old is None or new < old):
        lines.append(f"search.samples: {old} -> {new} (only more can be asked for)")
    return [*lines, *_fewer_confirmed(before.confirm, after.confirm)]


def _fewer_confirmed(old: Confirm | None, new: Confirm | None) -> Iterator[str]:
    for name in Confirm.model_fields if old else ():
        had, asked = getattr(old, name), getattr(new, name, 0)
        if asked < had:
            yield f"confirm.{name}: {had} -> {asked} (only more can be asked for)"


def _section(model: type[Node], key: str, own: object, node: object, where: str) -> tuple[Node, list[Problem]]:
    fallback = Objective(metric="") if model is Objective else model.model_validate({})
    if own is None:
        return fallback, [Problem("", key, "is missing. Write objective: {metric: fid}")] if model is Objective else []
    if model is Objective and isinstance(own, list | tuple):
        ways = " or ".join(f"objective: {write_item(option)}" for option in own) or "objective: fid"
        return fallback, [
            Problem(where, key, f"{write_item(list(own))} is not allowed: it is one metric. Write {ways}")
        ]
    try:
        return model.model_validate(own), []
    except ValidationError as error:
        return fallback, _problems(error, key, node, where)


def _component(kind: str, key: str, node: object, written: object, where: str) -> tuple[Component, list[Problem]]:
    try:
        return build(kind, node), []
    except ValidationError as error:
        return build(kind, "random" if kind == "searchers" else "none"), _problems(error, key, written, where)


def _problems(error: ValidationError, key: str, node: object, where: str) -> list[Problem]:
    lines = node.where if isinstance(node, Map) else {}
    found = []
    for line in error.errors():
        location = _written(key, line["loc"])
        shown = location[:-1] if line["type"] == "unknown_field" else location  # of an unknown field, its node
        place = lines.get(str((*location, "")[0]), where)
        text = (
            _unknown_field(node, str(location[-1]))
            if key == "search" and shown != location
            else explain(line, searched=False)
        )
        found.append(Problem(place, ".".join(map(str, (key, *shown))), text))
    return found


def _unknown_field(node: object, field_name: str) -> str:
    """A field of the search section that is neither the section's nor its searcher's."""
    given = str(dict(_searcher(node))["name"])  # type: ignore[call-overload]
    name = given if given in importable("searchers") else str(nearest(given, importable("searchers")))
    known = {*Search.model_fields, "sampler", *importable("searchers")[name].model_fields} - {"name"}
    return f"unknown field '{field_name}' of {name}. {suggest(field_name, known)}{owners('searchers', field_name)}"


def _written(key: str, location: tuple[Any, ...]) -> tuple[Any, ...]:
    """The location as it is written: a searcher's name stands at `sampler`."""
    return ("sampler", *location[1:]) if key == "search" and location[:1] == ("name",) else location


def _searcher(node: object) -> object:
    """The searcher's node in a search section: its name and fields stand beside samples and seed."""
    if not isinstance(node, Mapping):
        return DEFAULT_SEARCHER
    sampler = node.get("sampler", DEFAULT_SEARCHER)
    own = {k: v for k, v in node.items() if k not in {"name", "sampler", *Search.model_fields}}
    return {**(sampler if isinstance(sampler, Mapping) else {"name": sampler}), **own}


def _objective_of(node: object) -> object:
    """`objective: fid`, or a mapping without a mode, with the direction that is better for this metric."""
    given = {"metric": node} if isinstance(node, str) else node
    if not isinstance(given, Mapping) or "mode" in given or not isinstance(given.get("metric"), str):
        return given
    known = importable("metrics").get(given["metric"])
    return {**given, "mode": known.mode if known else "min"}  # type: ignore[attr-defined]


def _compare(given: object, where: str) -> tuple[str | None, list[Problem]]:
    if given is None or isinstance(given, str):
        return given, []
    told = "is not allowed: must be the path of one choice. Write family, or family.divergence"
    return None, [Problem(where, "compare", f"{given!r} {told}")]


def _confirm(given: object, where: str) -> tuple[Confirm | None, list[Problem]]:
    if given is None or given == NOT_CONFIRMED:
        return None, []
    if not isinstance(given, Mapping):
        told = f"{write_item(given)} is not allowed: must be none, or say how much, as in {{top: 1, seeds: 5}}"
        return None, [Problem(where, "confirm", told)]
    confirm, problems = _section(Confirm, "confirm", given, given, where)
    assert isinstance(confirm, Confirm)
    return confirm, problems


def _name(given: object, where: str) -> tuple[str, list[Problem]]:
    if isinstance(given, str) and len(given) > _LONGEST_NAME:
        told = f"has {len(given)} characters, and at most {_LONGEST_NAME} name a folder. Give a shorter one"
        return "sweep", [Problem(where, "name", told)]
    if isinstance(given, str) and re.fullmatch(_NAME, given):
        return given, []
    if given is None:
        return "sweep", [Problem(where, "name", "is empty. Give one, or leave the line out: then it is the file's")]
    if not isinstance(given, str):
        return "sweep", [
            Problem(where, "name", f"{write_item(given)} is no text. Put it in quotes: '{write_item(given)}'")
        ]
    return "sweep", [
        Problem(
            where,
            "name",
            f"{given!r} cannot name a folder. Begin with a letter or digit, and go on "
            "with letters, digits, '.', '_' or '-'",
        )
    ]


def _unknown(key: str, where: str, tree: Mapping[str, Any]) -> Problem:
    if key in _RENAMED:
        return Problem(where, key, _RENAMED[key])
    if key in FOREIGN:
        return Problem(where, "", f"unknown key '{key}'. {here(key, where)}")
    if _meant(key):
        return Problem(where, "", f"unknown key '{key}'. {suggest(key, _KEYS)}")
    better = moved_override(where, tree) if "=" in where else moved(key, tree)
    if better:
        node, _, last = better.partition(" or ")[0].partition("=")[0].lstrip("+~").rpartition(".")
        told = f"'{key}' belongs below {node}" if key == last else f"there is no '{key}' at the top"
        return Problem(where, "", f"{told}: write {better}")
    return Problem(where, "", f"unknown key '{key}'. {suggest(key, _KEYS)}")


def _meant(key: str) -> str | None:
    """The key of the file that is nearly `key`; None where that is a word of a trial's, such as `training`."""
    return None if key in TrialConfiguration.model_fields else nearest(key, _KEYS)


def _as_meant(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    """The tree with misspelt and misplaced sections where they belong, so that what they say is checked too."""
    if not isinstance(tree, Map):
        return tree
    meant = Map(tree, tree.where)
    for key in [key for key in tree if key not in (*_KEYS, *_NO_NAMES)]:
        place, value = tree.where.get(key, ""), meant.pop(key)
        near = _meant(key) or moved(key, tree) or ""
        section, _, inner = near.partition(".")
        trial = meant.get("trial")
        fits = (
            section in (*SECTIONS, "early_stopping")
            or near == "trial"
            or (inner and isinstance(trial, Map) and inner not in trial)
        )
        if near and "." not in inner and fits:
            laid = Map({inner: value}, {inner: place}) if inner else value
            spot = meant.where.get(section, place) if inner else place
            meant = merged(meant, Map({section: laid}, {section: spot}), root=True)
    return meant


def _trial(node: object, where: str) -> tuple[dict[str, Any], list[Problem], dict[str, str]]:
    space, problems, sources = spaces.read(node)
    if isinstance(space, dict) and not (problems and "one_of" in space):
        return space, problems, sources
    says = "needs a mapping that says what a trial is, as in `trial: {family: {name: vae}}`"
    return {}, [Problem(where, "trial", says)], {"trial": where}


def _families_as_branches(space: dict[str, Any]) -> dict[str, Any]:
    """A choice of families as one_of, so that they never share a searcher: `choice(vae, gan)`, {name: choice(vae, gan)}."""
    family = space.get("family")
    named: list[dict[str, Any]] = []
    if isinstance(family, Choice):
        named = [{"name": option} if isinstance(option, str) else option for option in family.options]
    elif isinstance(family, dict) and isinstance(family.get("name"), Choice):
        named = [{**family, "name": option} for option in family["name"].options]
    if named and all(isinstance(node, dict) and isinstance(node.get("name"), str) for node in named):
        return {**space, "family": OneOf(dict(zip(labels_of(named), named, strict=True)))}
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
