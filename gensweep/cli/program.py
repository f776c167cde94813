"""The application, made of its commands, and `main`, which turns every end into an exit code."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from gensweep import __version__
from gensweep.cli import evaluating, following, listing, running, showing
from gensweep.cli.streams import OutputLost, discard, reader_has_left, streams, takes_more
from gensweep.credentials import redacted
from gensweep.errors import GensweepError, Interrupted
from gensweep.file_modes import private

app = typer.Typer(
    name="gensweep",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Sweep families of generative models, and learn which is best, how sure that is, and at what cost.\n\n"
    "Begin with:  gensweep run search_spaces/wae.yaml",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _command in (
    running.run, running.check, running.plan, running.resume, showing.ls, showing.show, showing.compare,
    evaluating.evaluate, following.ui, following.sync,
):  # fmt: skip
    app.command()(_command)
app.command(name="list")(listing.list_)
app.command()(listing.schema)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        print(__version__)
        raise typer.Exit


def main() -> NoReturn:
    """Run a command; an error of ours is its message on stderr and its exit code."""
    with streams(), private():
        code = _written(_run())
    sys.exit(code)


def _run() -> int:
    """The exit code of the command."""
    try:
        code = int(app(standalone_mode=False) or 0)  # typer hands back the code of Exit, and makes Ctrl-C one
        if code == Interrupted.exit_code:
            _complain("stopped by Ctrl-C")
    except GensweepError as error:
        code = error.exit_code
        _complain(str(error))
    except typer.TyperException as error:  # of usage
        code = error.exit_code
        message = _without_dashes(sys.argv[1:], error) or error.format_message()
        _complain(message if "\n" in message else f"{message.removesuffix('.')}. See gensweep --help")
    except (KeyboardInterrupt, typer.Abort):
        code = Interrupted.exit_code
        _complain("stopped by Ctrl-C")
    except (BrokenPipeError, SystemExit):  # typer and rich leave with 1 where a pipe is broken
        if not reader_has_left():
            raise
        code = 0
        discard()  # at once: typer has put something in the place of stdout that hides what a flush finds
    return code


def _written(code: int) -> int:
    """The exit code once everything is written: as it was, unless that cannot be."""
    if code == Interrupted.exit_code and not takes_more():
        discard()  # who said stop does not wait for a slow reader
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard()
    except OutputLost as error:
        discard()
        if code != OutputLost.exit_code:  # else it was said
            _complain(str(error))
        return code or OutputLost.exit_code
    except KeyboardInterrupt:  # while a slow reader held it up
        discard()
        _complain("stopped by Ctrl-C")
        return Interrupted.exit_code
    return code


def _without_dashes(words: list[str], error: typer.TyperException) -> str:
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


def _complain(message: str) -> None:
    message = redacted(message)
    print(f"gensweep: {message}" if "\n" not in message else f"gensweep:\n{message}", file=sys.stderr)
