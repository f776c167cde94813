"""The labels of a choice's branches: their names, and for namesakes what tells them apart."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_PLAIN = re.compile(r"[A-Za-z0-9_.+=-]+")
_COUNTED = re.compile(r"(.+)\.\d+")


def labels_of(branches: Sequence[Mapping[str, Any]]) -> list[str]:
    """A label for each branch: unique, and fit for the name of a folder.

    >>> labels_of([{"name": "vae"}, {"name": "wgan", "constraint": "clip"}, {"name": "wgan", "constraint": {"name": "sobolev"}}])
    ['vae', 'wgan.clip', 'wgan.sobolev']
    """
    names = [str(branch["name"]) for branch in branches]
    labels = list(names)
    for name in {name for name in names if names.count(name) > 1}:
        places = [i for i, other in enumerate(names) if other == name]
        for place, label in zip(places, _apart(name, [branches[i] for i in places]), strict=True):
            labels[place] = label
    return labels if len(set(labels)) == len(labels) else [f"{name}.{i}" for i, name in enumerate(names, start=1)]


def differences(branches: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """What tells the branches apart whose labels only count them: label -> `beta uniform(0, 1), samples 2`."""
    counted = {label: _COUNTED.fullmatch(label) for label in branches}
    told = {}
    for label, match in counted.items():
        if match:
            group = [branches[other] for other, its in counted.items() if its and its[1] == match[1]]
            keys = dict.fromkeys(key for branch in group for key in _leaves(branch))
            differing = [key for key in keys if len({repr(_leaves(branch).get(key)) for branch in group}) > 1]
            own = _leaves(branches[label])
            told[label] = (
                ", ".join(f"{key.removesuffix('.name')} {own[key]}" for key in differing if key in own) or "the same"
            )
    return told


def _apart(name: str, namesakes: Sequence[Mapping[str, Any]]) -> list[str]:
    """The first field that has another short value in each of them, components before numbers; else a count."""
    flat = [_leaves(branch) for branch in namesakes]
    keys = dict.fromkeys(key for leaves in flat for key in leaves if key != "name")
    for key in sorted(keys, key=lambda key: not key.endswith("name")):
        values = [_short(key, leaves[key]) if key in leaves else "" for leaves in flat]
        if len(set(values)) == len(values) and all(not value or _PLAIN.fullmatch(value) for value in values):
            return [f"{name}.{value}" if value else name for value in values]
    return [f"{name}.{i}" for i in range(1, len(namesakes) + 1)]


def _short(key: str, value: Any) -> str:
    """A text as it is, other values with their key: `hidden=256x256`."""
    if isinstance(value, str):
        return value
    items = value if isinstance(value, list) else [value]
    return f"{key}={'x'.join(str(item).lower() if isinstance(item, bool) else str(item) for item in items)}"


def _leaves(node: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted key -> every leaf, a list being one; a component that is given by its name alone has it as `key.name`."""
    if isinstance(node, Mapping):
        found: dict[str, Any] = {}
        for key, value in node.items():
            found |= _leaves(value, f"{prefix}.{key}" if prefix else str(key))
        return found
    if isinstance(node, str) and prefix.rsplit(".", 1)[-1] != "name":
        return {f"{prefix}.name": node}
    return {prefix: node}
