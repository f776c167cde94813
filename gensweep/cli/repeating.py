"""The command that trains one trial again, to see whether its numbers come again: rerun."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gensweep.cli import completing
from gensweep.cli.options import RUNS, AsJson, Plugins, Runs, Trust, sweep_to_use, trust_these
from gensweep.errors import ConfigError
from gensweep.ledger.sweep_folder import SweepFolder

if TYPE_CHECKING:
    from gensweep.repetition import Repetition
    from gensweep.trial import Report


def rerun(
    trial: Annotated[
        str, typer.Argument(help="NAME/NUMBER, as in wae/7", show_default=False, autocompletion=completing.trials)
    ],
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, cuda:1, ...; default: as in the sweep", show_default=False)
    ] = None,
    runs: Runs = RUNS,
    trust: Trust = None,
    plugins: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Train one trial again in a temporary folder, and say of each score whether the numbers agree.

    Exit code 0 where all agree, bit for bit or to rounding (a ten-thousandth); 1 where they do not. Nothing is written to
    the sweep. What differs from where it was trained, versions or devices, is named.

    Examples:
      gensweep rerun wae/7
      gensweep rerun wae/7 --device cpu
    """
    trust_these(trust)
    folder, number = _named(trial, runs)
    from gensweep.terminal import say

    say(f"training {folder.name}/{number} again; its sweep stays as it is")
    from gensweep.repetition import repeat

    def told(report: Report) -> None:
        if sys.stderr.isatty():
            say(f"epoch {report.epoch}")

    with _ended_by_signals():
        found = repeat(folder, number, device, told)
    _print(found, as_json=as_json)
    if not found.agrees:
        raise typer.Exit(1)


def _named(trial: str, runs: Path) -> tuple[SweepFolder, int]:
    """The sweep and the number of a trial.

    Raises:
        ConfigError: it names none.
    """
    name, _, number = trial.rstrip("/").rpartition("/")
    if not name or not number.isdecimal() or len(number) > 15:
        raise ConfigError(
            f"'{trial:.100}' names no trial. Write NAME/NUMBER, as in wae/7; gensweep show NAME lists them."
        )
    return sweep_to_use(name, runs), int(number)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Meanwhile SIGTERM and SIGHUP end the command as an exception does, so that the temporary folder goes with it."""

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _print(found: Repetition, *, as_json: bool) -> None:
    from gensweep.cli.output import print_facts, print_rows
    from gensweep.tables import Layout
    from gensweep.terminal import print_text

    rows = [one.row() for one in found.scores]
    if as_json:
        facts = {"agrees": found.agrees, "scores": rows, "missing": found.missing, "unlike": found.unlike}
        print_facts(facts, as_json=True)
        return
    columns = ("score", "epoch", "recorded", "here", "difference", "agrees")
    print_rows(rows, columns, layout=Layout(("score", "recorded", "here", "agrees"), elsewhere="--json"))
    unlike = [f"Recorded, and here: {'; '.join(found.unlike)}."] if found.unlike else []
    print_text("\n".join(["", *unlike, found.sentence()]))
