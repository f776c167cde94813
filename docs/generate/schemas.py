"""What a field takes, in words, from its JSON schema: the type, the range and the default as YAML writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gensweep import registry

Schema = Mapping[str, Any]
_TYPES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "null": "null",
          "object": "mapping", "array": "list"}  # fmt: skip
_RANGES = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def kind_of(schema: Schema) -> str:
    """The kind of component that a field holds; empty where it holds none."""
    alternatives = schema.get("anyOf", [])
    names = alternatives[0].get("enum") if alternatives else None
    return next((kind for kind in registry.KINDS if names and names == registry.names(kind)), "")


def type_of(schema: Schema, definitions: Schema, *, link: str = "{}.md") -> str:
    """The type as Markdown; a member of a kind is a link to the kind's page."""
    if kind := kind_of(schema):
        return f"[{kind}]({link.format(kind)})"
    if "$ref" in schema:
        return type_of(definitions[schema["$ref"].rpartition("/")[2]], definitions, link=link)
    if "const" in schema:
        return f"`{yaml_of(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{yaml_of(value)}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(type_of(each, definitions, link=link) for each in schema["anyOf"]))
    if "items" in schema:
        return f"list of {type_of(schema['items'], definitions, link=link)}"
    if "prefixItems" in schema:
        inner = ", ".join(type_of(each, definitions, link=link) for each in schema["prefixItems"])
        return f"list of {inner}"
    return _TYPES.get(schema.get("type", ""), "anything")


def range_of(schema: Schema, definitions: Schema) -> str:
    """The bounds of a number, of what a list holds, or how long it is; empty where there are none."""
    if kind_of(schema):
        return ""
    if "$ref" in schema:
        return range_of(definitions[schema["$ref"].rpartition("/")[2]], definitions)
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
        plain = value and value.replace("_", "").replace("-", "").replace(".", "").replace("/", "").isalnum()
        return value if plain and value not in ("null", "true", "false", "none") or value == "none" else json.dumps(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {yaml_of(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(yaml_of(inner) for inner in value) + "]"
    return json.dumps(value)


def required(schema: Schema) -> set[str]:
    """The names of the fields that have no default."""
    return set(schema.get("required", ()))
