"""YAML text -> a tree of plain values in which every key and item knows the line it was written on.

YAML here is the safe core of YAML 1.2: true and false are the only booleans, `1e-4` is a number. In addition
`choice(a, b)` and its like are one value also inside `{…}` and `[…]`, where plain YAML would split them at the comma.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from gensweep.errors import Problem
from gensweep.text_files import UnreadableError, text_of
from gensweep.yaml_mistakes import bare_key, why

MAX_ALIASES = 100
MAX_NODES = 100_000
MAX_DEPTH = 50
_LARGEST = 2**63  # no whole number beyond it has a use, and some have millions of digits
_OURS = re.compile(r"(?:choice|uniform|loguniform|int|logint|quniform) ?\(")
_CALL = re.compile(rf"{_OURS.pattern}|[A-Za-z_][\w.]*\(")  # those of other libraries too, for the cure of the error
_AFTER_A_VALUE = re.compile(r"\s*(?:[,\]}\n\r\0]|#|$)")
_TAG = "tag:yaml.org,2002:"
_AN_ADDRESS = re.compile(r"^([a-z][a-z0-9+.-]+:)/+")  # a path has lost one of its slashes


class Place(str):
    """Where a value was written, `file:line`; `folder` is the file's, to which paths in it are relative.

    `asked` is the place of the choice that took this file of a group; empty where none did.

    What was typed on the command line has a plain text in its place, and is relative to the working folder.
    """

    folder: Path
    asked: str = ""

    def __new__(cls, where: str, folder: Path) -> Place:
        """The text `where`, which knows the folder."""
        place = super().__new__(cls, where)
        place.folder = folder
        return place

    def __getnewargs__(self) -> tuple[str, Path]:  # type: ignore[override]
        return str(self), self.folder


def folder_of(where: str) -> Path:
    """The folder that relative paths written at `where` start from."""
    return where.folder if isinstance(where, Place) else Path.cwd()


class Map(dict[str, Any]):
    """A mapping, and where each of its keys was written."""

    def __init__(self, items: Mapping[str, Any] | None = None, where: Mapping[str, str] | None = None) -> None:
        super().__init__(items or {})
        self.where = dict(where or {})


class Items(list[Any]):
    """A list, and where each of its items was written."""

    def __init__(self, items: list[Any], where: list[str]) -> None:
        super().__init__(items)
        self.where = list(where)


class YamlError(Exception):
    """A text that is not YAML, or is YAML that a search-space file may not hold."""

    def __init__(self, where: str, message: str) -> None:
        self.problem = Problem(where, "", message)
        super().__init__(str(self.problem))


def read_file(file: Path, noted: list[Problem] | None = None) -> Map:
    """The tree of a file whose top level is a mapping.

    `noted` takes what is YAML and refused here, read as it was probably meant, so that it hides nothing that comes after.

    Raises:
        YamlError: with the line, the first thing in the file that cannot be read; without `noted` also what is refused.
    """
    try:
        text = text_of(file)
    except UnreadableError as error:
        name = _AN_ADDRESS.sub(r"\1//", shown(file))
        raise YamlError(name + (f":{error.line}" if error.line else ""), str(error)) from None
    tree = read_text(text, shown(file), file.parent.resolve(), noted)
    if tree is None:
        return Map()
    if not isinstance(tree, Map):
        raise YamlError(f"{shown(file)}:1", "the file must hold keys and values at its top, as in `name: wae`")
    return tree


def read_text(text: str, origin: str, folder: Path | None = None, noted: list[Problem] | None = None) -> Any:
    """The tree of a YAML text; `origin` is what errors call it, `folder` (None: the working one) that of its paths."""
    note = _Notes(noted)
    try:
        loader = _Loader(text)
        loader.note = lambda line, message: note(f"{origin}:{line}", message)
        node = loader.get_single_node()
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        code = error.character if isinstance(error.character, int) else ord(error.character)
        raise YamlError(
            f"{origin}:{line}", f"holds a character that YAML does not allow, U+{code:04X}. Delete it"
        ) from None
    except _RefusedError as error:
        raise YamlError(f"{origin}:{error.line}", str(error)) from None
    except yaml.MarkedYAMLError as error:
        mistake = why(error, text)
        raise YamlError(f"{origin}:{mistake.line}", mistake.says) from None
    except RecursionError:
        raise YamlError(origin, "is nested too deeply") from None
    return None if node is None else _Tree(origin, folder or Path.cwd(), note).value(node)


def read_items(text: str) -> list[Any]:
    """The values between the brackets of `choice(…)`, as plain data."""
    if not text.strip():
        return []
    return plain(read_text(f"[{text}]", "the list"))  # type: ignore[no-any-return]


def plain(tree: Any) -> Any:
    """The tree as dicts and lists."""
    if isinstance(tree, Mapping):
        return {key: plain(value) for key, value in tree.items()}
    return [plain(item) for item in tree] if isinstance(tree, list) else tree


def located(value: Any, where: str) -> Any:
    """Plain data as a tree that was all written at one place."""
    if isinstance(value, Mapping):
        return Map({str(k): located(v, where) for k, v in value.items()}, {str(k): where for k in value})
    return Items([located(v, where) for v in value], [where] * len(value)) if isinstance(value, list) else value


def copied(tree: Any) -> Any:
    """The tree again, sharing no mapping or list with it."""
    if isinstance(tree, Map):
        return Map({key: copied(value) for key, value in tree.items()}, tree.where)
    return Items([copied(item) for item in tree], tree.where) if isinstance(tree, Items) else tree


def shown(file: Path) -> str:
    """The path as errors print it: relative to the working folder where the file lies below it."""
    relative = os.path.relpath(file)
    return str(file) if relative.startswith("..") else relative


class _Notes:
    """Where what is refused is noted; without a list the first one is raised."""

    def __init__(self, noted: list[Problem] | None) -> None:
        self.noted = noted

    def __call__(self, where: str, message: str) -> None:
        error = YamlError(where, message)
        if self.noted is None:
            raise error
        if error.problem not in self.noted:
            self.noted.append(error.problem)


class _RefusedError(Exception):
    """YAML that is refused as it is read."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2, calls as one scalar, and a limit on aliases."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own way
    aliases = nodes = 0
    note: Callable[[int, str], None]

    def scan_plain(self) -> Any:
        call = _CALL.match(self.buffer, self.pointer)
        end = _closing(self.buffer, call.end()) if call else None
        if call and end is None and _OURS.fullmatch(call.group()):
            rest = re.split(r"[\n#\0\]}]", self.buffer[self.pointer :])[0].rstrip(" ,")
            self.note(self.line + 1, f"{call.group()} is never closed with a ')'. Write {rest})")
            return self._scalar(rest, f"{rest})")
        if call is None or end is None or not _AFTER_A_VALUE.match(self.buffer, end):
            return super().scan_plain()
        text = self.buffer[self.pointer : end]
        return self._scalar(text, text)

    def _scalar(self, text: str, meant: str) -> yaml.ScalarToken:
        """Goes on behind a text, which is one value."""
        start = self.get_mark()
        self.forward(len(text))
        self.allow_simple_key = False
        return yaml.ScalarToken(" ".join(meant.split()), True, start, self.get_mark())

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _RefusedError(self.peek_event().start_mark.line + 1, f"more than {MAX_NODES} values")  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            self.aliases += 1
            if self.aliases > MAX_ALIASES:
                line = self.peek_event().start_mark.line  # type: ignore[no-untyped-call]
                raise _RefusedError(line + 1, f"more than {MAX_ALIASES} aliases")
        return super().compose_node(parent, index)


