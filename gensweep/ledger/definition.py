"""The text of sweep.yaml: a sweep's definition as it is written, read again, and entered in the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from gensweep.errors import ConfigError
from gensweep.ledger.foreign import depth

LARGEST = 2**20  # bytes of a definition; PyYAML reads a MiB in seconds
_DEEPEST = 100  # levels in a definition
_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq")}


def text_of(definition: Mapping[str, Any]) -> str:
    """A definition as sweep.yaml holds it.

    Raises:
        ConfigError: it is larger than any that is read again.
    """
    text = yaml.dump(dict(definition), Dumper=_Plain, sort_keys=False, allow_unicode=True)
    if (n := len(text.encode())) > LARGEST:
        raise ConfigError(
            f"the sweep's definition takes {n:,} bytes, and {LARGEST:,} are the most. Search fewer values: a "
            "range, as in uniform(0, 1), instead of a long list."
        )
    return text


def definition_in(text: str | bytes) -> dict[str, Any]:
    """The definition that a text says.

    Raises:
        ValueError: it says none; with the reason.
    """
    try:
        found = yaml.load(text, Loader=_Tree)
        if depth(found) > _DEEPEST:
            raise ValueError("it is nested too deeply")
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())) from error
    if not _has_names(found):
        raise ValueError("a key is no text")
    if not isinstance(found, dict):
        raise ValueError(  # noqa: TRY004 -- it is about a text
            f"it holds {found!r:.80}, not a definition"
        )
    return found


def first_difference(text: str, other: str) -> str:
    """Where two texts differ first, for people: the line's number, and how it stands in each of them."""
    one, two = ([*t.splitlines(), ""] for t in (text, other))
    number = next((n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), None)
    if number is None:
        return "its line ends are others"
    return f"line {number + 1} is {one[number].strip()!r:.80}, and was {two[number].strip()!r:.80}"


def _has_names(tree: Any) -> bool:
    """Whether every key of every mapping is text."""
    if isinstance(tree, dict):
        return all(isinstance(key, str) and _has_names(value) for key, value in tree.items())
    return not isinstance(tree, list) or all(map(_has_names, tree))


class _Tree(yaml.SafeLoader):
    """A tree as `_dump` writes it, of what JSON holds too. An alias would make it as large as one likes."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way
        first: [(tag, pattern) for tag, pattern in known if tag in _TAGS]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    yaml_constructors = {  # noqa: RUF012
        tag: made for tag, made in yaml.SafeLoader.yaml_constructors.items() if tag in _TAGS or tag is None
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise ValueError("it holds an alias")
        return super().compose_node(parent, index)


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True
