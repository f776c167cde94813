"""A page for each kind of component: every member with its fields, its docstring and a node that builds it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from docs.generate.text import cell, inline, paragraph
from gensweep import registry
from gensweep.component import Component, Knob, importable
from gensweep.described.docstrings import Docstring, parsed
from gensweep.described.members import PLACES, example, short, written
from gensweep.described.schemas import range_of, required, type_of, yaml_of

_TITLES = {"lr_schedules": "Learning-rate schedules", "early_stopping": "Early stopping", "optimizers": "Optimisers"}


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
        f"```yaml\n{written(kind, example(cls))}\n```",
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
    return f"`{yaml_of(short(node.get('default')))}`"


def pages() -> dict[str, str]:
    """Path below `reference/components/` -> page, of every kind."""
    return {f"{kind}.md": page(kind) for kind in registry.KINDS}
