"""The commands that read a sweep's folder: ls, show, compare."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer

from gensweep.cli import completing
from gensweep.cli.options import RUNS, AsJson, Name, Plugins, Runs, sweep_named
from gensweep.errors import ConfigError, DamagedSweep, suggest


def ls(runs: Runs = RUNS, as_json: AsJson = False, plugins: Plugins = None) -> None:
    """List the sweeps, with how far each is. One that is damaged is listed as such, said why, and is exit code 5.

    Example:
      gensweep ls
    """
    from gensweep.cli.output import print_rows
    from gensweep.comparison.collect import SUMMARY, summary
    from gensweep.ledger.sweep_folder import SweepFolder, sweeps
    from gensweep.tables import Layout

    rows, damaged = list[dict[str, Any]](), list[str]()
    for folder in sweeps(runs):
        try:
            rows.append(summary(SweepFolder.open(folder.path)))
        except (DamagedSweep, OSError) as error:
            rows.append(dict.fromkeys(SUMMARY) | {"sweep": folder.name, "state": "damaged"})
            damaged.append(str(error))
    layout = Layout(("sweep", "trials", "ended", "state", "best"), elsewhere="--json")
    print_rows(rows, SUMMARY, as_json=as_json, layout=layout)
    if damaged:
        raise DamagedSweep("\n".join(damaged))


def show(
    name: Name,
    trial: Annotated[int | None, typer.Argument(help="a trial's number", autocompletion=completing.numbers)] = None,
    runs: Runs = RUNS,
    plugins: Plugins = None,
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


def compare(  # noqa: PLR0913 -- the options of a command are its interface
    names: Annotated[
        list[str], typer.Argument(help="one or more sweeps", show_default=False, autocompletion=completing.sweeps)
    ],
    runs: Runs = RUNS,
    metric: Annotated[str | None, typer.Option(help="compare by this score instead of the objective")] = None,
    by: Annotated[str, typer.Option(help="group by this column: arm, family, divergence, latent_size, ...")] = "arm",
    margin: Annotated[
        float | None,
        typer.Option(help="call arms equal within this difference; a share, as 0.05, where ratios are compared (fid)"),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="compare sweeps that differ in data, network or epochs too; the result says so"),
    ] = False,
    form: Annotated[
        str,
        typer.Option("-f", "--format", help="table, markdown, csv, json (numbers for programs) or latex (booktabs)"),
    ] = "table",
    plugins: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Say which arm is best, how sure that is and what it cost: of confirmed arms, else what the search can say.

    Examples:
      gensweep compare families
      gensweep compare families -f latex > table.tex
      gensweep compare wae --by latent_size
      gensweep compare wae families --metric wasserstein
    """
    if as_json and form not in ("table", "json"):
        raise ConfigError(f"--json and --format {form} say two things. Give one of them.")
    form = "json" if as_json else form
    folders = [sweep_named(name, runs) for name in names]
    from gensweep.terminal import print_text, waiting

    with waiting(f"comparing the trials of {', '.join(names)}"):
        from gensweep.cli.output import print_comparison
        from gensweep.comparison.collect import trials
        from gensweep.comparison.compare import compared
        from gensweep.comparison.formats import FORMS, formatted
        from gensweep.spaces.due import due

        if form not in ("table", *FORMS):
            raise ConfigError(f"--format: {form!r:.60} is none. {suggest(form, ('table', *FORMS))}")
        if margin is not None and not 0 < margin < math.inf:
            raise ConfigError(
                f"--margin: {margin} is no finite difference above 0. Leave it out where every difference matters."
            )
        states = {folder: folder.state() for folder in folders}
        tables = [trials(folder, states[folder]) for folder in folders]
        comparison = compared(tables, metric=metric, by=by, margin=margin, force=force, due=due(states))
    if form != "table":
        print(formatted(comparison, form))
        return
    print_text(comparison.sentence() + "\n")
    print_comparison(comparison)
