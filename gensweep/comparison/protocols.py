"""Scores are ranked together only when they were taken by the same protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gensweep.comparison.collect import flatten
from gensweep.errors import ConfigError


def refuse_mixed(rows: Sequence[Mapping[str, Any]], metric: str) -> None:
    """Raise if the scores `metric` of `rows`, or those that it is a detail of, were taken by more than one protocol.

    Raises:
        ConfigError: naming every field of the protocols that differs, and trials on each side.
    """
    metric = metric.partition(".")[0]
    sides: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if digest := row.get(f"protocol.{metric}"):
            sides.setdefault(digest, []).append(row)
    if len(sides) < 2:
        return
    contents = {digest: _content(members[0]["folder"], metric) for digest, members in sides.items()}
    lines = [
        f"{metric} was taken by {len(sides)} protocols, and scores of different protocols are never ranked together."
    ]
    lines += [f"  {digest}: {_some(members)}" for digest, members in sides.items()]
    lines += [f"  {difference}" for difference in _differences(contents)]
    lines.append("Compare sweeps whose `evaluation:` and dataset are equal, or rank by a metric that they share.")
    raise ConfigError("\n".join(lines))


def _content(folder: Path, metric: str) -> dict[str, Any]:
    """The protocol as the trial saved it, flat; empty if the file is gone."""
    try:
        found = json.loads((folder / "protocol.json").read_bytes())[metric]
    except (OSError, ValueError, KeyError):
        return {}
    return {path: value for path, value in flatten(found).items() if path != "hash"}


def _differences(contents: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not all(contents.values()):
        return ["What differs is not known: a trial's protocol.json is missing."]
    paths = dict.fromkeys(path for content in contents.values() for path in content)
    lines = []
    for path in paths:
        values = [json.dumps(content.get(path, "absent")) for content in contents.values()]
        if len(set(values)) > 1:
            lines.append(f"{path}: " + ", ".join(f"{v} in {d}" for v, d in zip(values, contents, strict=True)))
    return lines


def _some(rows: Sequence[Mapping[str, Any]]) -> str:
    named = ", ".join(str(row["trial"]) for row in rows[:3])
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return f"trial{'s' if len(rows) > 1 else ''} {named}{more}"
