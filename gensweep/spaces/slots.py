"""What the places of a trial's tree take: a component of a kind, or a node of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gensweep import component
from gensweep.component import Component, Member, Node, importable


@dataclass(frozen=True)
class Slot:
    """What a place in the tree takes, where that is known: a component of a kind, or a node of a model."""

    kind: str = ""
    model: type[BaseModel] | None = None
    default: Any = None
    many: bool = False  # a list of them

    def inside(self, node: Any, key: str) -> Slot:
        """What the field `key` of `node`, which stands in this slot, takes."""
        model = self.model or class_of(self.kind, node)
        found = _field(model, key) if model else None
        return _slot_of(found) if found else self if key.isdecimal() else Slot()

    def models(self, node: Any) -> list[type[BaseModel]]:
        """The models that may stand here: of the node, else of the default, else every member of the kind."""
        nameless = node is None or (isinstance(node, Mapping) and "name" not in node)
        own = self.model or class_of(self.kind, getattr(self.default, "name", self.default) if nameless else node)
        return [own] if own else list(importable(self.kind).values()) if self.kind and nameless else []

    def knows(self, node: Any, key: str) -> bool:
        """Whether `node`, which stands in this slot, has the field `key`."""
        model = self.model or class_of(self.kind, node)
        return key == "name" or bool(model and _field(model, key))


def slots_of(model: type[BaseModel]) -> dict[str, Slot]:
    """What each field of a model takes, by the name that YAML uses."""
    return {field.alias or name: _slot_of(field) for name, field in model.model_fields.items()}


def name_of(branch: Any) -> str:
    """The name of a component's node, or of a bare name."""
    return str(branch.get("name")) if isinstance(branch, Mapping) else str(branch)


def class_of(kind: str, node: Any) -> type[BaseModel] | None:
    """The component of `kind` that a node names; None where there is none."""
    return component.class_of(kind, name_of(node)) if kind else None


def _field(model: type[BaseModel], key: str) -> FieldInfo | None:
    return next((f for name, f in model.model_fields.items() if (f.alias or name) == key), None)


def _slot_of(field: FieldInfo) -> Slot:
    marks = [mark for mark in (*field.metadata, *_inside(field.annotation)) if mark is not None]
    kind = next((mark.kind for mark in marks if isinstance(mark, Member)), "")
    model = next((mark for mark in marks if isinstance(mark, type) and issubclass(mark, Node)), None)
    return Slot(
        kind=kind,
        model=None if kind or model is Component else model,
        default=field.get_default(call_default_factory=False),
        many=get_origin(field.annotation) is tuple,
    )


def _inside(annotation: Any) -> Iterator[Any]:
    """Everything that a type is made of: of tuple[Annotated[Metric, Member("metrics")], ...], also the Member."""
    yield annotation
    for part in (*get_args(annotation), *getattr(annotation, "__metadata__", ())):
        yield from _inside(part)
