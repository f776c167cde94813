"""The commands that concern MLflow: ui, sync."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gensweep.cli.options import RUNS, Name, Runs, Shared, TrackingUri, Trust, sweep_named, trust_these


def ui(
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
    """Open MLflow's own pages on the store in use; stop with Ctrl-C, which is exit code 0.

    They ask for a user and a password, a new one at each start, which stand on the terminal: MLflow itself would let in
    every account of this machine, and read any file of yours for it. The server ends with this command, however that ends;
    SIGTERM and SIGHUP are exit codes 143 and 129.

    Example:
      gensweep ui --port 5001
    """
    from gensweep.terminal import waiting

    with waiting("starting MLflow's pages"):
        from gensweep.tracking import pages
        from gensweep.tracking.store import resolve_uri, sqlite_path

        uri = resolve_uri(tracking_uri, runs)
        file = sqlite_path(uri)
        is_new = file is not None and not file.exists()
        there = pages.running_server(uri)
    if there:
        print(f"MLflow: {there}")
        return
    try:
        with (
            pages.ended_by_signals() as ending,
            pages.Pages(uri, port, locked=not no_auth, artifacts=artifacts or (), ending=ending) as shown,
        ):
            if is_new:
                print(f"gensweep: there was no {file}: a new and empty store was made.", file=sys.stderr, flush=True)
            print(f"MLflow: {shown.url}", flush=True)
            print(shown.access.how_to_enter(shown.url, on_terminal=sys.stderr.isatty()), file=sys.stderr, flush=True)
            shown.wait()
    except KeyboardInterrupt:
        return
    except pages.Ended as end:
        raise typer.Exit(end.code) from None


def sync(
    name: Name, runs: Runs = RUNS, tracking_uri: TrackingUri = None, trust: Trust = None, shared: Shared = False
) -> None:
    """Bring MLflow level with a sweep's folder, after the server was away or into another store.

    Example:
      gensweep sync wae --tracking-uri http://127.0.0.1:5000
    """
    trust_these(trust)
    folder = sweep_named(name, runs)
    from gensweep.terminal import waiting

    with waiting(f"bringing MLflow level with {name}"):
        from gensweep.campaign import synchronise

        said = synchronise(folder, tracking_uri)
    print(said)
