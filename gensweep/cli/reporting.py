"""The command that writes a page of a sweep: report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gensweep.cli.options import RUNS, Name, Plugins, Runs, Shared, sweep_to_use
from gensweep.errors import CannotRun
from gensweep.home import expanded


def report(
    name: Name,
    runs: Runs = RUNS,
    pdf: Annotated[
        Path | None, typer.Option(help="write its figures here as well, as PDF for a paper", show_default=False)
    ] = None,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="show it in the browser")] = False,
    plugins: Plugins = None,
    shared: Shared = False,
) -> None:
    """Write one HTML file of a sweep: verdict, charts, pictures, protocol. It needs no network; of a running sweep, so far.

    Pictures are made from checkpoints, and reconstructions from the data that the sweep names: before you report a
    stranger's, look at the paths in its sweep.yaml.

    Examples:
      gensweep report wae
      gensweep report wae --open
      gensweep report wae --pdf figures
    """
    folder = sweep_to_use(name, runs)
    destination = expanded(pdf, "--pdf") if pdf else None
    import webbrowser

    from gensweep.terminal import waiting

    with waiting(f"writing the report of {folder.name}"):
        from gensweep.report import content, page

        try:
            found = content.content_of(folder)
            written = [page.write(folder, found)]
            if destination:
                from gensweep.report import figures

                written += figures.write(folder, found, destination)
        except OSError as error:
            raise CannotRun(
                f"the report of {folder.name} cannot be written ({error.strerror or error}"
                f"{f': {error.filename}' if error.filename else ''}). Make the place writable, or free space on it."
            ) from error
    for path in written:
        print(f"{'Report' if path is written[0] else 'Figure'}: {path}")
    if open_ and not webbrowser.open(written[0].resolve().as_uri()):
        print("No browser was found here; open the file in one.", file=sys.stderr)
