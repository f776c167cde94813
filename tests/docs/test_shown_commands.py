"""Every command line that the documentation shows still parses: its name, its options, their values, how many words it takes."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
import typer

from docs.generate import commands
from tests.docs.shown import PAGES, command_lines

SHOWN = {shlex.join(words): page for page, words in command_lines({**PAGES, "commands": commands.page()})}


@pytest.fixture(scope="module")
def program() -> Any:
    from gensweep.cli.program import app

    return typer.main.get_command(app)


def parse(program: Any, words: list[str]) -> None:
    """Down to the command and through its parser, as the program does; a mistake raises."""
    context = program.make_context("gensweep", list(words))
    name, command, rest = program.resolve_command(context, [*getattr(context, "_protected_args", []), *context.args])
    command.make_context(name, rest, parent=context)


def is_name_alone(words: list[str]) -> bool:
    """`gensweep resume` in a sentence names the command."""
    return len(words) == 1


@pytest.mark.parametrize("line", SHOWN, ids=lambda line: f"{SHOWN[line]} {line[:60]}")
def test_a_command_that_is_shown_parses(line: str, program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gensweep.cli.options.share", lambda: None)
    monkeypatch.setattr("gensweep.cli.options.given", lambda _: None)  # the folder need not be here
    words = shlex.split(line)[1:]
    if is_name_alone(words) or words[0] == "COMMAND":
        options = {"--help", "--version", "--install-completion", "--show-completion"}
        assert words[0] in {*program.commands, *options, "COMMAND"}
        return
    parse(program, words)


@pytest.mark.parametrize("line", ["run", "stop wae --noww", "ui --port many", "confirm wae --top many", "shw wae"])
def test_a_wrong_line_would_be_noticed(line: str, program: Any) -> None:
    with pytest.raises(typer.TyperException):
        parse(program, shlex.split(line))
