"""The commands that say what there is: list, schema."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gensweep import registry, shipped
from gensweep.cli import completing
from gensweep.cli.options import AsJson, Plugins
from gensweep.errors import ConfigError, suggest

SEARCH_SPACES = "search-spaces"
LISTED = (*registry.KINDS, SEARCH_SPACES)


def list_(
    kind: Annotated[
        str | None, typer.Argument(help=" | ".join(LISTED), show_default=False, autocompletion=completing.kinds)
    ] = None,
    plugins: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """List the members of a kind, each with one line; without a kind, the kinds.

    Examples:
      gensweep list
      gensweep list families
      gensweep list searchers
      gensweep list search-spaces
    """
    kind = SEARCH_SPACES if kind in ("search_spaces", "search-space") else kind
    if kind is not None and kind not in LISTED:
        raise ConfigError(f"unknown kind '{kind}'. {suggest(kind, LISTED)}")
    from gensweep.cli.output import print_rows
    from gensweep.tables import Layout
    from gensweep.terminal import waiting

    if kind is None:
        rows, words = [_kind(each) for each in LISTED], ["names"]
    elif kind == SEARCH_SPACES:
        rows, words = [{"name": name, "question": shipped.question(name)} for name in shipped.names()], ["question"]
    else:
        with waiting(f"reading the {kind}"):
            rows, words = [_member(kind, name) for name in registry.names(kind)], ["what", "paper", "plug-in"]
    print_rows(
        rows, as_json=as_json, layout=Layout(("name" if kind else "kind", *words), tuple(words), elsewhere="--json")
    )


def schema(plugins: Plugins = None) -> None:
    """Print the JSON schema of a search-space file, for an editor to complete and check by.

    Example:
      gensweep schema > .gensweep-schema.json
    """
    from gensweep.cli.output import print_facts
    from gensweep.spaces.schema import schema as search_space_schema

    print_facts(search_space_schema(), as_json=True)


def _kind(kind: str) -> dict[str, Any]:
    names = shipped.names() if kind == SEARCH_SPACES else registry.names(kind)
    return {"kind": kind, "members": len(names), "names": ", ".join(names)}


def _member(kind: str, name: str) -> dict[str, Any]:
    folder = registry.origin(kind, name)
    own = {"plug-in": str(folder.path)} if folder else {}
    try:
        cls = registry.load(kind, name)
    except ConfigError as error:
        return {"name": name, "what": str(error), **own}
    what = getattr(cls, "summary", None) or (cls.__doc__ or "").strip().split("\n\n")[0]
    paper = {"paper": cls.paper} if hasattr(cls, "paper") else {}
    return {"name": name, "what": " ".join(what.split()), **paper, **own}
