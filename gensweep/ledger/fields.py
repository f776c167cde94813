"""What the fields of events and outcomes hold. A log is data from anyone: what it says is checked before it is believed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from gensweep.ledger.history import folder_name

_MOST = 2**53  # beyond it whole numbers are no longer exact in JSON
_LONGEST_NAME = 200  # bytes of a trial's folder; file systems take 255


def mistake(event: Mapping[str, Any]) -> str | None:
    """What is wrong with a field of an event or an outcome; None where nothing is. Unknown fields may hold anything."""
    for name, value in event.items():
        if (kind := _FIELDS.get(name)) is not None and not kind[1](value):
            return f"says {name}: {value!r:.60}, which is no {kind[0]}"
    return None


def kind_of_field(name: str) -> str:
    """What a field of this name holds, in words; empty where it may hold anything."""
    return _FIELDS[name][0] if name in _FIELDS else ""


def is_folder_name(number: int, arm: str, key: str) -> bool:
    """Whether these name a folder directly in trials/, on every file system."""
    name = folder_name(number, arm, key)
    return (
        name.isprintable() and not {"/", "\\"} & set(arm + key) and len(name.encode(errors="replace")) <= _LONGEST_NAME
    )


def is_count(value: object) -> bool:
    """Whether it is a whole number from 0 on that JSON holds exactly."""
    return type(value) is int and 0 <= value < _MOST


def milliseconds(at: str) -> int:
    """A time of ISO 8601 in Unix milliseconds.

    Raises:
        ValueError: it is none, or before 1970.
    """
    try:
        found = round(1000 * datetime.fromisoformat(at).timestamp())
    except (TypeError, OverflowError, OSError) as error:
        raise ValueError(f"{at!r:.60} is no time of ISO 8601") from error
    if found < 0:
        raise ValueError(f"{at!r:.60} is before 1970")
    return found


def is_number(value: object) -> bool:
    """Whether it is a number of JSON; NaN and infinity are."""
    return type(value) is float or (type(value) is int and abs(value) < _MOST)


def _text(value: object) -> bool:
    return isinstance(value, str)


def _mapping(value: object) -> bool:
    return isinstance(value, dict)


def _scores(value: object) -> bool:
    return isinstance(value, dict) and all(map(is_number, value.values()))


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _hashes(value: object) -> bool:
    return value is None or (isinstance(value, dict) and all(map(_text, value.values())))


def _time(value: object) -> bool:
    try:
        milliseconds(value)  # type: ignore[arg-type]  # what is no text is refused
    except ValueError:
        return False
    return True


def _seconds(value: object) -> bool:
    return is_number(value) and math.isfinite(value)  # type: ignore[arg-type]  # it is a number


_COUNT, _TEXT, _MAPPING = ("count", is_count), ("text", _text), ("mapping", _mapping)
_FIELDS: dict[str, tuple[str, Callable[[object], bool]]] = {
    "number": _COUNT, "position": _COUNT, "epoch": _COUNT, "step": _COUNT, "source": _COUNT, "source_step": _COUNT,
    "parent": _COUNT, "repeat": _COUNT, "items": _COUNT, "trial_schema": _COUNT, "places": _COUNT, "nodes": _COUNT,
    "versions": ("mapping of texts", _hashes), "software": ("mapping of texts", _hashes),
    "best_epoch": ("count", lambda value: value is None or is_count(value)),
    "key": _TEXT, "arm": _TEXT, "reason": _TEXT, "error": _TEXT, "outcome": _TEXT, "device": _TEXT, "mode": _TEXT,
    "fault": _TEXT, "why": _TEXT,
    "sweep_id": _TEXT, "host": _TEXT, "folder": _TEXT, "url": _TEXT, "inode": _TEXT, "definition": _TEXT,
    "parameters": _MAPPING, "configuration": _MAPPING,
    "scores": ("mapping of numbers", _scores), "best": ("mapping of numbers", _scores),
    "test": ("mapping of numbers", _scores),
    "seconds": ("number of seconds", _seconds), "evaluation_seconds": ("number of seconds", _seconds),
    "protocol": ("mapping of hashes", _hashes), "changed": ("list of names", _texts),
    "notes": ("list of texts", _texts), "joined": ("list of names", _texts), "gone": ("list of names", _texts),
    "at": ("time of ISO 8601 since 1970", _time),
}  # fmt: skip
