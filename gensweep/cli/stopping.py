"""The command that stops a sweep which runs, here or on another machine."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from gensweep.cli.options import RUNS, Name, Runs, sweep_named
from gensweep.errors import CannotRun

_PAUSE = 0.2  # seconds


def stop(
    name: Name,
    runs: Runs = RUNS,
    now: Annotated[
        bool,
        typer.Option("--now", help="do not wait for the next report of each trial: what came since is trained again"),
    ] = False,
    wait: Annotated[bool, typer.Option(help="wait until it has ended")] = True,
) -> None:
    """Stop a sweep that runs, also on another machine that has the same folder: it saves, and `gensweep resume` goes on.

    Examples:
      gensweep stop wae
      gensweep stop wae --now --no-wait
    """
    folder = sweep_named(name, runs)
    from gensweep.ledger.stop_request import ask
    from gensweep.terminal import waiting

    if (holder := folder.holder()) is None:
        print(f"{name} does not run.")
        return
    try:
        request = ask(folder.path, at_once=now)
    except OSError as error:
        raise CannotRun(
            f"{folder.path}: the request cannot be written ({error.strerror or error}). On {holder.host}: kill {holder.pid}"
        ) from error
    if not wait:
        print(f"{name} is asked to stop, which {holder.host}:{holder.pid} does at its next reports.")
        return
    with waiting(f"{holder.host}:{holder.pid} stops"):
        while folder.holder() is not None and folder.generation() == request.generation:
            time.sleep(_PAUSE)
    print(f"{name} has stopped. Continue with: gensweep resume {folder.argument}")
