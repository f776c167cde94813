"""What a field takes, in words, from its JSON schema: the type, the range and the default as YAML writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from gensweep import registry

Schema = Mapping[str, Any]
_TYPES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "null": "null",
          "object": "mapping", "array": "list"}  # fmt: skip
_PLAIN = re.compile(r"[A-Za-z][\w./-]*")
_RANGES = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "&lt;"}


def kind_of(schema: Schema) -> str:
    """The kind of component that a field holds; empty where it holds none."""
    alternatives = schema.get("anyOf", [])
    names = alternatives[0].get("enum") if alternatives else None
    return next((kind for kind in registry.KINDS if names and names == registry.names(kind)), "")


def type_of(schema: Schema, definitions: Schema, *, link: str = "{}.md") -> str:
    """The type as Markdown; a member of a kind is a link to the kind's page."""

    def written(inner: Schema) -> str:
        return type_of(inner, definitions, link=link)

    if kind := kind_of(schema):
        return f"[{kind}]({link.format(kind)})"
    if "$ref" in schema:
        return written(_referred(schema, definitions))
    if values := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
        return ", ".join(f"`{yaml_of(value)}`" for value in values)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(written, schema["anyOf"])))
    if inner := schema.get("prefixItems") or ([schema["items"]] if "items" in schema else []):
        return f"list of {', '.join(map(written, inner))}"
    return _TYPES.get(schema.get("type", ""), "anything")


def _referred(schema: Schema, definitions: Schema) -> Schema:
    found: Schema = definitions[schema["$ref"].rpartition("/")[2]]
    return found


def range_of(schema: Schema, definitions: Schema) -> str:
    """The bounds of a number, of what a list holds, or how long it is; empty where there are none."""
    if kind_of(schema):
        return ""
    if "$ref" in schema:
        return range_of(_referred(schema, definitions), definitions)
    if "anyOf" in schema:
        return ", ".join(dict.fromkeys(found for each in schema["anyOf"] if (found := range_of(each, definitions))))
    own = [f"{sign} {_number(schema[key])}" for key, sign in _RANGES.items() if key in schema]
    if isinstance(schema.get("items"), Mapping) and (inner := range_of(schema["items"], definitions)):
        own.append(f"each {inner}")
    if schema.get("minItems"):
        own.append(f"{schema['minItems']} or more of them")
    return ", ".join(own)


def _number(value: float) -> str:
    return f"{value:,}" if abs(value) < 10**9 else f"{value:.3g}"


def yaml_of(value: object) -> str:
    """A value as a flow of YAML: text without quotes where it needs none."""
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) and value not in ("null", "true", "false") else json.dumps(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {yaml_of(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(yaml_of(inner) for inner in value) + "]"
    return json.dumps(value)


def required(schema: Schema) -> set[str]:
    """The names of the fields that have no default."""
    return set(schema.get("required", ()))
