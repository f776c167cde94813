"""Base of every component: a frozen pydantic model whose fields are its hyperparameters and its schema.

A component is built from a node of a configuration: `mmd`, or `{name: mmd, kernel: imq}`. A field that holds another
component is declared with `Member`:

    divergence: Annotated[Divergence, Member("divergences")] = MMD()

A continuous hyperparameter that reaches the loss or the optimiser as a 0-d tensor is a knob, and says so:

    blur: Annotated[float, Knob(), Field(gt=0)] = 0.05

A field that names a file or a folder says so too, and in a search-space file is relative to the folder of that file:

    path: FilePath
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from gensweep import registry
from gensweep.errors import ConfigError, nearest, suggest
from gensweep.home import no_path
from gensweep.nodes import lengths, nameless, no_numbers, too_large


class Node(BaseModel):
    """A node of a configuration: immutable, and every unknown key is an error with a suggestion."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, validate_default=False,
                              allow_inf_nan=False)  # fmt: skip

    @model_validator(mode="wrap")
    @classmethod
    def _unknown_keys_are_errors(cls, data: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        if not isinstance(data, Mapping):
            return handler(data)
        known = {field.alias or name for name, field in cls.model_fields.items()}
        errors = [
            {
                "type": PydanticCustomError("unknown_field", _unknown(cls, str(key), known)),
                "loc": (key,),
                "input": value,
            }
            for key, value in data.items()
            if key not in known
        ]
        for name, field in cls.model_fields.items():
            key = field.alias or name
            errors += no_numbers(field.annotation, data.get(key), (key,))
            errors += too_large(field, data.get(key), (key,)) if issubclass(cls, Component) else []
        misread = {error["loc"] for error in errors}
        try:
            value = handler({key: value for key, value in data.items() if key in known})
        except ValidationError as error:
            errors += [_again(e) for e in lengths(cls, error.errors()) if tuple(e["loc"]) not in misread]
        if errors:
            raise ValidationError.from_exception_data(cls.__name__, cast(Any, errors))
        return value

    def dump(self) -> dict[str, Any]:
        """The node as plain data, with the names that YAML uses; `build` of it gives an equal object."""
        return self.model_dump(mode="json", by_alias=True)


class Component(Node):
    """A member of the registry. Every concrete class declares `name: Literal["its_file"] = "its_file"`."""

    kind: ClassVar[str]
    unstackable: ClassVar[str] = ""
    """Why trials with it are trained alone and never in a pack, which runs one loss for all: "" where packs may hold it."""
    name: str

    def knobs(self) -> dict[str, float]:
        """Flat name -> value of every knob in this component and the components in its fields: `divergence.blur`."""
        found: dict[str, float] = {}
        for name, field in type(self).model_fields.items():
            value, label = getattr(self, name), field.alias or name
            if isinstance(value, Component):
                found |= {f"{label}.{inner}": knob for inner, knob in value.knobs().items()}
            elif any(isinstance(mark, Knob) for mark in field.metadata):
                found[label] = float(value)
        return found


class Knob:
    """Marks a field whose value enters the loss or the optimiser as a 0-d tensor, so that packs may differ in it."""


class Location:
    """Marks a text field that names a file or a folder, and takes no URL. A form of its own, as `file:PATH`, is a subclass."""

    def path(self, text: str) -> str:
        """The path in the text; empty where none is."""
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def validate(text: str) -> str:
            if "://" in text and (why := no_path(self.path(text))):  # with one slash it is a form of the field's own
                raise PydanticCustomError("no_path", "{why}", {"why": why})
            return text

        return core_schema.no_info_after_validator_function(validate, handler(source))

    def absolute(self, text: str, folder: Path) -> str:
        """The text with its path absolute, where a relative one was written for `folder`; `~` is the user's home."""
        if "://" in text and no_path(text):
            return text  # which is refused by the field
        try:
            path = Path(text).expanduser()
        except RuntimeError:  # ~nobody
            path = Path(text)
        while path.parts[:1] == ("..",):  # only those in front: behind a link .. is not the folder before it
            folder, path = folder.parent, path.relative_to("..")
        return str(folder / path)


FilePath = Annotated[str, Location()]


class Member:
    """The type of a field that holds a member of `kind`, given by name or by a node with a name."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __get_pydantic_core_schema__(self, source: Any, _handler: object) -> CoreSchema:
        def validate(node: object) -> Component:
            member = node if isinstance(node, Component) else build(self.kind, node)
            if isinstance(source, type) and not isinstance(member, source):
                raise PydanticCustomError(
                    "wrong_member",
                    "{given} is not a {wanted}",
                    {"given": member.name, "wanted": source.__name__},
                )
            return member

        return core_schema.no_info_plain_validator_function(
            validate,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda member: member.dump()),
        )

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return member_schema(self.kind)


def build(kind: str, node: object) -> Component:
    """The component that `node` describes: a name, or a mapping with a `name` and fields.

    Raises:
        pydantic.ValidationError: with every mistake in the node; the location of each is relative to the node.
    """
    if isinstance(node, str):
        node = {"name": node}
    if not isinstance(node, Mapping) or not isinstance(node.get("name"), str):
        names = registry.names(kind)
        needs = f"needs a name, as in {{name: {names[0]}}}. Known: {', '.join(names)}."
        needs = f"null is not allowed: it {needs}" if node is None else nameless(node, names) or needs
        raise _errors(kind, [_line((), needs, node)])
    try:
        cls = registry.load(kind, node["name"])
    except ConfigError as error:
        lines = [_line(("name",), str(error), node["name"])]
        raise _errors(kind, [*lines, *_beside_a_wrong_name(kind, node)]) from None
    return cast(Component, cls.model_validate(node))  # type: ignore[attr-defined]


def _beside_a_wrong_name(kind: str, node: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What else is wrong with a node of an unknown name: as the member that was probably meant sees it.

    A field that another member has is left alone, for that one may have been meant.
    """
    meant = class_of(kind, nearest(node["name"], registry.names(kind)))
    try:
        if meant:
            meant.model_validate({**node, "name": meant.model_fields["name"].default})
    except ValidationError as error:
        return [
            _again(line)
            for line in error.errors()
            if line["type"] not in ("unknown_field", "missing") or not owners(kind, str(line["loc"][0]))
        ]
    return []


def class_of(kind: str, name: object) -> type[Component] | None:
    """The class of member `name` of `kind`; None where there is none that can be imported."""
    try:
        return cast(type[Component], registry.load(kind, str(name)))
    except ConfigError:
        return None


def importable(kind: str) -> dict[str, type[Component]]:
    """The members of `kind` by name, without those that need what is not installed here."""
    return {name: member for name in registry.names(kind) if (member := class_of(kind, name))}


def member_schema(kind: str) -> JsonSchemaValue:
    """The JSON schema of a node of `kind`: one alternative a member, or a bare name."""
    members = importable(kind).values()
    return {
        "anyOf": [
            {"type": "string", "enum": registry.names(kind)},
            *({**member.model_json_schema(), "required": ["name"]} for member in members),
        ]
    }


def _unknown(cls: type[BaseModel], key: str, known: set[str]) -> Any:
    name = cls.model_fields["name"].default if "name" in cls.model_fields else cls.__name__.lower()
    kind = getattr(cls, "kind", "")
    if kind and key in registry.names(kind):
        return f"unknown field '{key}' of {name}. {key} is a name: write {{name: {key}, ...}}"
    return f"unknown field '{key}' of {name}. {suggest(key, known)}{owners(getattr(cls, 'kind', ''), key)}"


def owners(kind: str, key: str) -> str:
    """The sentence that says which members of `kind` have a field of this name; empty where none has."""
    members = importable(kind) if kind else {}
    having = [n for n, member in members.items() if key in {f.alias or own for own, f in member.model_fields.items()}]
    return f" It is a field of {', '.join(having)}." if having else ""


def _again(error: Any) -> dict[str, Any]:
    """A reported error as one that can be raised again, with what it holds besides its text."""
    kind = PydanticCustomError(error["type"], error["msg"], error.get("ctx"))
    return {"type": kind, "loc": error["loc"], "input": error["input"]}


def _line(loc: tuple[str, ...], text: str, given: object) -> dict[str, Any]:
    return {"type": PydanticCustomError("member", cast(Any, text)), "loc": loc, "input": given}


def _errors(title: str, lines: list[dict[str, Any]]) -> ValidationError:
    return ValidationError.from_exception_data(title, cast(Any, lines))
