"""Scores are ranked together only when they were taken by the same protocol, of models that had the same means."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gensweep.comparison.collect import TEST, Trials
from gensweep.comparison.columns import flatten
from gensweep.errors import ConfigError, DamagedSweep
from gensweep.ledger.foreign import document, json_of

_MEANS = ("dataset", "network", "training.epochs")


def refuse_mixed(rows: Sequence[Mapping[str, Any]], metric: str) -> None:
    """Raise if the scores `metric` of `rows`, or those that it is a detail of, were taken by more than one protocol.

    Those on the test split have a protocol of their own, and are never mixed either.

    Raises:
        ConfigError: naming every field of the protocols that differs, and trials on each side.
    """
    name = metric.partition(".")[0]
    _refuse_mixed(rows, name)
    _refuse_mixed(rows, f"{TEST}{name}")


def _refuse_mixed(rows: Sequence[Mapping[str, Any]], metric: str) -> None:
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


def refuse_unlike(tables: Sequence[Trials], *, force: bool = False) -> list[str]:
    """The differences between sweeps in data, network or epochs, which `force` lets pass.

    What is searched in one is compared as it is written, so that two sweeps of the same search are alike.

    Raises:
        ConfigError: there are any, and `force` is not given.
    """
    found = []
    for place in _MEANS:
        values = {table.sweep: _values(table, place) for table in tables}
        if len(set(values.values())) > 1:
            found.append(f"{place}: " + "; ".join(f"{value} in {sweep}" for sweep, value in values.items()))
    if found and not force:
        lines = ["the sweeps differ in more than what they compare, so their scores are not ranked together:"]
        cure = "Compare sweeps that are alike in these, or give --force, which is written on the result."
        raise ConfigError("\n".join([*lines, *(f"  {line}" for line in found), cure]))
    return found


def refuse_untrue(
    confirming: Sequence[Mapping[str, Any]], every: Sequence[Mapping[str, Any]], *, force: bool = False
) -> list[str]:
    """The differences between confirmations and the trials that they confirm, but for their seeds, which `force` lets pass.

    gensweep makes none; a folder that was put together by hand may have them.

    Raises:
        ConfigError: there are any, and `force` is not given.
    """
    parents = {(row["sweep"], row["number"]): row for row in every}
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in confirming:
        for line in _unlike(row["configuration"], parents[row["sweep"], row["parent"]]["configuration"]):
            found.setdefault(line, []).append(row)
    lines = [f"{line} ({_some(rows)})" for line, rows in found.items()]
    if lines and not force:
        first = "confirmations were trained in another way than the trials that they confirm, so they confirm none:"
        cure = (
            "Confirm again with `gensweep confirm`, in a folder that is as the sweep left it, or give --force, which is "
            "written on the result."
        )
        raise ConfigError("\n".join([first, *(f"  {line}" for line in lines), cure]))
    return lines


def _unlike(confirmation: Mapping[str, Any], parent: Mapping[str, Any]) -> list[str]:
    """Where both say something, and not the same; a field that one of them lacks is of another version of gensweep."""
    own, its = flatten(confirmation), flatten(parent)
    paths = [path for path in its if path in own and path != "seed" and own[path] != its[path]]
    return [f"{path}: {_short(own[path])}, and {_short(its[path])} in what is confirmed" for path in paths]


def _values(table: Trials, place: str) -> str:
    """What the trials of a sweep have at this place of their configuration."""
    searched = (table.axes[column] for column in table.searched)
    if any(path == place or path.startswith(f"{place}.") for path in searched):
        return _short(_at(table.definition.get("trial"), place))
    values = dict.fromkeys(_short(_at(row["configuration"], place)) for row in table.rows)
    return ", ".join(sorted(values))


def _at(node: Any, place: str) -> Any:
    for name in place.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    return node


def _short(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _content(folder: Path, metric: str) -> dict[str, Any]:
    """The protocol as the trial saved it, flat; empty if the file is gone, or holds none."""
    try:
        found = json_of(document(folder / "protocol.json"))[metric]
    except (OSError, ValueError, LookupError, TypeError, DamagedSweep):
        return {}
    return {path: value for path, value in flatten(found).items() if path != "hash"} if isinstance(found, dict) else {}


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
