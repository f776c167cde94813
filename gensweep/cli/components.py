"""The commands about single components: describe, new."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gensweep import registry
from gensweep.cli import completing
from gensweep.cli.options import AsJson, Plugins
from gensweep.errors import CannotRun, ConfigError, suggest
from gensweep.home import expanded

if TYPE_CHECKING:
    from gensweep.described.members import Description

_TEMPLATES = Path(registry.__file__).parents[1] / "templates"


def describe(
    kind: Annotated[
        str,
        typer.Argument(
            help="the kind of the member, or its name where no two kinds have it",
            show_default=False,
            autocompletion=completing.described,
        ),
    ],
    name: Annotated[
        str | None, typer.Argument(help="of the member", show_default=False, autocompletion=completing.members)
    ] = None,
    plugins: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Say what a component is: its formula, its fields with range and default, its paper, and how it is written in YAML.

    Examples:
      gensweep describe divergence mmd
      gensweep describe sinkhorn
      gensweep describe searchers cma_es --json
    """
    kind, name = _named(kind, name)
    from gensweep.terminal import waiting

    with waiting(f"reading {name}"):
        from gensweep.described.members import described

        found = described(kind, name)
    if as_json:
        from gensweep.cli.output import print_facts

        print_facts(asdict(found), as_json=True)
    else:
        _print(found)


def new(
    kind: Annotated[
        str, typer.Argument(help=" | ".join(registry.KINDS), show_default=False, autocompletion=completing.kinds)
    ],
    name: Annotated[str, typer.Argument(help="of the member, as YAML will say it", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="the folder of your components; made where there is none")
    ] = Path("my_components"),
) -> None:
    """Write a component of your own that works, with its test: a file to change, in a folder that --plugins names.

    Examples:
      gensweep new divergence mine
      gensweep new metrics sharpness -o lab_components
    """
    kind, folder = _kind(kind), expanded(output, "-o")
    _refuse_name(kind, name, folder)
    said = {"name": name, "kind": kind, "Class": name.title().replace("_", "")}
    files = {
        folder / kind / f"{name}.py": _filled(f"{kind}.py.txt", said),
        folder / "tests" / f"test_{kind}_{name}.py": _filled(f"test_{kind}.py.txt", said),
    }
    _write(files)
    member, test = files
    from gensweep.described.members import PLACES

    place = PLACES[kind] if kind != "searchers" else "search.sampler"
    print(f"{member} is written, and {test}. Change them, then:\n  pytest {folder}")
    print(f"  gensweep describe {kind} {name} --plugins {folder}")
    print(f"In a search space it is {name} at {place}, and runs with --plugins {folder}.")


def _kind(given: str) -> str:
    """The kind that is named in the singular or the plural.

    Raises:
        ConfigError: there is none.
    """
    from gensweep.registry.kinds import singular

    named = {**{singular(kind): kind for kind in registry.KINDS}, **{kind: kind for kind in registry.KINDS}}
    known = given.casefold().replace("-", "_")
    if known not in named:
        raise ConfigError(f"unknown kind '{given:.60}'. {suggest(given, registry.KINDS)}")
    return named[known]


def _named(first: str, second: str | None) -> tuple[str, str]:
    """The kind and the name of a member, of which the kind need not be said.

    Raises:
        ConfigError: there is none, or there are several.
    """
    if second is not None:
        return _kind(first), second
    having = [kind for kind in registry.KINDS if first in registry.names(kind)]
    if len(having) > 1:
        ways = " or ".join(f"gensweep describe {kind} {first}" for kind in having)
        raise ConfigError(f"{first}: is a name of {len(having)} kinds. Write {ways}")
    if not having:
        known = {name for kind in registry.KINDS for name in registry.names(kind)}
        raise ConfigError(f"there is no component '{first:.60}'. {suggest(first, known)}")
    return having[0], first


def _print(found: Description) -> None:
    from gensweep.cli.output import print_rows
    from gensweep.registry.kinds import singular
    from gensweep.tables import Layout
    from gensweep.terminal import print_text
    from gensweep.text import printable

    what = singular(found.kind)
    whose = f", of your own in {found.origin}" if found.origin else ""
    print_text(printable(f"{found.name}: {'an' if what[0] in 'aeo' else 'a'} {what}{whose}\n\n{found.summary}\n"))
    for part in found.body:
        print_text(printable(f"{part}\n"))
    if found.fields:
        print_rows(found.fields, layout=Layout(("field", "default"), ("what it is", "type"), elsewhere="--json"))
        print()
    for label, text in (
        ("Fields", found.remarks),
        ("Source", found.source),
        ("Paper", found.paper),
        ("Differs", found.differs),
    ):
        if text:
            print_text(printable(f"{label}: {' '.join(text.split())}\n"))
    print(found.example)


def _refuse_name(kind: str, name: str, folder: Path) -> None:
    from gensweep.registry.folder import no_name

    if wrong := no_name(kind, name):
        raise ConfigError(f"new {kind} {name:.60}: {wrong}.")
    if name in registry.names(kind):
        raise ConfigError(
            f"new {kind} {name}: there is one of this name already. Give it another one; gensweep list {kind} names all."
        )
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"-o {folder}: is a file, and must be a folder. Name another one.")


def _filled(template: str, said: dict[str, str]) -> str:
    text = (_TEMPLATES / template).read_text(encoding="utf-8")
    for word, value in said.items():
        text = text.replace(f"${word}", value)
    return text


def _write(files: dict[Path, str]) -> None:
    """Write all, or nothing where one is there."""
    if there := [file for file in files if os.path.lexists(file)]:
        raise ConfigError(f"{there[0]}: is there already, and is not overwritten. Give another name, or move it away.")
    for file, text in files.items():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as opened:
                opened.write(text)
        except OSError as error:
            raise CannotRun(
                f"{file}: cannot be written ({error.strerror or error}). Name another folder with -o."
            ) from error
