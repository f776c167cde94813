"""The commands that concern MLflow: ui, sync."""

from __future__ import annotations

from typing import Annotated

import typer

from gensweep.cli.options import RUNS, Name, Runs, TrackingUri, sweep_named


def ui(
    tracking_uri: TrackingUri = None,
    port: Annotated[int, typer.Option(help="of the page on this machine")] = 5000,
    runs: Runs = RUNS,
) -> None:
    """Open MLflow's own pages on the store in use; stop with Ctrl-C.

    Example:
      gensweep ui --port 5001
    """
    from gensweep.tracking.store import open_ui, resolve_uri

    pages = open_ui(resolve_uri(tracking_uri, runs), port)
    print(f"MLflow: {pages.url}", flush=True)
    if pages.process is not None:
        pages.process.wait()


def sync(name: Name, runs: Runs = RUNS, tracking_uri: TrackingUri = None) -> None:
    """Bring MLflow level with a sweep's folder, after the server was away or into another store.

    Example:
      gensweep sync wae --tracking-uri http://127.0.0.1:5000
    """
    folder = sweep_named(name, runs)
    from gensweep.campaign import synchronise

    print(synchronise(folder, tracking_uri))
