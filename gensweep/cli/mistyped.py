"""Command lines that are none: what was typed, and what to type instead."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

import typer

from gensweep.errors import suggest

_ELSEWHERE = {  # what other programs call it
    "train": "run", "start": "run", "fit": "run", "tune": "run", "sweep": "run", "continue": "resume", "restart": "resume",
    "validate": "check", "lint": "check", "test": "check", "dry_run": "plan", "info": "show", "rank": "compare",
    "report": "compare", "eval": "evaluate", "score": "evaluate", "dashboard": "ui", "mlflow": "ui", "server": "ui",
    "generate": "sample", "samples": "sample", "winner": "best", "leaderboard": "best",
    "delete": "rm", "remove": "rm",
}  # fmt: skip

_ACCEPTED = {"a valid integer": "a whole number", "a valid number": "a number"}


def told(words: Sequence[str], error: typer.TyperException, commands: Sequence[str]) -> str:
    """What is wrong with the words of a command line, of which typer found the error."""
    message = error.format_message()
    if message.startswith("No such command"):
        return _no_command(words, commands)
    if better := _no_overrides(words, message):
        return better
    message = _without_dashes(words, error) or message
    if "\n" in message:
        return message
    for typers, ours in _ACCEPTED.items():
        message = re.sub(rf"Input should be {typers}.*", f"must be {ours}", message)
    return f"{message.removesuffix('.')}. See gensweep --help"


def _no_command(words: Sequence[str], commands: Sequence[str]) -> str:
    given = next((word for word in words if not word.startswith("-")), "")
    if given.endswith((".yaml", ".yml", ".json")):
        return f"there is no command '{given}'. Write gensweep run {shlex.join(words)}"
    meant = _ELSEWHERE.get(given.casefold().replace("-", "_"))
    if meant:  # a word of other programs, whatever it looks like
        return f"there is no command '{given}'. Did you mean '{meant}'? Known: {', '.join(commands)}."
    return f"there is no command '{given}'. {suggest(given, commands)}"


def _no_overrides(words: Sequence[str], message: str) -> str:
    """What to do instead of overrides where a command takes none; empty where there are none."""
    command, name = (*words, "", "")[:2]
    given = [word for word in words[1:] if "=" in word and not word.startswith("-")]
    if not message.startswith("Got unexpected extra argument") or not given:
        return ""
    if command != "resume":
        return f"{command} takes no overrides such as {given[0]}. They belong to run, check and plan"
    asked = next((word.partition("=")[2] for word in given if word.partition("=")[0].endswith("samples")), "")
    if asked:
        return f"{given[0]}: resume takes no overrides. For more trials write gensweep resume {name} --samples {asked}"
    return (
        f"{given[0]}: resume takes no overrides, for a sweep goes on as what it was begun. For another one: gensweep run FILE "
        f"{shlex.join(given)} name=ANOTHER"
    )


def _without_dashes(words: Sequence[str], error: typer.TyperException) -> str:
    """What to type where an override was given the dashes of an option; empty where it was another mistake."""
    option = str(getattr(error, "option_name", ""))
    place = next((i for i, word in enumerate(words) if option.startswith("-") and word.startswith(option)), None)
    if place is None or len(words[place].lstrip("-")) < 2:
        return ""
    from gensweep.spaces.places import moved_override, places

    key, equals, value = words[place].lstrip("-").partition("=")
    following = words[place + 1] if len(words) > place + 1 and "=" not in words[place + 1] else "VALUE"
    override = f"{key.replace('-', '_')}={value if equals else following}"
    better = override if override.partition("=")[0] in places({}) else moved_override(override, {})
    return (
        f"there is no option {words[place].partition('=')[0]}. Overrides have no dashes: write {better}"
        if better
        else ""
    )
