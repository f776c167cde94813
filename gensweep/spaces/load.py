"""File and overrides -> Sweep. The defaults list, the groups and the grammar of overrides are Hydra's.

Hydra's own merging is not used, because it forgets where a value was written, and lets what a file says about one
component leak into another that the command line chose.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    ChoiceSweep,
    IntervalSweep,
    Override,
    QuotedString,
    RangeSweep,
)
from hydra.core.override_parser.types import Sweep as HydraSweep
from hydra.errors import OverrideParseException

from gensweep.axes.distributions import (
    MOST_OPTIONS,
    Choice,
    Distribution,
    DistributionError,
    Int,
    LogInt,
    LogUniform,
    Uniform,
    parse,
    too_many,
)
from gensweep.errors import ConfigError, Problem, suggest
from gensweep.reading import Map, shown
from gensweep.spaces.base import with_base
from gensweep.spaces.defaults_list import Entry, Files, Lost, entry, parts
from gensweep.spaces.interpolation import filled
from gensweep.spaces.overrides import Change, lay, merged
from gensweep.spaces.paths import make_absolute, relative_paths
from gensweep.spaces.plugins import used_by
from gensweep.spaces.sweep import Sweep, interpret
from gensweep.spaces.typed import own_data, parted, why_none

_CALL = re.compile(r"(\+{0,2})([A-Za-z_]\w*(?:\.\w+)*)=\s*(([A-Za-z_][\w.]*)\s?\(.*\))\s*", re.DOTALL)
_TEXT = re.compile(
    r"(\+{0,2})([A-Za-z_]\w*(?:\.\w+)*)=\s*([^\[\]{}()'\",\s=][^\[\]{}()'\",]*)"
)  # no call, list, mapping or quotes
_HYDRAS = {"range", "interval", "glob", "shuffle", "sort", "tag", "float", "str", "bool", "json_str", "extend_list"}
_HOME = re.compile(r"(?<=[=,:(\[\s])~[\w./-]+")
_HOW = {"CHANGE": "set", "ADD": "add", "FORCE_ADD": "force", "DEL": "delete"}


def load(file: Path, overrides: Sequence[str] = (), groups: Sequence[Path] = ()) -> Sweep:
    """The sweep that the file and the overrides describe. `groups` are folders with further groups of defaults.

    Raises:
        ConfigError: with everything that cannot be read. What a component thinks of its values is not asked here; see
            `check.load_and_check`.
    """
    sweep, problems = read(file, overrides, groups)
    if problems:
        raise ConfigError(problems)
    return sweep


def read(
    file: Path, overrides: Sequence[str] = (), groups: Sequence[Path] = (), *, whole: bool = False
) -> tuple[Sweep, list[Problem]]:
    """The sweep as far as it can be read, and what is wrong with it.

    `whole`: it is to be run, so that a forgotten base is a problem, and what base says is taken as if it were named.

    Raises:
        ConfigError: the file is no YAML, or its defaults list does not hold, so that there is nothing to go on with.
    """
    tree, problems = compose(file, overrides, groups, whole=whole)
    sweep, found = interpret(tree, file.stem)
    known = {(problem.where, problem.path) for problem in problems}
    problems += [problem for problem in found if (problem.where, problem.path) not in known]
    plugins, mixed = used_by(sweep)
    problems += mixed
    return replace(sweep, plugins=plugins, sources={**sweep.sources, "": shown(file)}), unexplained(problems)


def unexplained(problems: list[Problem]) -> list[Problem]:
    """The problems without those that files which could not be read may explain."""
    lost = [problem for problem in problems if isinstance(problem, Lost)]
    return [p for p in problems if p in lost or not any(cause.explains(p) for cause in lost)]


def compose(
    file: Path, overrides: Sequence[str] = (), groups: Sequence[Path] = (), *, whole: bool = False
) -> tuple[Map, list[Problem]]:
    """The tree of the file over its defaults, with the overrides laid on, and what is wrong with it so far."""
    tree, problems = _as_written(file, overrides, groups, whole=whole)
    make_absolute(tree)
    return tree, problems


def paths_of_here(file: Path, overrides: Sequence[str] = ()) -> list[Problem]:
    """Where a path is written that means a place of this machine: relative to a folder, or in the user's home.

    Raises:
        ConfigError: as of `read`.
    """
    tree, _ = _as_written(file, overrides, (), whole=True)
    return [
        Problem(found.where, found.path, f"'{found.text}' is {found.absolute} on this machine")
        for found in relative_paths(tree)
    ]


def _as_written(
    file: Path, overrides: Sequence[str], groups: Sequence[Path], *, whole: bool
) -> tuple[Map, list[Problem]]:
    """As `compose`, with paths as they were written."""
    if "=" in file.name and not file.exists():
        raise ConfigError([Problem(str(file), "", "is an override, and the search-space file comes before those")])
    files, asked = Files(file, groups), _Asked()
    words, asked.problems = parted(overrides)
    for text in words:
        asked.sort(text, files)
    asked.problems += asked.repeated()
    found, wrong = parts(files, asked.groups)
    if not found:
        raise ConfigError([*asked.problems, *wrong])
    found, lacking = with_base(files, found) if whole else (found, [])
    tree = Map()
    for part in found:
        if not part.chosen:
            tree = merged(tree, part.tree, root=True)
    chosen = [part for part in found if part.chosen]
    for part in chosen:
        _drop(tree, part.package)
    for part in chosen:
        tree = merged(tree, part.tree, root=True)
    return tree, [*asked.problems, *wrong, *lacking, *lay(tree, asked.changes), *filled(tree)]


@dataclass
class _Asked:
    """The overrides, sorted into choices of a group's file and changes of values."""

    groups: list[Entry] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def sort(self, text: str, files: Files) -> None:
        """Takes one override in."""
        if self._called(text):
            return
        try:
            self._hydra(OverridesParser.create().parse_overrides([_with_home(text)])[0], text, files)
        except OverrideParseException:
            plain = _TEXT.fullmatch(text)
            if plain and not re.search(r"\s\+{0,2}[\w.]+=", text):
                sign, key, value = plain.groups()
                self._change(sign, key, value.rstrip(), text)
            else:
                self.problems.append(Problem(text if text.strip() else repr(text), "", why_none(text)))

    def repeated(self) -> list[Problem]:
        """The overrides of one value or one group that come before another of it, and so would not be used."""
        places = [(".".join(change.path), change.text) for change in self.changes if change.how != "delete"]
        places += [(entry.key, entry.where) for entry in self.groups if "delete" not in entry.words]
        last = dict(places)
        earlier = [(i, place, text) for i, (place, text) in enumerate(places) if place in dict(places[i + 1 :])]
        return [
            Problem(text, "", f"{place} is given again, as {last[place]}. Leave one of them out")
            for _, place, text in earlier
        ]

    def _called(self, text: str) -> bool:
        """Takes in an override whose value is a call of ours, or of a library whose calls we know."""
        call = _CALL.fullmatch(text)
        if not call or call[4] in _HYDRAS or (call[4] == "int" and "," not in call[3]):  # int(3.2) is Hydra's cast
            return False
        try:
            distribution = parse(call[3])
            self._change(call[1], call[2], call[3] if distribution is None else str(distribution), text)
        except DistributionError as error:
            self.problems.append(Problem(text, call[2], str(error)))
        return True

    def _change(self, sign: str, key: str, value: str, text: str) -> None:
        how = "add" if sign == "+" else "force" if sign else "set"
        self.changes.append(Change(tuple(key.split(".")), value, text, how))  # type: ignore[arg-type]

    def _hydra(self, override: Override, text: str, files: Files) -> None:
        key, value = override.key_or_group, override.value()
        if not key:
            self.problems.append(Problem(text, "", why_none(text)))
            return
        options = files.options(key)
        if options and not isinstance(value, Mapping | list):
            if override.is_delete() or value in options:
                names = None if value is None else str(value)
                chosen = entry(Map({override.get_key_element().lstrip("+~"): names}), text)
                self.groups.append(replace(chosen, words="delete") if override.is_delete() else chosen)
            else:
                wrong = "a group takes one file" if isinstance(value, HydraSweep) else f"there is no file '{value}'"
                own = own_data(str(value)) if key == "dataset" else ""
                self.problems.append(Problem(text, key, f"{wrong}. {suggest(str(value), options)}{own}"))
            return
        if override.package or "/" in key:
            cure = f". Write {text.replace('/', '.', key.count('/'))}" if "/" in key and not override.package else ""
            self.problems.append(Problem(text, key, f"there is no such group of files{cure}"))
            return
        how = _HOW[override.type.name]
        try:
            given = text.partition("=")[2] if key == "name" and isinstance(value, int | float) else _value(value)
        except DistributionError as error:
            self.problems.append(Problem(text, key, str(error)))
            return
        self.changes.append(Change(tuple(key.split(".")), given, text, how))  # type: ignore[arg-type]


