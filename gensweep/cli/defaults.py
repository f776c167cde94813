"""What a user says once for all commands: ~/.config/gensweep/config.yaml, below options and the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gensweep.credentials import redacted
from gensweep.errors import ConfigError, Problem, suggest
from gensweep.home import home, no_path
from gensweep.ledger.stored import mistake

if TYPE_CHECKING:
    from gensweep.reading import Map

_TEXTS = ("runs", "tracking_uri", "address", "plugins", "artifacts")
_SWITCHES = ("shared", "in_process", "tensorboard")
KEYS = (*_TEXTS, *_SWITCHES)


def file() -> Path | None:
    """Where it would be, by the XDG base directory specification; None without a home."""
    chosen = os.environ.get("XDG_CONFIG_HOME", "")
    if Path(chosen).is_absolute():  # the specification ignores any other
        return Path(chosen) / "gensweep" / "config.yaml"
    found = home()
    return found / ".config" / "gensweep" / "config.yaml" if found else None


def defaults() -> dict[str, Any]:
    """The values in it, by the names of options; none where there is no such file.

    Raises:
        ConfigError: with every mistake in it, and its line.
    """
    path = file()
    if path is None or not os.path.lexists(path):
        return {}
    from gensweep.reading import YamlError, plain, read_file

    noted = list[Problem]()
    try:
        tree = read_file(path, noted)
    except YamlError as error:
        raise ConfigError([error.problem]) from None
    if problems := [*noted, *_mistakes(tree)]:
        raise ConfigError(problems)
    return dict(plain(tree))


def _mistakes(tree: Map) -> Iterator[Problem]:
    for key, value in tree.items():
        if why := _unknown(key) if key not in KEYS else _misfit(key, value):
            yield Problem(tree.where[key], key, why)


def _unknown(key: str) -> str:
    return f"is no default that can be set. {suggest(key, KEYS)}"


def _misfit(key: str, value: object) -> str | None:
    """Why this cannot be the value; None where it can."""
    if key in _SWITCHES:
        return None if isinstance(value, bool) else f"{value!r:.60} is not allowed: must be true or false"
    if not isinstance(value, str) or not value.strip():
        return f"{value!r:.60} is not allowed: must be a text"
    if key in ("runs", "plugins"):
        if why := no_path(value, is_of_runs=key == "runs"):
            return f"{redacted(value)!r:.60} {why}"
        is_whole = value.startswith(("/", "~"))
        return (
            None
            if is_whole
            else f"{value!r:.60} would be another folder wherever you stand. Write it in full, or with ~"
        )
    if key == "artifacts":
        return (why := mistake(value)) and f"{redacted(value)!r:.60} {why}"
    return _no_store(value) if key == "tracking_uri" else None


def _no_store(value: str) -> str | None:
    from gensweep.tracking.store import resolve_uri

    try:
        resolve_uri(value)
    except ConfigError as error:
        return str(error)
    return None
