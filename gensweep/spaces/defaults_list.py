"""The defaults list of a search-space file: which files lie over each other, in which order, and at which package.

It is read as Hydra reads it (https://hydra.cc/docs/advanced/defaults_list), which tells nobody which files it took:

    base    group: option    group@package: option    optional group: option    override group: option    _self_
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from gensweep import registry
from gensweep.axes.items import write_item
from gensweep.configuration import TrialConfiguration
from gensweep.errors import Problem, nearest, same_name, suggest
from gensweep.reading import Items, Map, Place, YamlError, read_file
from gensweep.spaces.interpolation import has_reference

SHIPPED = Path(__file__).parent / "defaults"
_HEADER = re.compile(r"^#\s*@package\s+(\S+)", re.MULTILINE)
_LACKS = (
    "is missing",
    "needs a mapping",
    "needs a name",
    "has no name",
    "is not among",
    "It is a field of",
    "no such value",
    "no defaults list",
    "does not name base",
)
_ENTRY = re.compile(r"((?:(?:optional|override)\s+)*)([^\s@]+)(?:@(\S+))?")


class Part(NamedTuple):
    """What one file says, from the top of the tree; the package that it says it of; whether it was chosen by hand."""

    tree: Map
    package: str
    chosen: bool


@dataclass(frozen=True)
class Lost(Problem):
    """A file that is not there or cannot be read, and so what it would have said at its package.

    `meant`: the file that was probably meant stands in for it.
    """

    package: str = ""
    meant: bool = False

    def explains(self, problem: Problem) -> bool:
        """Whether another problem may only be there because the file is not."""
        lacks = any(words in problem.message for words in _LACKS[: 2 if self.meant or self.package else None])
        within = f"{problem.path}.".removeprefix("trial.").startswith(f"{self.package.removeprefix('trial.')}.")
        return lacks or (within and not self.meant)


@dataclass(frozen=True)
class Entry:
    """One line of a defaults list: files of a group, none where it says null. Without a key nothing can replace it."""

    group: str
    names: tuple[str, ...]
    package: str
    where: str
    key: str = ""
    words: str = ""  # optional, override, placed (the line says the package), delete (the command line does)


def entry(item: Any, where: str, base: str = "", inside: str = "") -> Entry:
    """One item of the defaults list of a file in the group `base`, whose values belong at the package `inside`.

    Raises:
        YamlError: it is no such item.
    """
    text, value = next(iter(item.items())) if isinstance(item, Map) and len(item) == 1 else (item, [])
    names = value if isinstance(value, list) else [] if value is None else [value]
    match = _ENTRY.fullmatch(str(text))
    pair = re.fullmatch(r"(?!optional|override)([a-z_]+)(?:\s*[:=]\s*| )(\w+)", str(item)) if item is text else None
    if pair:
        raise YamlError(where, f"defaults: {item!r} is no file. Write {{{pair[1]}: {pair[2]}}}")
    if not match or (item is text and match[1]) or not all(isinstance(name, str) for name in [text, *names]):
        raise YamlError(where, f"defaults: {item!r} is no file. Write base, or dataset: digits, or dataset: null")
    words, group, package = match.groups()
    if item is text:
        group, _, name = group.rpartition("/")
        names = [name]
    full = group.strip("/") if group.startswith("/") else f"{base}/{group}".strip("/")
    dotted = full.replace("/", ".")
    said = {None: group.strip("/").replace("/", "."), "_here_": "", "_group_": f"_global_.{dotted}"}
    place = _below(inside, said.get(package, package))
    key = full if place == dotted else f"{full}@{place or '_global_'}"
    return Entry(full, tuple(names), place, where, "" if item is text else key, words + ("placed" if package else ""))


def parts(files: Files, asked: Sequence[Entry]) -> tuple[list[Part], list[Problem]]:
    """The files in the order in which they are laid over each other, and what is wrong with their defaults lists.

    What the command line asked for replaces what a list names, or is added to the end of the search-space file's list.
    """
    added: list[Entry] = []
    while True:
        walk = _Walk(files, asked)
        found = walk.file(files.file, Entry("", (), "", ""), added)
        new = [entry for entry in asked if "delete" not in entry.words and entry.key not in walk.known]
        if not new or new[0] in added:
            return found, [*walk.problems, *walk.unused()]
        added.append(new[0])


class Files:
    """Where files are found, first hit wins: beside the search-space file, in the given folders, in what we ship."""

    def __init__(self, file: Path, groups: Sequence[Path]) -> None:
        self.file, self.folders = file, (file.parent, *groups, SHIPPED)

    def options(self, group: str) -> list[str]:
        """The files of a group; none where there is no such group."""
        return sorted({file.stem for folder in self.folders for file in (folder / group).glob("*.yaml") if group})

    def missing(self, group: str, name: str) -> str:
        """Why there is no file of this group and name."""
        if name.endswith((".yaml", ".yml")):
            return f"'{name}' is written without its ending: {name.rpartition('.')[0]}"
        if not group:
            beside = [file.stem for folder in self.folders for file in folder.glob("*.yaml") if file != self.file]
            known = [stem for stem in beside if nearest(name, [stem])] or ["base"]
            return f"there is no file {name}.yaml. {suggest(name, known)}"
        if group == "dataset" and name in registry.names("datasets"):
            return f"there is no file {group}/{name}.yaml. Below trial, write dataset: {{name: {name}, path: …}}"
        if self.options(group):
            return f"there is no file {group}/{name}.yaml. {suggest(name, self.options(group))}"
        if group in TrialConfiguration.model_fields:
            return f"there are no files of {group}. Below trial, write {group}: {name}"
        folders = [f.name for folder in self.folders for f in folder.glob("*/") if self.options(f.name)]
        return f"there is no file {group}/{name}.yaml. {suggest(group, set(folders))}"

    def meant(self, group: str, name: str) -> Path | None:
        """The file that was meant by a name that is none, where one is near."""
        known = self.options(group) if group else ["base"]
        near = nearest(name.removesuffix(".yaml").removesuffix(".yml"), known)
        return self.find(f"{group}/{near}".strip("/")) if near else None

    def find(self, path: str) -> Path | None:
        """The file of this group and name."""
        return next((file for folder in self.folders if (file := folder / f"{path}.yaml").is_file()), None)


def _read(file: Path, noted: list[Problem]) -> tuple[Map, Items, str | None]:
    """A file without its defaults list; the items of that, `_self_` among them; the package in its header."""
    tree = read_file(file, noted)
    misspelt = next((key for key in tree if key != "defaults" and same_name(key.rstrip("s") + "s", "defaults")), None)
    if misspelt and "defaults" not in tree:
        noted.append(Lost(tree.where[misspelt], "", f"unknown key '{misspelt}'. Write 'defaults'", meant=True))
        tree["defaults"], tree.where["defaults"] = tree.pop(misspelt), tree.where[misspelt]
    where, items = tree.where.get("defaults", ""), tree.pop("defaults", None)
    items = Items([], []) if items is None else items
    if not isinstance(items, Items):
        given = (
            [items]
            if isinstance(items, str)
            else [{k: v} if v else k for k, v in items.items()]
            if isinstance(items, Map)
            else []
        )
        cure = f". Write [{', '.join(map(write_item, [*given, '_self_']))}]" if given else ""
        raise YamlError(where, f"defaults: takes a list, as in [base, dataset: digits, _self_]{cure}")
    if has_reference(items):
        raise YamlError(where, "references ${…} are not allowed in the defaults list")
    if items.count("_self_") > 1:
        raise YamlError(where, "defaults: _self_ is given twice. Keep one of them")
    if "_self_" not in items:  # a file lies over what it asks for
        items = Items([*items, "_self_"], [*items.where, where])
    header = _HEADER.search(file.read_text(encoding="utf-8"))
    return tree, items, _below("", header.group(1)) if header else None


class _Walk:
    """One way through all defaults lists.

    As in Hydra the last line is visited first, so that an override in a later file holds for the earlier ones. Of two
    overrides of one group the outer or later holds, and the command line's before all.
    """

    def __init__(self, files: Files, asked: Sequence[Entry]) -> None:
        self.files = files
        self.deleted = {entry.key: entry for entry in asked if "delete" in entry.words}
        self.chosen = {entry.key: entry for entry in asked if "delete" not in entry.words}
        self.overrides = dict(self.chosen)
        self.known: dict[str, Entry] = {}
        self.used: set[str] = set()
        self.open: list[Path] = []
        self.problems: list[Problem] = []

    def file(self, file: Path, entry: Entry, added: Sequence[Entry] = (), *, chosen: bool = False) -> list[Part]:
        """A file, with what its own defaults list asks for before and after it."""
        if file in self.open:
            self.wrong(entry, f"{file.name} asks for itself")
            return []
        try:
            tree, items, header = _read(file, self.problems)
            package = entry.package if header is None or "placed" in entry.words else header
            lines = [*self.lines(items, entry.group, package), *added]
        except YamlError as error:
            self.problems.append(Lost(error.problem.where, "", error.problem.message, entry.package))
            return []
        for place in _places(tree):
            place.asked = entry.where if entry.key else ""
        self.open.append(file)
        found: list[Part] = []
        for line in reversed(lines):
            found[:0] = self.entry(line, chosen=chosen) if line else [Part(_placed(tree, package), package, chosen)]
        self.open.pop()
        return found

    def lines(self, items: Items, base: str, inside: str) -> list[Entry | None]:
        """The lines of a defaults list, None for the file itself, without its overrides, which are noted."""
        lines: list[Entry | None] = []
        over = ""
        for item, where in zip(items, items.where, strict=True):
            line = None if item == "_self_" else entry(item, where, base, inside)
            if line and "override" in line.words:
                over = where
                self.overrides.setdefault(line.key, line)
            elif line and over:
                raise YamlError(over, "defaults: overrides must be at the end of the list")
            else:
                lines.append(line)
        return lines

    def entry(self, entry: Entry, *, chosen: bool) -> list[Part]:
        """The files of one line, or those that were chosen instead."""
        if entry.key:
            chosen, entry = chosen or entry.key in self.chosen, self.decided(entry)
        found: list[Part] = []
        for name in reversed(entry.names):
            path = f"{entry.group}/{name}".strip("/")
            file = self.files.find(path)
            if file is None and "optional" not in entry.words:
                chosen_by_hand = f"{entry.key} has to be chosen. {suggest('', self.files.options(entry.group))}"
                told = chosen_by_hand if name == "???" else self.files.missing(entry.group, name)
                file = self.files.meant(entry.group, name)  # so that what the sweep says over it can be checked
                self.problems.append(Lost(entry.where, "defaults", told, entry.package, meant=file is not None))
            if file:
                found[:0] = self.file(file, entry, chosen=chosen)
        return found

    def decided(self, entry: Entry) -> Entry:
        """The line of a group with the files that it is decided to be."""
        twice = self.known.setdefault(entry.key, entry)
        if twice is not entry:
            cure = f"Keep one of them, or write override {entry.key}: … at the end of a list"
            self.wrong(entry, f"{entry.key} is asked for twice, also at {twice.where}. {cure}")
        override = self.overrides.get(entry.key, entry)
        self.used |= {entry.key} & self.overrides.keys()
        deleted = self.deleted.get(entry.key)
        if deleted and deleted.names in ((), override.names):
            return replace(entry, names=())
        if deleted:
            self.wrong(deleted, f"there is no such choice to delete: it is {', '.join(override.names) or 'null'}")
        return replace(entry, names=override.names, where=override.where)

    def unused(self) -> list[Problem]:
        """The overrides and deletions of what no defaults list holds, and overrides that come before what they mean."""
        problems = []
        for entry in [*self.overrides.values(), *self.deleted.values()]:
            if entry.key not in self.known:
                message = f"no defaults list holds {entry.key}. {suggest(entry.key, self.known)}"
                problems.append(Problem(entry.where, "defaults", message))
            elif entry.key not in {*self.used, *self.deleted}:
                message = f"overrides {entry.key}, which comes after it, at {self.known[entry.key].where}. Swap the two"
                problems.append(Problem(entry.where, "defaults", message))
        return problems

    def wrong(self, entry: Entry, message: str) -> None:
        """Notes a problem, and goes on."""
        self.problems.append(Problem(entry.where, "defaults", message))


def _places(tree: Any) -> Iterator[Place]:
    """Where everything in a tree was written."""
    where = tree.where.values() if isinstance(tree, Map) else tree.where if isinstance(tree, Items) else ()
    yield from (place for place in where if isinstance(place, Place))
    for inner in tree.values() if isinstance(tree, Map) else tree if isinstance(tree, Items) else ():
        yield from _places(inner)


def _placed(tree: Map, package: str) -> Map:
    """The tree of a file, below the package that it belongs to."""
    where = next(iter(tree.where.values()), "")
    for key in reversed(package.split(".") if package else []):
        tree = Map({key: tree}, {key: where})
    return tree


def _below(inside: str, package: str) -> str:
    """One package below another, from the top of the tree; `_global_` is the top."""
    return ".".join(part for part in (inside, package) if part).rpartition("_global_")[2].strip(".")
