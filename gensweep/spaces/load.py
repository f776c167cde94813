"""File and overrides -> Sweep. Hydra gives the defaults list, the groups and the grammar of overrides.

Hydra's own merging is not used, because it forgets where a value was written, and lets what a file says about one
component leak into another that the command line chose. So its defaults list says which files, in which order and at
which package; they are merged here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra._internal.config_repository import ConfigRepository
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra._internal.defaults_list import create_defaults_list
from hydra.core.default_element import ResultDefault
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    ChoiceSweep,
    IntervalSweep,
    Override,
    OverrideType,
    QuotedString,
    RangeSweep,
)
from hydra.core.override_parser.types import Sweep as HydraSweep
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gensweep.axes.distributions import (
    FUNCTIONS,
    Choice,
    Distribution,
    DistributionError,
    Int,
    LogInt,
    LogUniform,
    Uniform,
    parse,
)
from gensweep.errors import ConfigError, Problem, suggest
from gensweep.reading import Map, YamlError, plain, read_file, shown
from gensweep.spaces.interpolation import filled, has_reference
from gensweep.spaces.overrides import Change, lay, merged
from gensweep.spaces.sweep import Sweep, interpret

SHIPPED = Path(__file__).parent / "defaults"
_PRIMARY = "the_search_space_file"
_OURS = re.compile(rf"(\+{{0,2}})([\w.]+)=\s*((?:{'|'.join(FUNCTIONS)})\(.*\))\s*", re.DOTALL)
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


def read(file: Path, overrides: Sequence[str] = (), groups: Sequence[Path] = ()) -> tuple[Sweep, list[Problem]]:
    """The sweep as far as it can be read, and what is wrong with it.

    Raises:
        ConfigError: the file is no YAML, or its defaults list does not hold, so that there is nothing to go on with.
    """
    tree, problems = compose(file, overrides, groups)
    sweep, found = interpret(tree, file.stem)
    return sweep, [*problems, *found]


def compose(file: Path, overrides: Sequence[str] = (), groups: Sequence[Path] = ()) -> tuple[Map, list[Problem]]:
    """The tree of the file over its defaults, with the overrides laid on, and what is wrong with it so far."""
    files = _Files(file, groups)
    asked = _Asked()
    for text in overrides:
        asked.sort(text, files)
    parts = _parts(files, asked)
    tree = Map()
    for part in parts:
        if part.config_path not in asked.chosen:
            tree = merged(tree, _packaged(part, files), root=True)
    for part in parts:
        if part.config_path in asked.chosen:
            _drop(tree, _path(part))
            tree = merged(tree, _packaged(part, files), root=True)
    return tree, [*asked.problems, *lay(tree, asked.changes), *filled(tree)]


class _Folder(FileConfigSource):  # type: ignore[misc]
    """Hydra's view of a folder of YAML files, read by our reader."""

    def __init__(self, folder: Path, trees: dict[str, Map]) -> None:
        super().__init__("gensweep", f"file://{folder}")
        self.trees = trees

    def load_config(self, config_path: str) -> ConfigResult:
        """What Hydra needs of a file: its defaults list, its package, and whether there is more in it."""
        return self.result(config_path, Path(self.path) / self._normalize_file_name(config_path))

    def result(self, config_path: str, file: Path) -> ConfigResult:
        """The same for any file."""
        tree = read_file(file)
        defaults = tree.pop("defaults", None)
        if defaults is not None and not isinstance(defaults, list):
            raise YamlError(tree.where["defaults"], "defaults: takes a list, as in [base, dataset: digits, _self_]")
        if has_reference(defaults):
            raise YamlError(tree.where["defaults"], "references ${…} are not allowed in the defaults list")
        self.trees[config_path] = tree
        package = re.search(r"^#\s*@package\s+(\S+)", file.read_text(encoding="utf-8"), re.MULTILINE)
        content: dict[str, Any] = {"more": True} if tree else {}
        if defaults is not None:
            content["defaults"] = plain(defaults) + (
                [] if "_self_" in defaults else ["_self_"]
            )  # a file lies over them
        return ConfigResult(
            provider=self.provider,
            path=f"file://{self.path}",
            config=OmegaConf.create(content),
            header={"package": package.group(1) if package else None},
        )


class _Primary(_Folder):
    """The search-space file itself, whatever it is called and wherever it lies."""

    def __init__(self, file: Path, trees: dict[str, Map]) -> None:
        super().__init__(file.parent, trees)
        self.file = file

    def is_config(self, config_path: str) -> bool:
        return config_path == _PRIMARY

    def is_group(self, config_path: str) -> bool:
        return config_path == ""

    def load_config(self, config_path: str) -> ConfigResult:
        return self.result(config_path, self.file)


