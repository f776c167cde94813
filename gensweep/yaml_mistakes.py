"""Why a text is not YAML, said by what stands at the place of the error, and never in PyYAML's English."""

from __future__ import annotations

import re
from typing import NamedTuple

import yaml

from gensweep.text import counted

_CLOSING = {"[": "]", "{": "}"}
_PLAINLY = "cannot be read. Compare its indentation, brackets and quotes with the lines around it"


class Mistake(NamedTuple):
    """The line, counted from 1, and what is wrong there."""

    line: int
    says: str


class _Place(NamedTuple):
    """A position in a text: the text from there on, its line and column from 0, and the whole line."""

    rest: str
    line: int
    column: int
    whole: str

    @property
    def character(self) -> str:
        return self.rest[:1]

    @property
    def begins_its_line(self) -> bool:
        return not self.whole[: self.column].strip(" -")


def why(error: yaml.MarkedYAMLError, text: str) -> Mistake:
    """What is wrong with a text that PyYAML could not read."""
    lines = re.split(r"\r\n|[\r\n]", text)
    places = [
        None
        if mark is None
        else _Place(text[mark.index :], mark.line, mark.column, "".join(lines[mark.line : mark.line + 1]))
        for mark in (error.problem_mark, error.context_mark)
    ]
    at, begun = places[0] or places[1], places[1]
    if at is None:
        return Mistake(1, _PLAINLY)
    if isinstance(error, yaml.composer.ComposerError):
        return _composed(at)
    if isinstance(error, yaml.scanner.ScannerError):
        return _scanned(at, begun, lines)
    return _parsed(at, begun, lines)


def bare_key(key: str) -> str:
    """What is wrong with a key between braces that has no value."""
    if match := re.fullmatch(r"([A-Za-z_][\w.-]*)(?:\s*[:=]\s*| )(\S+)", key):
        return f"'{key}' has no value. Write {match[1]}: {match[2]}"
    return (
        f"'{key}' stands alone after a comma or a brace, where a key and its value are expected. Several values are "
        "written [a, b] or choice(a, b), a decimal with a point, and text with a comma in quotes"
    )


def _composed(at: _Place) -> Mistake:
    if at.rest.startswith("---"):
        return Mistake(at.line + 1, "holds a second document (---). One file is one sweep")
    name = re.match(r"\*([^\s,\]}]*)", at.rest)
    return Mistake(
        at.line + 1,
        f"'*{name[1] if name else ''}' repeats what &{name[1] if name else ''} marks, and nothing before it is marked so. "
        "Put text that begins with * in quotes",
    )


def _scanned(at: _Place, begun: _Place | None, lines: list[str]) -> Mistake:
    if at.character == "\t":
        return Mistake(at.line + 1, "a tab stands where YAML takes spaces. Indent with spaces")
    if begun is not None and begun.character in ("'", '"'):
        if at.rest.strip("\0"):
            return Mistake(
                at.line + 1, "in double quotes a \\ begins a code, as in \\n. Put this text in single quotes"
            )
        return Mistake(begun.line + 1, f"the {begun.character} is never closed")
    if at.character == ":" and (begun is None or begun.line == at.line):
        return _colon(at, lines)
    if begun is not None and begun.character.isalnum():
        return Mistake(begun.line + 1, _no_colon(begun.whole))
    return Mistake(at.line + 1, f"a value cannot begin with '{(begun or at).character}'. Put it in quotes")


def _colon(at: _Place, lines: list[str]) -> Mistake:
    """A ':' where no key may be: after a first one, or on a line that goes on with the value of the line before."""
    for line in (at.line, at.line - 1):
        if "\xa0" in lines[line][: len(lines[line]) - len(lines[line].lstrip())]:
            return Mistake(line + 1, "is indented with no-break spaces. Indent with plain ones")
    if re.search(r":\s", at.whole[: at.column]):
        value = re.match(r".*?:\s+([\w.]+):\s*\[(.*)\]\s*$", at.whole)
        cure = f"Write {value[1]}({value[2]}), or put" if value and value[1] in ("choice", "uniform", "int") else "Put"
        return Mistake(at.line + 1, f"a second ':' on this line. {cure} text that holds one in quotes")
    return Mistake(
        at.line + 1,
        "is indented as if it belonged to the line before, which has a value of its own. Indent keys that stand side by "
        "side alike",
    )


def _no_colon(line: str) -> str:
    if match := re.fullmatch(r"\s*(?:- )?([\w.-]+)(\s*=\s*|:|\s+)(\S.*?)\s*", line):
        key, between, value = match.groups()
        lacks = {":": "a space is missing after ':'", "=": "a value follows a ':', not a '='"}
        lack = lacks.get(between.strip()) or f"there is no ':' after '{key}'"
        return f"{lack}. Write {key}: {value}"
    return "there is no ':' on this line. A line is a key, a ':', a space and a value"


def _parsed(at: _Place, begun: _Place | None, lines: list[str]) -> Mistake:
    here = at.line + 1
    if begun is None:
        return Mistake(here, "is indented less than the first line. Indent keys that stand side by side alike")
    if begun.character in _CLOSING:
        return _bracket(at, begun)
    if at.character in tuple("]}"):
        return Mistake(here, f"a '{at.character}' that nothing opens")
    if at.character == "," or (begun.line, begun.column) == (at.line, at.column):
        return Mistake(here, f"a value is missing before '{at.character}', or it is text that belongs in quotes")
    return Mistake(here, _beside(at, begun, lines) if at.begins_its_line else _behind(at))


def _behind(at: _Place) -> str:
    word = at.rest.split("\n")[0].split(" ")[0]
    return f"'{word}' follows a value that has ended. Put the whole value in quotes, or in brackets"


def _beside(at: _Place, begun: _Place, lines: list[str]) -> str:
    """A line that does not stand beside those which it should."""
    if (begun.character == "-") != (at.character == "-"):
        item, key = (at.line, begun.line) if at.character == "-" else (begun.line, at.line)
        return f"line {item + 1} is an item of a list (- ), line {key + 1} a key. Indent a list below its key"
    before = next(n for n in range(at.line - 1, -1, -1) if lines[n].strip() and not lines[n].strip().startswith("#"))
    return (
        f"is indented by {counted(at.column, 'space')}, line {before + 1} before it by {_indentation(lines[before])}. "
        "Indent keys that stand side by side alike"
    )


def _bracket(at: _Place, begun: _Place) -> Mistake:
    """Brackets that are closed wrongly, never, or hold values without a comma between them."""
    opened, closing = begun.character, _CLOSING[begun.character]
    if at.character in tuple("]}"):
        other = "here" if at.line == begun.line else f"on line {begun.line + 1}"
        return Mistake(at.line + 1, f"the '{opened}' {other} has to be closed with '{closing}' before '{at.character}'")
    deeper = _indentation(at.whole) > _indentation(begun.whole)
    if not at.rest.strip("\0\n ") or (at.line != begun.line and not deeper):
        return Mistake(begun.line + 1, f"the '{opened}' is never closed with '{closing}'")
    before = at.whole[: at.column].split() if at.character == ":" else []
    word = before[-1] if before else re.split(r"[\n ]|: ", at.rest)[0]
    return Mistake(at.line + 1, f"a comma is missing before '{word}'")


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