def _with_home(text: str) -> str:
    """An override whose paths in the user's home are in quotes: a shell leaves `key=~/x` as it is, and Hydra has no ~."""
    return text if {"'", '"'} & set(text) else _HOME.sub(r"'\g<0>'", text)


def _drop(tree: Map, package: str) -> None:
    """Removes the node at a package, so that the chosen file stands alone there. The whole tree is never dropped."""
    *path, last = package.split(".")
    for key in path:
        tree = tree[key] if isinstance(tree.get(key), Map) else Map()
    tree.pop(last, None)


def _value(value: Any) -> Any:
    """An override's value as it would be written in a file: a sweep of Hydra as the text of our distribution."""
    if not isinstance(value, HydraSweep):
        return value
    if isinstance(value, ChoiceSweep):
        options = [item.text if isinstance(item, QuotedString) else item for item in value.list]
        nodes = all(isinstance(option, Mapping) for option in options)
        return {"one_of": options} if nodes else str(Choice(tuple(options)))
    return str(_range(value))


def _range(value: RangeSweep | IntervalSweep) -> Distribution:
    logarithmic, whole = "log" in value.tags, "int" in value.tags
    if value.tags - {"log", "int"}:
        raise DistributionError(f"unknown tag. {suggest(', '.join(sorted(value.tags)), ['log', 'int'])}")
    if isinstance(value, RangeSweep):
        if isinstance(value.start, int) and isinstance(value.stop, int) and value.step == 1:
            return (LogInt if logarithmic else Int)(value.start, value.stop - 1)  # the stop of a range is outside
        n = math.ceil(abs((value.stop - value.start) / value.step)) if value.step else 0
        if n > MOST_OPTIONS:
            raise too_many(n)
        return Choice(tuple(value.range()))
    if whole:
        return (LogInt if logarithmic else Int)(int(value.start), int(value.end))
    return (LogUniform if logarithmic else Uniform)(value.start, value.end)
