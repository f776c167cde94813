"""A search space that a program gives as a mapping: read as if a file in the working folder said it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gensweep.errors import ConfigError, Problem
from gensweep.ledger.definition import text_of
from gensweep.reading import Items, Map, plain, shown
from gensweep.spaces.check import load_and_check
from gensweep.spaces.paths import make_absolute
from gensweep.spaces.sweep import Sweep

_PLAIN = (bool, int, float, str, type(None))
_DEEPEST = 50


def check_mapping(given: Mapping[str, Any], overrides: Sequence[str] = ()) -> Sweep:
    """The sweep of a mapping and overrides, known to be sound. Without `defaults` it lies over base, and it is named `sweep`.

    Relative paths, and files that its defaults list names, are seen from the working folder.

    Raises:
        ConfigError: with every mistake in the mapping, the overrides and what they mean.
    """
    problems: list[Problem] = []
    tree = _tree(given, "", problems, 0)
    if problems:
        raise ConfigError(problems)
    make_absolute(tree)
    written = {"defaults": ["base", "_self_"], "name": "sweep", **plain(tree)}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sweep.yaml"
        file.write_text(text_of(written), encoding="utf-8")
        try:
            sweep = load_and_check(file, overrides, [Path.cwd()])
        except ConfigError as error:
            raise ConfigError([_without(problem, file) for problem in error.problems]) from None
    own = {name: where for name, where in sweep.sources.items() if not where.startswith(shown(file))}
    return replace(sweep, sources=own)


def _tree(value: Any, path: str, problems: list[Problem], depth: int) -> Any:
    """The value as files give them, in which a tuple is a list, and a path and a number of NumPy are what they stand for."""
    if depth > _DEEPEST:
        problems.append(Problem("", path, f"is nested deeper than {_DEEPEST} levels"))
        return None
    if isinstance(value, Mapping):
        problems += [Problem("", path, f"{key!r:.40} is no name") for key in value if not isinstance(key, str)]
        return Map({
            str(key): _tree(item, f"{path}.{key}" if path else str(key), problems, depth + 1) for key, item in value.items()
        })  # fmt: skip
    if isinstance(value, list | tuple):
        items = [_tree(item, f"{path}[{i}]", problems, depth + 1) for i, item in enumerate(value)]
        return Items(items, [""] * len(items))
    if isinstance(value, Path):
        return str(value)
    found = value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value
    if not isinstance(found, _PLAIN):
        problems.append(Problem("", path, f"{value!r:.60} is no text, number, list or mapping"))
        return None
    return found


def _without(problem: Problem, file: Path) -> Problem:
    """The mistake without the file that nobody wrote."""
    where = "" if problem.where.startswith(shown(file)) else problem.where
    return Problem(where, problem.path, problem.message.replace(shown(file), "the mapping"))
