"""The commands that concern MLflow: ui, sync."""

from __future__ import annotations

from typing import Annotated

import typer

from gensweep.cli.options import RUNS, Name, Runs, TrackingUri, Trust, sweep_named, trust_these


def ui(
    tracking_uri: TrackingUri = None,
    port: Annotated[int, typer.Option(help="of the page on this machine")] = 5000,
    runs: Runs = RUNS,
) -> None:
    """Open MLflow's own pages on the store in use; stop with Ctrl-C, which is exit code 0.

    The server ends with this command, however that ends; SIGTERM and SIGHUP are exit codes 143 and 129.

    Example:
      gensweep ui --port 5001
    """
    from gensweep.terminal import waiting

    with waiting("starting MLflow's pages"):
        from gensweep.tracking import pages
        from gensweep.tracking.store import resolve_uri

        uri = resolve_uri(tracking_uri, runs)
        there = pages.running_server(uri)
    if there:
        print(f"MLflow: {there}")
        return
    try:
        with pages.ended_by_signals(), pages.Pages(uri, port) as shown:
            print(f"MLflow: {shown.url}", flush=True)
            shown.wait()
    except KeyboardInterrupt:
        return
    except pages.Ended as end:
        raise typer.Exit(end.code) from None


def sync(name: Name, runs: Runs = RUNS, tracking_uri: TrackingUri = None, trust: Trust = None) -> None:
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
