"""The commands that find a sweep again whose driver runs elsewhere: status, logs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gensweep.cli import completing
from gensweep.cli.options import RUNS, AsJson, JobsAddress, Name, Plugins, Runs, sweep_named, takes_jobs
from gensweep.errors import CannotRun, Interrupted

if TYPE_CHECKING:
    from gensweep.ledger.standing import Standing
    from gensweep.ledger.sweep_folder import SweepFolder

_COLUMNS = ("sweep", "state", "job", "host", "since", "exit_code", "runs")


def status(
    name: Annotated[
        str | None,
        typer.Argument(help="a sweep; without one, all", show_default=False, autocompletion=completing.sweeps),
    ] = None,
    runs: Runs = RUNS,
    address: JobsAddress = None,
    as_json: AsJson = False,
    plugins: Plugins = None,
) -> None:
    """Say how a sweep's driver is, from any machine that sees the folder: where it runs, or why it ended, and what comes next.

    It runs, waits, has stopped with a reason and an exit code, is done, or died. Without a name it is `gensweep ls`.

    Examples:
      gensweep status
      gensweep status wae
      gensweep status wae --address http://head:8265
    """
    if takes_jobs(address):
        _print_jobs(str(address), name, as_json=as_json)
        return
    if name is None:
        from gensweep.cli.showing import ls

        ls(runs, as_json, plugins)
        return
    folder = sweep_named(name, runs)
    from gensweep.cli.output import print_facts
    from gensweep.comparison.collect import summary
    from gensweep.ledger.standing import standing

    state = folder.state()
    found, how_far = standing(folder, state), summary(folder)
    n_running = len(state.running) if found.is_held else 0
    if as_json:
        print_facts(_facts(found) | {"running": n_running} | how_far | {"state": found.word}, as_json=True)
        return
    from gensweep.text import counted, number

    print(f"{folder.name}: {_sentence(found, folder)}")
    running = f", {n_running} in hand" if n_running else ""
    best = f"; best {how_far['objective']} {number(how_far['best'])}" if how_far["best"] is not None else ""
    print(f"{how_far['ended']} of {counted(how_far['trials'], 'trial')} so far have ended{running}{best}")
    print(_way_on(found, folder))


def _facts(found: Standing) -> dict[str, Any]:
    driver = found.driver
    return {
        "host": driver.host if driver else None,
        "pid": driver.pid if driver else None,
        "since": driver.started if driver else None,
        "reason": found.reason or None,
        "exit_code": found.code,
    }


def _sentence(found: Standing, folder: SweepFolder) -> str:
    where = f" on {found.driver.host} (process {found.driver.pid})" if found.driver else ""
    if found.is_held:
        since = f" since {found.driver.started}" if found.driver else ""
        return f"{found.word}{where}{since}" + (f"; it was told to stop by {found.reason}" if found.reason else "")
    code = f", exit code {found.code}" if found.code is not None else ""
    if found.word == "stopped":
        return f"stopped{code}: {found.reason}"
    if found.word == "died":
        return f"its driver died{where}: {found.reason}"
    return f"{found.word}{code}" + (f"; {found.rest}" if found.rest else "")


def _way_on(found: Standing, folder: SweepFolder) -> str:
    if found.is_held:
        return f"What it says: gensweep logs {folder.argument} -f. End it: gensweep stop {folder.argument}"
    if found.word == "done" and not found.rest:
        return f"The answer: gensweep compare {folder.argument}"
    return f"Continue with: gensweep resume {folder.argument}"


def _print_jobs(address: str, name: str | None, *, as_json: bool) -> None:
    from gensweep.cli.jobs import facts, found
    from gensweep.cli.output import print_facts, print_rows
    from gensweep.executors.ray_jobs import Jobs
    from gensweep.terminal import waiting

    with waiting(f"asking {address}"):
        jobs = Jobs(address)
        rows = [facts(found(jobs, name))] if name is not None else [facts(job) for job in jobs.of_sweeps()]
    if name is not None:
        print_facts(rows[0], as_json=as_json)
    else:
        print_rows(rows, _COLUMNS, as_json=as_json)


def logs(
    name: Name,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on until the sweep's driver ends")] = False,
    lines: Annotated[
        int | None, typer.Option("--lines", "-n", min=0, help="the last ones alone", show_default=False)
    ] = None,
    runs: Runs = RUNS,
    address: JobsAddress = None,
    plugins: Plugins = None,
) -> None:
    """Print what the drivers of a sweep have said: its gensweep.log, and what one without a terminal printed, the answer too.

    -f follows it, from any machine that sees the folder, and ends with the driver, exit code 0; Ctrl-C ends it with 130.

    Examples:
      gensweep logs wae
      gensweep logs wae -f -n 20
      gensweep logs wae -f --address http://head:8265
    """
    try:
        if takes_jobs(address):
            _print_log_of_a_job(str(address), name, lines, follow=follow)
        else:
            folder = sweep_named(name, runs)
            _print_log(folder, lines, follow=follow)
    except KeyboardInterrupt:
        sys.exit(Interrupted.exit_code)  # without a word


def _print_log(folder: SweepFolder, lines: int | None, *, follow: bool) -> None:
    from gensweep.driver_log import said

    is_empty = True
    for line in said(folder.path, lines, (lambda: folder.holder() is not None) if follow else None):
        print(line, flush=follow)
        is_empty = False
    if is_empty and lines != 0:
        raise CannotRun(
            f"{folder.path}: holds no log yet, as no driver has begun. How it is: gensweep status {folder.argument}"
        )


def _print_log_of_a_job(address: str, name: str, lines: int | None, *, follow: bool) -> None:
    from gensweep.cli.jobs import found
    from gensweep.executors.ray_jobs import Jobs

    jobs = Jobs(address)
    job = found(jobs, name)
    text = jobs.log(job.id)
    shown = text.splitlines(keepends=True)
    print("".join(shown if lines is None else shown[len(shown) - min(lines, len(shown)) :]), end="", flush=True)
    if not follow:
        return
    left = len(text)

    def told(part: str) -> None:
        nonlocal left
        print(part[left:], end="", flush=True)
        left = max(0, left - len(part))

    jobs.follow(job.id, told)
