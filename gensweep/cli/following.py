"""The commands that concern MLflow: ui, sync."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gensweep.cli.options import (
    RUNS,
    Name,
    Plugins,
    Runs,
    Shared,
    Tensorboard,
    TrackingUri,
    Trust,
    sweep_named,
    trust_these,
)

if TYPE_CHECKING:
    from gensweep.ledger.sweep_folder import SweepFolder
    from gensweep.tracking.opening import Opening


def ui(  # noqa: PLR0913 -- the options of the command line
    name: Annotated[
        str | None, typer.Argument(help="the sweep to open on; by default the newest", show_default=False)
    ] = None,
    tracking_uri: TrackingUri = None,
    port: Annotated[int, typer.Option(help="of the page on this machine", min=0, max=65535)] = 5000,
    runs: Runs = RUNS,
    no_auth: Annotated[
        bool,
        typer.Option("--no-auth", help="ask for no password: everybody on this machine may read and change the runs"),
    ] = False,
    artifacts: Annotated[
        list[Path] | None,
        typer.Option(
            help="show files of this folder too, not only of the store's own; repeatable", exists=True, file_okay=False
        ),
    ] = None,
    shared: Shared = False,
) -> None:
    """Open MLflow's own pages on the trials of a sweep, the best first; stop with Ctrl-C, which is exit code 0.

    They ask for a user and a password, a new one at each start, which stand on the terminal: MLflow itself would let in
    every account of this machine, and read any file of yours for it. The server ends with this command, however that ends;
    SIGTERM and SIGHUP are exit codes 143 and 129.

    Example:
      gensweep ui wae --port 5001
    """
    from gensweep.terminal import waiting

    folder = None if name is None else sweep_named(name, runs)
    with waiting("starting MLflow's pages"):
        from gensweep.tracking import pages
        from gensweep.tracking.opening import key_in, opening_at
        from gensweep.tracking.sent import store_of
        from gensweep.tracking.store import resolve_uri, sqlite_path

        uri = store_of(folder.path, tracking_uri) if folder else resolve_uri(tracking_uri, runs)
        _refuse_others(uri)
        view = key_in(folder, uri) if folder else None
        file = sqlite_path(uri)
        is_new = file is not None and not file.exists()
        there = pages.running_server(uri)
    if there:
        print(f"MLflow: {there}", flush=True)
        _tell(opening_at(uri, None, view), folder)
        return
    try:
        with (
            pages.ended_by_signals() as ending,
            pages.Pages(uri, port, locked=not no_auth, artifacts=artifacts or (), ending=ending) as shown,
        ):
            if is_new:
                print(f"gensweep: there was no {file}: a new and empty store was made.", file=sys.stderr, flush=True)
            print(f"MLflow: {shown.url}", flush=True)
            _tell(opening_at(shown.url, shown.access.user, view), folder)
            how = shown.access.how_to_enter(shown.url, on_terminal=sys.stderr.isatty(), view=view)
            print(how, file=sys.stderr, flush=True)
            shown.wait()
    except KeyboardInterrupt:
        return
    except pages.Ended as end:
        raise typer.Exit(end.code) from None


def _refuse_others(uri: str) -> None:
    from gensweep.errors import ConfigError
    from gensweep.tracking.wandb_place import is_wandb, where_to_look

    if is_wandb(uri):
        raise ConfigError(
            f"gensweep ui opens MLflow's pages, and these runs are elsewhere. {where_to_look(uri)}. Or gensweep sync NAME "
            "--tracking-uri sqlite:///mlflow.db, and the same for gensweep ui."
        )


def _tell(opening: Opening | None, folder: SweepFolder | None) -> None:
    """Say where the sweep is; where a sweep was asked for that is not there, what brings it."""
    if opening is not None:
        print(opening.sentences(), flush=True)
    elif folder is not None:
        what = f"gensweep: the pages have no table of {folder.name} yet; gensweep sync {folder.argument} brings it."
        print(what, file=sys.stderr, flush=True)


def sync(  # noqa: PLR0913 -- the options of a command are its interface
    name: Name,
    runs: Runs = RUNS,
    tracking_uri: TrackingUri = None,
    tensorboard: Tensorboard = False,
    trust: Trust = None,
    plugins: Plugins = None,
    shared: Shared = False,
) -> None:
    """Bring MLflow level with a sweep's folder, after the server was away or into another store.

    Examples:
      gensweep sync wae --tracking-uri http://127.0.0.1:5000
      gensweep sync wae --tensorboard
    """
    trust_these(trust)
    folder = sweep_named(name, runs)
    from gensweep.terminal import waiting

    with waiting(f"bringing what follows {name} level with it"):
        from gensweep.campaign import synchronise

        said = synchronise(folder, tracking_uri, tensorboard=tensorboard)
    print(said)
