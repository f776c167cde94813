"""The page of commands: what each takes, as the command line itself knows it."""

from __future__ import annotations

import html
import re
import types
import typing
from pathlib import Path
from typing import Any

import typer

from docs.generate.text import inline
from gensweep.cli.program import app

_TYPES = {str: "TEXT", int: "N", float: "NUMBER", Path: "PATH", bool: ""}


def commands() -> dict[str, Any]:
    """Every command by its name."""
    return dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def page() -> str:
    """All commands, as Markdown."""
    found = commands()
    rows = "\n".join(
        f"| [`gensweep {name}`](#{name}) | {inline(_first(command.help))} |" for name, command in found.items()
    )
    return (
        "# Commands\n\n`gensweep COMMAND --help` says the same on a terminal. Options may stand before or behind what a command "
        "takes; `--json` gives programs all that a table shows, uncut.\n\n"
        f"| command | what it does |\n|---|---|\n{rows}\n\n"
        + "\n\n".join(_section(*item) for item in found.items())
        + "\n"
    )


def _first(text: str) -> str:
    return re.split(r"\n\s*\n", text.strip())[0]


def _section(name: str, command: Any) -> str:
    text, examples, *_ = [*re.split(r"\nExamples?:\n", command.help, maxsplit=1), ""]
    parts = [
        f"## `{name}` {{ #{name} }}",
        f"```text\n{usage(name, command)}\n```",
        *(f"<p>{inline(part)}</p>" for part in re.split(r"\n\s*\n", text.strip())),
        _table(command),
    ]
    if examples:
        parts.append("```sh\n" + "\n".join(line.strip() for line in examples.strip().splitlines()) + "\n```")
    return "\n\n".join(part for part in parts if part)


def usage(name: str, command: Any) -> str:
    """The line that says in which order things stand."""
    words = [_argument(each) for each in command.params if not _is_option(each)]
    options = ["[OPTIONS]"] if any(map(_is_option, command.params)) else []
    return " ".join(["gensweep", name, *options, *words])


def _argument(parameter: Any) -> str:
    word = (parameter.metavar or parameter.name).upper() + ("…" if parameter.nargs == -1 else "")
    return word if parameter.required else f"[{word}]"


def _is_option(parameter: Any) -> bool:
    return bool(parameter.opts[0].startswith("-"))


def _table(command: Any) -> str:
    rows = [_row(parameter) for parameter in command.params if not parameter.hidden]
    return "| | default | what it is |\n|---|---|---|\n" + "\n".join(rows) if rows else ""


def _row(parameter: Any) -> str:
    if _is_option(parameter):
        word = parameter.metavar or ("" if parameter.is_flag else _type(parameter))
        names = ", ".join([*parameter.opts, *parameter.secondary_opts])
        shown = f"{names} {word}".strip()
    else:
        shown = _argument(parameter)
    told = [inline(parameter.help or "")]
    if parameter.multiple:
        told.append("may be given several times")
    if parameter.envvar:
        told.append(f"also `{parameter.envvar}`")
    return f"| <code>{_nowrap(html.escape(shown))}</code> | {_default(parameter)} | {'; '.join(filter(None, told))} |"


def _nowrap(text: str) -> str:
    return text.replace("|", "&#124;").replace("--", "&#45;&#45;")


def _type(parameter: Any) -> str:
    annotation = parameter.type_descriptor.annotation
    inner = [each for each in typing.get_args(annotation) if each is not types.NoneType]
    if typing.get_origin(annotation) is typing.Literal:
        return "|".join(map(str, inner))
    return _TYPES.get(inner[0] if inner else annotation, "VALUE")


def _default(parameter: Any) -> str:
    if parameter.required:
        return "*must be given*"
    value = parameter.default
    return "" if value in (None, False, (), []) else f"`{value}`"
