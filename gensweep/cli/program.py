"""The application, made of its commands, and `main`, which turns every end into an exit code."""

from __future__ import annotations

import errno
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Annotated, NoReturn

import typer

from gensweep import __version__
from gensweep.cli import (
    beginning,
    components,
    doctoring,
    evaluating,
    extracting,
    following,
    latent,
    leaving,
    listing,
    removing,
    repeating,
    reporting,
    running,
    showing,
    standing,
    stopping,
    submitting,
    using,
)
from gensweep.cli.defaults import defaults
from gensweep.cli.mistyped import told
from gensweep.cli.streams import OutputLost, discard, reader_has_left, streams, takes_more
from gensweep.credentials import redacted
from gensweep.errors import CannotRun, GensweepError, Interrupted
from gensweep.faults import Fault, fault_of, memory_limit
from gensweep.file_modes import private
from gensweep.progress import Loudness, speak
from gensweep.text import printable

app = typer.Typer(
    name="gensweep",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Sweep families of generative models, and learn which is best, how sure that is, and at what cost.\n\n"
    "Begin with:  gensweep run search_spaces/wae.yaml",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _help(command: Callable[..., None]) -> str:
    """A command's docstring for `--help`: what is indented (examples) is left line by line, and only prose is filled."""
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    return "\n\n".join(f"\b\n{one}" if "\n " in one else one for one in paragraphs)


def _in_short(command: Callable[..., None]) -> str:
    """The first paragraph of a command's docstring as one line, for the list of commands."""
    first, *_ = (inspect.getdoc(command) or "").split("\n\n")
    return " ".join(first.split()).removesuffix(".")


def _offer(command: Callable[..., None], name: str) -> None:
    app.command(name=name, help=_help(command), short_help=_in_short(command))(command)


for _command in (
    running.run, running.check, running.plan, running.resume, running.confirm, submitting.submit,
    standing.status, standing.logs, stopping.stop,
    showing.ls, showing.show, showing.compare, using.best, using.sample, using.reconstruct, latent.interpolate, latent.traverse,
    leaving.export, leaving.register,
    evaluating.evaluate, reporting.report, extracting.train_extractor,
    doctoring.doctor, following.ui, following.sync, removing.rm, repeating.rerun, beginning.init,
):  # fmt: skip
    _offer(_command, _command.__name__.replace("_", "-"))
_offer(listing.list_, "list")
for _about in (components.describe, components.new, listing.schema):
    _offer(_about, _about.__name__)


# errors of the system at a path that the user named, wherever it is met first, and their exit codes
_PATHS = {errno.ENAMETOOLONG: 2, errno.ELOOP: 2, errno.ENOTDIR: 2, errno.EACCES: 4, errno.EPERM: 4}
_CURES = {2: "Give another path.", 4: "Make it accessible to this account, or give another path."}


@app.callback(invoke_without_command=True)
def _root(
    ctx: typer.Context, version: Annotated[bool, typer.Option("--version", help="print the version")] = False
) -> None:
    if version:
        print(_version())
        raise typer.Exit
    if not {"-h", "--help"} & set(sys.argv):  # which is how to mend a mistake
        ctx.default_map = dict.fromkeys(_names(), defaults())


def _version() -> str:
    """The version, and in an image the commit that it was built of."""
    commit = printable(os.environ.get("GENSWEEP_COMMIT", "")).strip()
    return f"{__version__} ({commit})" if commit else __version__


def main() -> NoReturn:
    """Run a command; an error of ours is its message on stderr and its exit code, and any other one its traceback and 1."""
    speak(Loudness.USUAL)
    sys.excepthook = _unforeseen  # for what fails outside of the command, or in its last moments
    with streams(), private():
        code = _written(_run())
    sys.exit(code)


def _run() -> int:
    """The exit code of the command."""
    try:
        _refuse_no_place(sys.argv[1:])
        # by its name however it was called: shells ask for completion by it
        code = int(
            app(prog_name=app.info.name, standalone_mode=False) or 0
        )  # typer hands back the code of Exit, and makes Ctrl-C one
        if code == Interrupted.exit_code:
            _complain("stopped by Ctrl-C")
    except GensweepError as error:
        code = error.exit_code
        _complain(str(error))
    except typer.TyperException as error:  # of usage
        code = error.exit_code
        _complain(told(sys.argv[1:], error, _names()))
    except (KeyboardInterrupt, typer.Abort):
        code = Interrupted.exit_code
        _complain("stopped by Ctrl-C")
    except (BrokenPipeError, SystemExit):  # typer and rich leave with 1 where a pipe is broken
        if not reader_has_left():
            raise
        code = 0
        discard()  # at once: typer has put something in the place of stdout that hides what a flush finds
    except Exception as error:
        code = _of_the_machine(error)
    return code


def _of_the_machine(error: Exception) -> int:
    """The exit code of an error that is none of ours, once it is told: what the machine refuses in a sentence, else all of it."""
    # extensions of Python that got no memory fail without saying why
    if fault_of(error) is Fault.MEMORY or (isinstance(error, SystemError) and memory_limit()):
        why = " ".join(str(error).split())
        _complain(
            f"the memory does not suffice{memory_limit()}{f' ({why:.200})' if why else ''}. Raise the limit, free memory, or "
            "choose a smaller configuration; what a sweep has reported is saved."
        )
        return CannotRun.exit_code
    code = _PATHS.get(error.errno or 0, 1) if isinstance(error, OSError) and error.filename else 1
    if code in _CURES:
        _complain(f"{error.filename!s:.200}: {error.strerror}. {_CURES[code]}")  # type: ignore[attr-defined]
    else:  # what nobody foresaw may quote what a stranger wrote
        _unforeseen(type(error), error, error.__traceback__)
    return code


def _unforeseen(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    """The traceback of an error that is no message for the user, as text that a terminal does not obey."""
    print(redacted(printable("".join(traceback.format_exception(kind, error, where)))), file=sys.stderr, end="")


def _refuse_no_place(words: list[str]) -> None:
    """Raise where the working folder is gone: relative paths would be nowhere, and libraries fail with tracebacks."""
    if not words or {"-h", "--help", "--version"} & set(words):
        return
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise CannotRun("the working folder was deleted. Go to one that is there (cd), and say it again.") from error


def _names() -> list[str]:
    """Of the commands."""
    return sorted(command.name or str(getattr(command.callback, "__name__", "")) for command in app.registered_commands)


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


def _complain(message: str) -> None:
    message = redacted(message)
    print(f"gensweep: {message}" if "\n" not in message else f"gensweep:\n{message}", file=sys.stderr)
