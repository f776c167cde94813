"""What a command line means: members of a kind, with fields."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gensweep import component, registry
from gensweep.datasets.base import Dataset
from gensweep.errors import ConfigError, Problem, gathered, suggest
from gensweep.spaces.messages import explain
from gensweep.spaces.paths import member_at


def members(kind: str, text: str) -> list[Any]:
    """The members of `kind` that a line names: `fid,kid,n=500` are fid as it is and kid with n = 500.

    Raises:
        ConfigError: with every mistake in it.
    """
    nodes: list[dict[str, Any]] = []
    for part in _parts(text):
        name, equals, value = part.partition("=")
        if not equals:
            nodes.append({"name": name})
        elif not nodes:
            raise ConfigError(f"'{text}': the name comes first, as in fid,n_fake=1000.")
        else:
            nodes[-1][name] = _plain(value)
    if not nodes:
        raise ConfigError(f"'{text}' names none of {kind}. {suggest('', registry.names(kind))}")
    return gathered(*(partial(_built, kind, member_at(kind, node, Path.cwd())) for node in nodes))


def dataset_of(text: str, given_in: str = "--reference") -> Dataset:
    """The dataset that `name` or `name,key=value` describes; `given_in` names the option, for the message.

    Raises:
        ConfigError: it is not one, or its data are not here.
    """
    found = members("datasets", text)
    if len(found) != 1:
        raise ConfigError(f"{given_in} {text}: one dataset is needed, as in fashion_mnist,train_size=1000.")
    dataset: Dataset = found[0]
    if problem := dataset.problem():
        raise ConfigError(problem)
    return dataset


def _parts(text: str) -> list[str]:
    """What stands between the commas outside brackets."""
    depth, parts = 0, [""]
    for letter in text:
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def _plain(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _built(kind: str, node: dict[str, Any]) -> Any:
    try:
        return component.build(kind, node)
    except ValidationError as error:
        problems = []
        for line in error.errors():
            field = ".".join(str(part) for part in line["loc"] if part != "name")
            problems.append(Problem("", f"{node['name']} {field}".strip(), explain(line)))
        raise ConfigError(problems) from None