for _name, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})\Z"), list(_first))


class _Tree:
    """Turns the nodes of one document into values, refusing what could not be read back or could run code."""

    def __init__(self, origin: str, folder: Path, note: _Notes) -> None:
        self.origin, self.folder, self.note, self.nodes, self.open = origin, folder, note, 0, set[int]()

    def value(self, node: yaml.Node) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self._error(node, f"aliases make this file more than {MAX_NODES} values long")
        if id(node) in self.open:
            raise self._error(node, "an alias refers to a value that it is part of")
        if len(self.open) > MAX_DEPTH:
            raise self._error(node, f"is nested too deeply, more than {MAX_DEPTH} levels")
        if not node.tag.startswith(_TAG) or node.tag.removeprefix(_TAG) not in _READERS:
            self.note(self._where(node), f"the tag '{node.tag.replace(_TAG, '!!')}' is not allowed. Write plain values")
            node.tag = f"{_TAG}{_PLAIN[type(node)]}"
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        self.open.add(id(node))
        read = self._mapping(node) if isinstance(node, yaml.MappingNode) else self._list(node)
        self.open.discard(id(node))
        return read

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if node.tag == f"{_TAG}int" and re.fullmatch(r"[-+]?0\d+", node.value):
            plain_number = str(int(node.value))
            cure = f"Write {plain_number}, or '{node.value}' in quotes where it is text"
            self.note(self._where(node), f"{node.value} begins with a 0, which some read as octal. {cure}")
            return int(node.value)
        try:
            value = _READERS[node.tag.removeprefix(_TAG)](node.value)
            return _within(value) if isinstance(value, int) else value
        except (ValueError, KeyError):
            raise self._error(node, f"{node.value!r:.60} cannot be read as {node.tag.replace(_TAG, '!!')}") from None

    def _list(self, node: yaml.Node) -> Items:
        return Items([self.value(item) for item in node.value], [self._where(item) for item in node.value])

    def _mapping(self, node: yaml.MappingNode) -> Map:
        merged, own = Map(), Map()
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(key_node, "a key must be a name")
            key = str(key_node.value)
            if node.flow_style and _stands_alone(key_node, value_node):
                raise self._error(key_node, bare_key(key))
            if key == "<<" and key_node.style is None:
                for part in self._merged(value_node):
                    merged = Map({**part, **merged}, {**part.where, **merged.where})
                continue
            if key in own:
                first = own.where[key].rpartition(":")[2]
                told = f"the key '{key}' is given twice, first on line {first}. Keep one of them"
                self.note(self._where(key_node), told)
            value = self.value(value_node)
            if isinstance(value, Map) and isinstance(before := own.get(key), Map):  # given twice: both are looked at
                value = Map({**before, **value}, {**before.where, **value.where})
            own[key] = value
            own.where[key] = self._where(key_node)
        return Map({**merged, **own}, {**merged.where, **own.where})

    def _merged(self, node: yaml.Node) -> Iterator[Map]:
        read = self.value(node)
        for part in read if isinstance(read, Items) else [read]:
            if not isinstance(part, Map):
                raise self._error(node, "'<<' takes a mapping")
            yield part

    def _where(self, node: yaml.Node) -> Place:
        return Place(f"{self.origin}:{node.start_mark.line + 1}", self.folder)

    def _error(self, node: yaml.Node, message: str) -> YamlError:
        return YamlError(self._where(node), message)


