"""Every place of a sweep that a value can be written at, and the one that was meant by another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gensweep.component import importable
from gensweep.configuration import Resources, Search, Tracking, TrialConfiguration
from gensweep.errors import same_name
from gensweep.objective import Objective
from gensweep.spaces.slots import Slot, slots_of

_DEEPEST = 6  # components in components


def places(tree: Mapping[str, Any]) -> list[str]:
    """The dotted paths of a sweep, with the fields of the components that its tree names."""
    found = ["name", "compare", "search.sampler"]
    for key, kind, name in (("search", "searchers", "sampler"), ("early_stopping", "early_stopping", "name")):
        node = tree.get(key)
        member = importable(kind).get(str(node.get(name) if isinstance(node, Mapping) else node))
        found += [f"{key}.{field}" for field in slots_of(member) if field != "name"] if member else []
    for key, model in (("objective", Objective), ("search", Search), ("resources", Resources), ("tracking", Tracking)):
        found += [key, *(f"{key}.{field}" for field in slots_of(model))]
    return list(dict.fromkeys([*found, "trial", *_inside(Slot(model=TrialConfiguration), tree.get("trial"), "trial")]))


def moved(key: str, tree: Mapping[str, Any]) -> str | None:
    """The place that a path which is none was meant to be: the shortest that ends alike and holds its parts in order.

    `lr`, `training.lr` and `trial.optimizer.lr` are trial.training.optimizer.lr.
    """
    wanted = [part for part in key.split(".") if part]
    near = [place for place in places(tree) if wanted and _holds(place.split("."), wanted)]
    shortest = min((place.count(".") for place in near), default=0)
    first = [place for place in near if place.count(".") == shortest]
    return " or ".join(first) if first and key not in first else None


def moved_override(text: str, tree: Mapping[str, Any]) -> str | None:
    """An override as it should have been typed; None where no place is near."""
    key, equals, value = text.partition("=")
    bare = key.lstrip("+~")
    better = moved(bare, tree)
    sign = key[: len(key) - len(bare)]
    return " or ".join(f"{sign}{place}{equals}{value}" for place in better.split(" or ")) if better else None


def _inside(slot: Slot, node: Any, path: str, depth: int = 0) -> Iterator[str]:
    branches = node["one_of"] if isinstance(node, Mapping) and isinstance(node.get("one_of"), list) else [node]
    for branch in branches if depth < _DEEPEST else []:
        for model in slot.models(branch):
            for key, inner in slots_of(model).items():
                yield f"{path}.{key}"
                if (inner.kind or inner.model) and not inner.many:
                    held = branch.get(key) if isinstance(branch, Mapping) else None
                    yield from _inside(inner, held, f"{path}.{key}", depth + 1)


def _holds(place: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether a place ends with the last part, and has the others before it, in order."""
    if not same_name(place[-1], wanted[-1]):
        return False
    left = iter(place[:-1])
    return all(any(same_name(part, other) for other in left) for part in wanted[:-1])
