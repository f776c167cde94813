"""All there is to know of one component as plain data: what it is, its fields, where it comes from, how it is written."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gensweep import registry
from gensweep.component import Component, Knob
from gensweep.described.docstrings import parsed
from gensweep.described.schemas import kind_of, range_of, required, type_of, yaml_of

PLACES = {
    "families": "trial.family",
    "divergences": "trial.family.divergence",
    "constraints": "trial.family.constraint",
    "metrics": "trial.evaluation.metrics",
    "datasets": "trial.dataset",
    "networks": "trial.network",
    "optimizers": "trial.training.optimizer",
    "lr_schedules": "trial.training.lr_schedule",
    "searchers": "search",
    "early_stopping": "early_stopping",
}
_FITTING = {"path": "my_data", "size": 28}  # where a field has no default
_LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")


@dataclass(frozen=True)
class Description:
    """What `describe` prints. `fields` are rows of a table; `origin` is the file of a plug-in, empty for other members."""

    kind: str
    name: str
    origin: str
    summary: str
    body: tuple[str, ...]
    fields: tuple[dict[str, str], ...]
    remarks: str
    source: str
    differs: str
    paper: str
    example: str


def described(kind: str, name: str) -> Description:
    """The description of a member.

    Raises:
        ConfigError: there is none of this name, or it cannot be imported.
    """
    cls: Any = registry.load(kind, name)
    said = parsed(inspect.cleandoc(cls.__doc__ or ""))
    told = {one: field.text for field in said.fields for one in field.names}
    folder = registry.origin(kind, name)
    return Description(
        kind,
        name,
        str(folder.path / folder.members[kind, name]) if folder else "",
        summary_of(cls),
        (*((said.summary,) if said.summary != summary_of(cls) else ()), *said.body),
        tuple(_fields(cls, told)),
        said.remarks,
        said.source,
        said.differs,
        paper if (paper := str(getattr(cls, "paper", ""))) != "none" else "",
        written(kind, example(cls)),
    )


def summary_of(cls: type) -> str:
    """What a member is, in a sentence."""
    own = str(getattr(cls, "summary", "")) or parsed(inspect.cleandoc(cls.__doc__ or "")).summary
    return " ".join(own.split())


def _fields(cls: type[Component], told: Mapping[str, str]) -> list[dict[str, str]]:
    schema = cls.model_json_schema(by_alias=True)
    definitions, rows = schema.get("$defs", {}), list[dict[str, str]]()
    for name, field in cls.model_fields.items():
        label = field.alias or name
        if name == "name":
            continue
        node = schema["properties"][label]
        default = "must be given" if label in required(schema) else yaml_of(short(node.get("default")))
        what = told.get(label) or told.get(name) or node.get("description", "")
        is_knob = any(isinstance(mark, Knob) for mark in field.metadata)
        rows.append({
            "field": label, "type": _plain(type_of(node, definitions)), "range": _plain(range_of(node, definitions)),
            "default": default, "what it is": " ".join(f"{what}{' (a knob)' if is_knob and 'knob' not in what else ''}".split()),
        })  # fmt: skip
    return rows


def _plain(markdown: str) -> str:
    return _LINK.sub(r"\1", markdown).replace("`", "").replace("&lt;", "<")


def short(value: object) -> object:
    """A default that is a component, by its name where that says all."""
    if isinstance(value, Mapping) and set(value) == {"name"}:
        return value["name"]
    return value


def example(cls: type[Component]) -> dict[str, Any]:
    """A node that builds the member: its name, what must be given, and up to four of its other fields at their defaults."""
    schema = cls.model_json_schema(by_alias=True)
    node: dict[str, Any] = {"name": cls.model_fields["name"].default}
    needed = required(schema)
    for label, field in schema["properties"].items():
        if label == "name":
            continue
        if label in needed:
            node[label] = _FITTING.get(label, "...")
        elif len(node) < 5 and field.get("default") is not None and not kind_of(field) and _is_short(field["default"]):
            node[label] = field["default"]
    return node


def _is_short(value: object) -> bool:
    return len(yaml_of(value)) <= 24


def written(kind: str, node: Mapping[str, Any]) -> str:
    """The node at the place in a search space where one of its kind stands."""
    if kind == "searchers":
        name, *rest = node.items()
        return f"search: {yaml_of(dict([('sampler', name[1]), ('samples', 16), *rest]))}"
    *above, last = PLACES[kind].split(".")
    written = yaml_of([node] if kind == "metrics" else node)
    if kind in ("divergences", "constraints"):
        family = "wae" if kind == "divergences" else "wgan"
        return f"trial:\n  family: {{name: {family}, {last}: {written}}}"
    return "\n".join([*(f"{'  ' * at}{key}:" for at, key in enumerate(above)), f"{'  ' * len(above)}{last}: {written}"])
