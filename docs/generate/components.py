"""A page for each kind of component: every member with its fields, its docstring and a node that builds it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from docs.generate.schemas import kind_of, range_of, required, type_of, yaml_of
from docs.generate.text import Docstring, cell, inline, paragraph, parsed
from gensweep import registry
from gensweep.component import Component, Knob, importable

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
_TITLES = {"lr_schedules": "Learning-rate schedules", "early_stopping": "Early stopping", "optimizers": "Optimisers"}
_FITTING = {"path": "my_data", "size": 28}  # where a field has no default


def title(kind: str) -> str:
    """Of a kind's page."""
    return _TITLES.get(kind, kind.capitalize())


def page(kind: str) -> str:
    """The page of a kind, as Markdown."""
    members = importable(kind)
    base = next(iter(members.values())).__mro__
    contract = next(cls for cls in base if cls.__module__ == f"gensweep.{kind}.base")
    opening = "\n\n".join(paragraph(part) for part in _contract(contract))
    rows = "\n".join(f"| [`{name}`](#{name}) | {inline(_summary(cls))} |" for name, cls in members.items())
    sections = "\n\n".join(section(kind, name, cls) for name, cls in members.items())
    own = f"[How to add one](../../how-to/add/{kind}.md). The contract is `gensweep/{kind}/base.py`."
    return (
        f"# {title(kind)}\n\n{opening}\n\nIn a search space they stand at `{PLACES[kind]}`. {own}\n\n"
        f"| name | what it is |\n|---|---|\n{rows}\n\n{sections}\n"
    )


def _contract(cls: type) -> Iterator[str]:
    yield from inspect.cleandoc(cls.__doc__ or "").split("\n\n")


def section(kind: str, name: str, cls: type[Component]) -> str:
    """What there is to know of one member."""
    said = parsed(inspect.cleandoc(cls.__doc__ or ""))
    paper = getattr(cls, "paper", "")
    parts = [
        f"## `{name}` {{ #{name} }}",
        paragraph(said.summary),
        f'<p class="paper">{inline(paper)}</p>' if paper and paper != "none" else "",
        *map(paragraph, said.body),
        _table(cls, said),
        paragraph(f"Fields: {said.remarks}") if said.remarks else "",
        f'<p class="source"><b>Source.</b> {inline(said.source)}</p>' if said.source else "",
        f'<p class="source"><b>Differs.</b> {inline(said.differs)}</p>' if said.differs else "",
        f"```yaml\n{_written(kind, example(cls))}\n```",
    ]
    return "\n\n".join(part for part in parts if part)


def _summary(cls: type[Component]) -> str:
    return str(getattr(cls, "summary", "")) or parsed(inspect.cleandoc(cls.__doc__ or "")).summary


def _table(cls: type[Component], said: Docstring) -> str:
    schema = cls.model_json_schema(by_alias=True)
    definitions = schema.get("$defs", {})
    told = {name: field.text for field in said.fields for name in field.names}
    rows = []
    for name, model_field in cls.model_fields.items():
        label = model_field.alias or name
        if name == "name":
            continue
        node = schema["properties"][label]
        is_knob = any(isinstance(mark, Knob) for mark in model_field.metadata)
        description = told.get(label) or told.get(name) or node.get("description", "")
        rows.append(
            f"| `{label}`{' <small>knob</small>' if is_knob else ''} | {_cell(type_of(node, definitions))} "
            f"| {range_of(node, definitions)} | {_default(node, label in required(schema))} | {cell(description)} |"
        )
    if not rows:
        return ""
    return "| field | type | range | default | what it is |\n|---|---|---|---|---|\n" + "\n".join(rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _default(node: Mapping[str, Any], is_required: bool) -> str:
    if is_required:
        return "*must be given*"
    return f"`{yaml_of(_short(node.get('default')))}`"


def _short(value: object) -> object:
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
            node[label] = _FITTING[label]
        elif len(node) < 5 and field.get("default") is not None and not kind_of(field) and _is_short(field["default"]):
            node[label] = field["default"]
    return node


def _is_short(value: object) -> bool:
    return len(yaml_of(value)) <= 24


def _written(kind: str, node: Mapping[str, Any]) -> str:
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


def pages() -> dict[str, str]:
    """Path below `reference/components/` -> page, of every kind."""
    return {f"{kind}.md": page(kind) for kind in registry.KINDS}
