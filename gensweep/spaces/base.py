"""A search space whose defaults list does not name base: one mistake, and not all that base would have said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gensweep.axes.items import write_item
from gensweep.errors import ConfigError, Problem
from gensweep.reading import Map, plain, read_file, shown
from gensweep.spaces.defaults_list import Files, Part

_HOLDS = (("objective",), ("trial", "network"), ("trial", "evaluation"))  # what a sweep needs, and base has
_BEGIN = "defaults: [base, {dataset: digits}, _self_]"


def with_base(files: Files, found: list[Part]) -> tuple[list[Part], list[Problem]]:
    """The parts of a sweep over those of base, if they need it and the list lacks it, which is a problem.

    Raises:
        ConfigError: the file holds nothing.
    """
    written = read_file(files.file, [])
    if not written:
        needs = f"It begins with `{_BEGIN}`, and needs `trial: {{family: vae}}`"
        raise ConfigError([Problem(shown(files.file), "", f"holds no search space. {needs}")])
    lacking = [".".join(path) for path in _HOLDS if not any(_has(part, path) for part in found)]
    listed = written.get("defaults")
    if not listed and not any(_has(part, ("trial", "dataset")) for part in found):
        lacking.append("trial.dataset")
    base = files.find("base")
    if not lacking or base is None or any(_is_of(part, shown(base)) for part in found):
        return found, []
    where = written.where.get("defaults", f"{shown(files.file)}:1")
    told = f"is missing, and with it {', '.join(lacking)}. Begin the file with {_BEGIN}"
    if listed:
        told = f"does not name base, which has {', '.join(lacking)}. Write {write_item(['base', *plain(listed)])}"
    below = read_file(base)
    below.pop("defaults", None)
    return [Part(below, "", False), *found], [Problem(where, "defaults", told)]


def _has(part: Part, path: Sequence[str]) -> bool:
    node: Any = part.tree
    for key in path:
        node = node.get(key) if isinstance(node, Map) else None
    return node is not None


def _is_of(part: Part, file: str) -> bool:
    return any(place.startswith(f"{file}:") for place in part.tree.where.values())