class _Files(ConfigRepository):  # type: ignore[misc]
    """Where Hydra finds files, first hit wins: the file, what lies beside it, given folders, what we ship."""

    def __init__(self, file: Path, groups: Sequence[Path]) -> None:
        self.file = file
        self.trees: dict[str, Map] = {}
        folders = [_Folder(folder.resolve(), self.trees) for folder in (file.parent, *groups, SHIPPED)]
        self.sources: list[ConfigSource] = [_Primary(file.resolve(), self.trees), *folders]

    def options(self, group: str) -> list[str]:
        """The files of a group; none where there is no such group."""
        return list(self.get_group_options(group, ObjectType.CONFIG)) if group else []


@dataclass
class _Asked:
    """The overrides, sorted into choices of a group's file and changes of values."""

    groups: list[Override] = field(default_factory=list)
    chosen: set[str] = field(default_factory=set)
    changes: list[Change] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def sort(self, text: str, files: _Files) -> None:
        """Takes one override in."""
        try:
            ours = _OURS.fullmatch(text)
            if ours and not (ours.group(3).startswith("int(") and "," not in ours.group(3)):  # int(3.2) is Hydra's cast
                sign, key, call = ours.groups()
                how = "add" if sign == "+" else "force" if sign else "set"
                self.changes.append(Change(tuple(key.split(".")), str(parse(call)), text, how))  # type: ignore[arg-type]
                return
            self._hydra(OverridesParser.create().parse_overrides([text])[0], text, files)
        except OverrideParseException as error:
            reason = str(error.__cause__ or error).splitlines()[0]
            self.problems.append(Problem(text, "", f"is no override ({reason}). Write key=value, +key=value or ~key"))
        except DistributionError as error:
            self.problems.append(Problem(text, "", str(error)))

    def _hydra(self, override: Override, text: str, files: _Files) -> None:
        key, value = override.key_or_group, override.value()
        options = files.options(key)
        if options and not isinstance(value, Mapping | list):
            if override.is_delete() or value in options:
                self.groups.append(override)
                self.chosen.add("" if override.is_delete() else f"{key}/{value}")
            else:
                wrong = "a group takes one file" if isinstance(value, HydraSweep) else f"there is no file '{value}'"
                self.problems.append(Problem(text, key, f"{wrong}. {suggest(str(value), options)}"))
            return
        if override.package or "/" in key:
            self.problems.append(Problem(text, key, "there is no such group of files"))
            return
        how = _HOW[override.type.name]
        self.changes.append(Change(tuple(key.split(".")), _value(value), text, how))  # type: ignore[arg-type]


def _parts(files: _Files, asked: _Asked) -> list[ResultDefault]:
    """The files in the order in which they are laid over each other, as Hydra works it out."""
    try:
        known = create_defaults_list(files, _PRIMARY, [], False, True).overrides.known_choices
        for override in asked.groups:
            if not override.is_delete():  # a group is chosen alike whether the file names it or not
                key = override.key_or_group + (f"@{override.package}" if override.package else "")
                override.type = OverrideType.CHANGE if key in known else OverrideType.ADD
        parts = create_defaults_list(files, _PRIMARY, asked.groups, False, False).defaults
    except YamlError as error:
        raise ConfigError([error.problem]) from None
    except MissingConfigException as error:
        raise ConfigError([_missing(files, error)]) from None
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise ConfigError([Problem(_defaults(files), "defaults", str(error).strip().splitlines()[0])]) from None
    for part in parts:  # the files that a chosen file asks for are chosen with it
        if part.parent in asked.chosen:
            asked.chosen.add(part.config_path)
    return [part for part in parts if part.config_path is not None]


def _missing(files: _Files, error: MissingConfigException) -> Problem:
    group, _, name = (error.missing_cfg_file or "").rpartition("/")
    options = files.options(group)
    message = f"there is no file {error.missing_cfg_file}.yaml. {suggest(name, options)}"
    return Problem(_defaults(files), "defaults", message)


def _defaults(files: _Files) -> str:
    tree = files.trees.get(_PRIMARY)
    return tree.where.get("defaults", shown(files.file)) if tree is not None else shown(files.file)


def _path(part: ResultDefault) -> list[str]:
    package = (part.package or "").removeprefix("_global_").strip(".")
    return package.split(".") if package else []


def _packaged(part: ResultDefault, files: _Files) -> Map:
    """The tree of a file, below the package that it belongs to."""
    tree = files.trees[part.config_path]
    where = next(iter(tree.where.values()), "")
    for key in reversed(_path(part)):
        tree = Map({key: tree}, {key: where})
    return tree


def _drop(tree: Map, path: list[str]) -> None:
    """Removes the node at `path`, so that the chosen file stands alone there. The whole tree is never dropped."""
    for key in path[:-1]:
        tree = tree[key] if isinstance(tree.get(key), Map) else Map()
    if path:
        tree.pop(path[-1], None)


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
        return Choice(tuple(value.range()))
    if whole:
        return (LogInt if logarithmic else Int)(int(value.start), int(value.end))
    return (LogUniform if logarithmic else Uniform)(value.start, value.end)
