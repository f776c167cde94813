"""The command that stops a sweep which runs, here or on another machine."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from gensweep.cli.options import RUNS, JobsAddress, Name, Runs, sweep_named, takes_jobs
from gensweep.errors import CannotRun, ConfigError

_PAUSE = 0.2  # seconds


def stop(
    name: Name,
    runs: Runs = RUNS,
    now: Annotated[
        bool,
        typer.Option("--now", help="do not wait for the next report of each trial: what came since is trained again"),
    ] = False,
    wait: Annotated[bool, typer.Option(help="wait until it has ended")] = True,
    address: JobsAddress = None,
) -> None:
    """Stop a sweep that runs, also on another machine that has the same folder: it saves, and `gensweep resume` goes on.

    Examples:
      gensweep stop wae
      gensweep stop wae --now --no-wait
      gensweep stop wae --address http://head:8265
    """
    if takes_jobs(address):
        _stop_job(str(address), name, now=now, wait=wait)
        return
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


def _stop_job(address: str, name: str, *, now: bool, wait: bool) -> None:
    if now:
        raise ConfigError(
            "--now: a job of a Ray cluster is stopped in one way, which lets trials save. From a node that sees the folder: "
            f"gensweep stop {name} --now --runs FOLDER"
        )
    from gensweep.cli.jobs import stopped
    from gensweep.executors.ray_jobs import Jobs
    from gensweep.terminal import waiting

    with waiting(f"{name} stops"):
        said = stopped(Jobs(address), name, wait=wait)
    print(said)
