"""What README.md and the documentation show to a reader: command lines, search spaces, programs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
WRITTEN = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted(DOCS.rglob("*.md")),
    *sorted(DOCS.rglob("*.in")),
]
PAGES = {file.relative_to(ROOT).as_posix(): file.read_text() for file in WRITTEN}


class Block(NamedTuple):
    """A block of a page: where it stands, its title, and what is in it."""

    page: str
    title: str
    text: str

    @property
    def name(self) -> str:
        """Of a search space."""
        found = re.search(r"^name: ([\w-]+)", self.text, re.MULTILINE)
        return found[1] if found else ""


def blocks(language: str, pages: dict[str, str] = PAGES) -> list[Block]:
    """Every fenced block of a language, in order."""
    fence = re.compile(rf"^```{language}(?: title=\"([^\"]*)\")?\n(.*?)^```", re.DOTALL | re.MULTILINE)
    return [Block(page, found[1] or "", found[2]) for page, text in pages.items() for found in fence.finditer(text)]


def command_lines(pages: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """(page, words) of each command of gensweep: lines of shell blocks, and `code` within sentences."""
    for page, text in pages.items():
        lines = [line for block in blocks("sh", {page: text}) for line in block.text.splitlines()]
        prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
        lines += re.findall(r"`(gensweep [^`\n]+)`", prose)
        for line in lines:
            yield from ((page, words) for words in _simple(line))


def _simple(line: str) -> Iterator[list[str]]:
    """The commands of gensweep in a line of a shell, without comments, redirections and what else stands there."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;<>")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set("&|;<>"):
            if words[:1] == ["gensweep"]:
                yield words
            words = []
        else:
            words.append(word)
