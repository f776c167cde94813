"""The commands that say what there is: list, schema."""

from __future__ import annotations

from typing import Annotated

import typer

from gensweep import registry
from gensweep.cli.options import AsJson
from gensweep.errors import ConfigError, suggest


def list_(
    kind: Annotated[str, typer.Argument(help=" | ".join(registry.KINDS), show_default=False)],
    as_json: AsJson = False,
) -> None:
    """List the members of a kind, each with one line.

    Examples:
      gensweep list families
      gensweep list searchers
    """
    if kind not in registry.KINDS:
        raise ConfigError(f"unknown kind '{kind}'. {suggest(kind, registry.KINDS)}")
    from gensweep.cli.output import print_rows

    print_rows([_member(kind, name) for name in registry.names(kind)], as_json=as_json)


def schema() -> None:
    """Print the JSON schema of a search-space file, for an editor to complete and check by.

    Example:
      gensweep schema > .gensweep-schema.json
    """
    from gensweep.cli.output import print_facts
    from gensweep.spaces.schema import schema as search_space_schema

    print_facts(search_space_schema(), as_json=True)


def _member(kind: str, name: str) -> dict[str, str]:
    try:
        cls = registry.load(kind, name)
    except ConfigError as error:
        return {"name": name, "what": str(error)}
    what = getattr(cls, "summary", None) or (cls.__doc__ or "").strip().split("\n\n")[0]
    paper = {"paper": cls.paper} if hasattr(cls, "paper") else {}
    return {"name": name, "what": " ".join(what.split()), **paper}
