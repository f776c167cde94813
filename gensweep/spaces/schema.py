"""The JSON schema of a search-space file, from the components themselves, so that editors complete and check it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gensweep import registry
from gensweep.axes.distributions import FUNCTIONS
from gensweep.component import importable, member_schema
from gensweep.configuration import Confirm, TrialConfiguration
from gensweep.spaces.sweep import DEFAULT_SEARCHER, NOT_CONFIRMED, SECTIONS

_SEARCHED = {
    "anyOf": [
        {"type": "string", "pattern": rf"^\s*({'|'.join(FUNCTIONS)})\(.*\)\s*$"},
        {"type": "string", "pattern": r"^\$\{[A-Za-z_][\w.]*\}$"},
        {
            "type": "object",
            "properties": {"values": {"type": "array", "minItems": 1}, "distribution": {"const": "categorical"}},
            "required": ["values"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {
                "min": {"type": "number"},
                "max": {"type": "number"},
                "q": {"type": "number", "exclusiveMinimum": 0},
                "distribution": {"enum": ["uniform", "int_uniform", "log_uniform_values", "q_uniform"]},
            },
            "required": ["min", "max"],
            "additionalProperties": False,
        },
    ],
    "description": "a distribution, as in choice(2, 8) or loguniform(0.1, 100), or a reference ${trial.latent_size}",
}
_SEED = "null: each trial has its own, the same in every arm at the same position"


def schema() -> dict[str, Any]:
    """The schema (draft 2020-12): every leaf may be a distribution, and every component a one_of."""
    definitions: dict[str, Any] = {"searched": _SEARCHED}
    trial = _Searchable(definitions).node(TrialConfiguration.model_json_schema(by_alias=True))
    trial["properties"]["seed"] = {"anyOf": [trial["properties"]["seed"], {"type": "null"}], "description": _SEED}
    sections = {key: _closed(model.model_json_schema(by_alias=True)) for key, model in SECTIONS.items()}
    sections["objective"] = {"anyOf": [{"type": "string", "enum": registry.names("metrics")}, sections["objective"]]}
    sections["search"] = _search(sections["search"])
    sections["early_stopping"] = member_schema("early_stopping")
    sections["compare"] = {
        "type": ["string", "null"],
        "description": "the choice whose branches are the arms, as in family",
    }
    sections["confirm"] = {
        "anyOf": [_closed(Confirm.model_json_schema(by_alias=True)), {"enum": [NOT_CONFIRMED, None]}],
        "description": "each arm's best configurations again, on fresh seeds, scored on the test split",
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gensweep search space",
        "type": "object",
        "properties": {
            "defaults": {"type": "array", "description": "Hydra's defaults list: which files this one is laid over"},
            "name": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$"},
            **sections,
            "trial": trial,
        },
        "required": ["trial"],
        "additionalProperties": False,
        "$defs": definitions,
    }


class _Searchable:
    """Rewrites the schema of a fixed configuration into that of a space of them."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self.definitions = definitions

    def node(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """A model: no other keys than its own; what it requires may come from the defaults."""
        for name, inner in schema.get("$defs", {}).items():
            self.definitions.setdefault(name, self.node(inner))
        fixed = {key: value for key, value in schema.items() if key not in ("$defs", "required")}
        if "properties" not in fixed:
            return fixed
        properties = {key: self.field(value) for key, value in fixed["properties"].items()}
        return {**fixed, "properties": properties, "additionalProperties": False}

    def field(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """What stands at a key."""
        notes = {key: schema[key] for key in ("description", "default") if key in schema}
        kind = _kind(schema)
        if kind:
            return {"$ref": f"#/$defs/{self.component(kind, schema)}", **notes}
        if "$ref" in schema or "const" in schema:
            return dict(schema)
        if "items" in schema:
            schema = {**schema, "items": self.field(schema["items"])}
        return {"anyOf": [{k: v for k, v in schema.items() if k not in notes}, {"$ref": "#/$defs/searched"}], **notes}

    def component(self, kind: str, schema: Mapping[str, Any]) -> str:
        """The name of the definition of a component of `kind`: a name, a node, a choice of names, or a one_of."""
        if kind not in self.definitions:
            self.definitions[kind] = {}  # a kind may contain itself
            bare, *members = schema["anyOf"]
            named = [] if kind == "optimizers" else ["name"]  # without a name it is the family's own optimiser
            fixed = [bare, *({**self.node(member), "required": named} for member in members)]
            branches = {"type": "array", "minItems": 1, "items": {"anyOf": fixed}}
            one_of = {
                "type": "object",
                "properties": {"one_of": branches},
                "required": ["one_of"],
                "additionalProperties": False,
            }
            self.definitions[kind] = {"anyOf": [*fixed, one_of, {"$ref": "#/$defs/searched"}]}
        return kind


def _kind(schema: Mapping[str, Any]) -> str:
    """The kind of component that a schema of `component.member_schema` is for."""
    alternatives: list[dict[str, Any]] = schema.get("anyOf", [])
    names = alternatives[0].get("enum") if alternatives else None
    return next((kind for kind in registry.KINDS if names and names == registry.names(kind)), "")


def _search(section: dict[str, Any]) -> dict[str, Any]:
    """One alternative a searcher, whose own fields stand beside samples and seed; tpe is the default."""
    alternatives = []
    for name, searcher in importable("searchers").items():
        member = searcher.model_json_schema(by_alias=True)
        own = {key: value for key, value in member["properties"].items() if key != "name"}
        properties = {**section["properties"], "sampler": {"const": name}, **own}
        required = [] if name == DEFAULT_SEARCHER else ["sampler"]
        alternatives.append(
            {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
        )
    return {"anyOf": alternatives, "description": section.get("description", "")}


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    return {**{key: value for key, value in schema.items() if key != "required"}, "additionalProperties": False}