def _within(value: int) -> int:
    if not -_LARGEST <= value < _LARGEST:
        raise ValueError
    return value


_PLAIN = {yaml.ScalarNode: "str", yaml.MappingNode: "map", yaml.SequenceNode: "seq"}
_READERS: dict[str, Any] = {
    "str": str,
    "int": lambda text: int(text, 0),
    "float": lambda text: float(text.replace(".inf", "inf").replace(".nan", "nan").lower()),
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "null": lambda _text: None,
    "map": dict,
    "seq": list,
}


def _closing(text: str, start: int) -> int | None:
    """The position after the bracket that closes the one before `start`, quotes respected; None where there is none."""
    depth, quote = 1, ""
    for position in range(start, len(text)):
        character = text[position]
        if quote:
            quote = "" if character == quote and text[position - 1] != "\\" else quote
        elif character in "\"'":
            quote = character
        elif character in "()":
            depth += 1 if character == "(" else -1
            if depth == 0:
                return position + 1
    return None


def _stands_alone(key: yaml.Node, value: yaml.Node) -> bool:
    """Whether a key between braces has neither a value nor a ':'."""
    between = key.end_mark.buffer[key.end_mark.index : value.end_mark.index + 1] if key.end_mark.buffer else ":"
    return value.start_mark.index == value.end_mark.index and ":" not in between
