"""The commands that read a sweep's folder: ls, show, compare."""

from __future__ import annotations

from typing import Annotated

import typer

from gensweep.cli.options import RUNS, AsJson, Name, Runs, sweep_named


def ls(runs: Runs = RUNS, as_json: AsJson = False) -> None:
    """List the sweeps, with how far each is.

    Example:
      gensweep ls
    """
    from gensweep.cli.output import print_rows
    from gensweep.comparison.collect import SUMMARY, summary
    from gensweep.ledger.sweep_folder import sweeps
    from gensweep.tables import Layout

    layout = Layout(("sweep", "trials", "ended", "state", "best"), elsewhere="--json")
    print_rows([summary(folder) for folder in sweeps(runs)], SUMMARY, as_json=as_json, layout=layout)


def show(
    name: Name,
    trial: Annotated[int | None, typer.Argument(help="a trial's number")] = None,
    runs: Runs = RUNS,
    as_json: AsJson = False,
) -> None:
    """Show the trials of a sweep, or everything about one trial.

    Examples:
      gensweep show wae
      gensweep show wae 7
    """
    from gensweep.cli.output import print_each, print_facts
    from gensweep.comparison.collect import facts, trials

    folder = sweep_named(name, runs)
    if trial is None:
        print_each(trials(folder), as_json=as_json)
    else:
        print_facts(facts(folder, trial), as_json=as_json)


def compare(
    names: Annotated[list[str], typer.Argument(help="one or more sweeps", show_default=False)],
    runs: Runs = RUNS,
    metric: Annotated[str | None, typer.Option(help="rank by this score instead of the objective")] = None,
    by: Annotated[str, typer.Option(help="group by this column: arm, family, divergence, latent_size, ...")] = "arm",
    as_json: AsJson = False,
) -> None:
    """Rank arms (or what another column groups): expected best at equal budget, with intervals.

    Examples:
      gensweep compare families
      gensweep compare wae --by latent_size
      gensweep compare wae families --metric wasserstein
    """
    folders = [sweep_named(name, runs) for name in names]
    from gensweep.terminal import print_text, waiting

    with waiting(f"comparing the trials of {', '.join(names)}"):
        from gensweep.cli.output import print_comparison
        from gensweep.comparison.compare import compare as ranked

        comparison = ranked(folders, metric=metric, by=by)
    if not as_json:
        print_text(comparison.sentence() + "\n")
    print_comparison(comparison, as_json=as_json)
