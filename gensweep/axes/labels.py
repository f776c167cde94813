"""The labels of a choice's branches: their names, and for namesakes what tells them apart."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_PLAIN = re.compile(r"[A-Za-z0-9_.+-]+")


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


def _apart(name: str, namesakes: Sequence[Mapping[str, Any]]) -> list[str]:
    """The first field that has another short value in each of them, components before numbers; else a count."""
    flat = [_leaves(branch) for branch in namesakes]
    keys = dict.fromkeys(key for leaves in flat for key in leaves if key != "name")
    for key in sorted(keys, key=lambda key: not key.endswith("name")):
        values = [leaves.get(key, "") for leaves in flat]
        if len(set(values)) == len(values) and all(not value or _PLAIN.fullmatch(value) for value in values):
            says = "" if key.endswith("name") or not all(map(_is_number, filter(None, values))) else f"{key}="
            return [f"{name}.{says}{value}" if value else name for value in values]
    return [f"{name}.{i}" for i in range(1, len(namesakes) + 1)]


def _leaves(node: Any, prefix: str = "") -> dict[str, str]:
    """Dotted key -> text of every leaf; a component that is given by its name alone has it as `key.name` too."""
    if isinstance(node, Mapping):
        found: dict[str, str] = {}
        for key, value in node.items():
            found |= _leaves(value, f"{prefix}.{key}" if prefix else str(key))
        return found
    if isinstance(node, str) and prefix.rsplit(".", 1)[-1] != "name":
        return {f"{prefix}.name": node}
    return {prefix: str(node)}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
