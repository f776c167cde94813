"""The search spaces that ship with gensweep: `gensweep run wae` finds one by its name where no file of this folder is meant.

`search_spaces/` in the package is a link to that of the repository; a wheel holds the files themselves.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path

FOLDER = Path(__file__).parent / "search_spaces"
_ENDING = ".yaml"


def names() -> list[str]:
    """Of all search spaces that ship, sorted."""
    return sorted(file.stem for file in FOLDER.glob(f"*{_ENDING}"))


def file_of(name: str) -> Path:
    """The file of one of them."""
    return FOLDER / f"{name}{_ENDING}"


def found(file: Path) -> Path:
    """The search-space file that is meant: itself, else `wae.yaml` here for `wae`, else the one of this name that ships.

    What is none of these is given back as it is: whoever reads it says what is wrong.
    """
    if file.is_file() or file.suffix or len(file.parts) != 1:
        return file
    if (beside := file.with_suffix(_ENDING)).is_file():
        return beside
    return file_of(file.name) if file.name in names() else file


def question(name: str) -> str:
    """What a search space asks: the first sentence of the comment that it begins with."""
    lines = file_of(name).read_text(encoding="utf-8").splitlines()
    prose = itertools.takewhile(lambda line: line.startswith("# ") and not line.startswith("#   "), lines)
    text = " ".join(line.removeprefix("# ") for line in prose)
    return re.split(r"(?<=[.?])\s", text, maxsplit=1)[0]
