"""A class's docstring in its parts: what it is, its formula, its fields, its source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import dedent
from typing import NamedTuple

_SECTION = re.compile(r"^(Fields|Source|Differs):[ \t]*", re.MULTILINE)
_NAMED = re.compile(r"^(\s+)([\w`, ]+?): (.*)$")


class Field(NamedTuple):
    """What a docstring says of one field, or of several of a kind."""

    names: tuple[str, ...]
    text: str


class Docstring(NamedTuple):
    """A class's docstring in its parts. `remarks` is what it says of fields in running text."""

    summary: str
    body: tuple[str, ...]
    fields: tuple[Field, ...]
    remarks: str
    source: str
    differs: str


def parsed(docstring: str) -> Docstring:
    """The parts of a docstring as `inspect.cleandoc` gives it."""
    summary, *body = re.split(r"\n\s*\n", _SECTION.split(docstring, maxsplit=1)[0].strip())
    said = {"Fields": "", "Source": "", "Differs": ""}
    pieces = _SECTION.split(docstring)
    for name, text in zip(pieces[1::2], pieces[2::2], strict=True):
        first, *rest = re.split(r"\n\s*\n(?!\s)", text.strip("\n"))
        said[name] = first.rstrip()
        body += rest
    fields = tuple(_fields(said["Fields"]))
    remarks = "" if fields else said["Fields"]
    body = [part.strip("\n") for part in body if part.strip()]
    return Docstring(summary, tuple(body), fields, remarks, said["Source"].strip(), said["Differs"].strip())


def _fields(block: str) -> Iterator[Field]:
    """The entries of a block `name: text`, each indented, with what is indented further."""
    lines = block.split("\n")
    if not (first := _NAMED.match(lines[0])):
        return
    indent, entry, text = first[1], first[2], [first[3]]
    for line in lines[1:]:
        if (found := _NAMED.match(line)) and found[1] == indent:
            yield _field(entry, text)
            entry, text = found[2], [found[3]]
        else:
            text.append(line)
    yield _field(entry, text)


def _field(names: str, lines: list[str]) -> Field:
    first, *rest = lines
    return Field(
        tuple(name.strip(" `") for name in names.split(",")), f"{first}\n{dedent(chr(10).join(rest))}".rstrip()
    )
