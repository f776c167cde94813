"""What a person sees while a sweep runs: one live table on a terminal, one line a finished trial elsewhere. All on stderr."""

from __future__ import annotations

import errno
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gensweep.axes.axis import AxisPath
from gensweep.errors import Outcome
from gensweep.ledger.history import TrialRecord
from gensweep.objective import Objective
from gensweep.text import number

_COLOURS = {Outcome.COMPLETED: "green", Outcome.PRUNED: "yellow", Outcome.DIVERGED: "magenta", Outcome.FAILED: "red"}
_SHOWN = 8


class _Stdout(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to `main` to say what it means that nobody reads any more; rich would end the process with 1."""
        raise BrokenPipeError(errno.EPIPE, "nobody reads the output any more")


class Display:
    """The progress of one sweep. Give `changed` to the driver, and use it around the run."""

    def __init__(self, name: str, total: int, objective: Objective, epochs: str) -> None:
        self.name, self.total, self.objective, self.epochs = name, total, objective, epochs
        self.console = Console(stderr=True)
        self.records: dict[int, TrialRecord] = {}
        self._began = time.monotonic()
        self._live = (
            Live(
                self._render(), console=self.console, refresh_per_second=4, transient=True, get_renderable=self._render
            )
            if self.console.is_terminal
            else None
        )

    def __enter__(self) -> Display:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def known(self, records: Iterable[TrialRecord]) -> None:
        """Trials of earlier starts: counted, not announced."""
        self.records |= {record.number: record for record in records}

    def changed(self, record: TrialRecord) -> None:
        """A trial was issued, reported or ended."""
        self.records[record.number] = record
        if record.outcome is not None and self._live is None:
            print(self._line(record), file=sys.stderr, flush=True)

    def say(self, message: str) -> None:
        """A sentence above the table."""
        self.console.print(message, highlight=False, markup=False, soft_wrap=True)

    def _line(self, record: TrialRecord) -> str:
        assert record.outcome is not None
        ended = sum(r.outcome is not None for r in self.records.values())
        what = ", ".join(f"{axis}={value}" for axis, value in parameters(record).items())
        score = f"{self.objective.metric} {number(record.best.get(self.objective.metric))}"
        why = f" ({record.reason})" if record.reason else ""
        return (
            f"[{ended}/{self.total}] {record.number:04d} {record.arm} {record.outcome.name.lower()} at epoch "
            f"{record.epoch}, {score}, {record.seconds:.1f} s: {what}{why}"
        )

    def _render(self) -> Group:
        ended = [r for r in self.records.values() if r.outcome is not None]
        running = [r for r in self.records.values() if r.outcome is None]
        counts = Text(
            f"{self.name}: {len(ended)} of {self.total} trials ended, {len(running)} running, "
            f"{time.monotonic() - self._began:.0f} s",
            style="bold",
        )
        for outcome, colour in _COLOURS.items():
            if n := sum(r.outcome is outcome for r in ended):
                counts.append(f"  {n} {outcome.name.lower()}", style=colour)
        metric = self.objective.metric
        table = Table(box=None, pad_edge=False)
        for column in ("trial", "arm", "epoch", f"best {metric}", "what"):
            table.add_column(column, justify="right" if column in ("trial", "epoch") else "left", no_wrap=True)
        ranked = sorted((r for r in ended if metric in r.best), key=lambda r: self.objective.loss(r.best[metric]))
        for record in [*running, *ranked][:_SHOWN]:
            style = "" if record.outcome is None else _COLOURS[record.outcome]
            what = ", ".join(f"{axis}={value}" for axis, value in parameters(record).items())
            table.add_row(
                f"{record.number:04d}",
                record.arm,
                f"{record.epoch}/{self.epochs}",
                number(record.best.get(metric)),
                Text(what),
                style=style,
            )
        return Group(counts, table)


def parameters(record: TrialRecord) -> dict[str, str]:
    """The searched values of a trial by the last part of their axis' name, short enough to read."""
    shown = {AxisPath(axis).name: value for axis, value in record.parameters.items()}
    return {axis: number(value) if isinstance(value, float) else str(value) for axis, value in shown.items()}


def print_table(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], title: str = "", *, console: Console | None = None
) -> None:
    """Rows as a table on stdout, wide enough for its content where stdout is not a terminal."""
    console = console or _Stdout()
    if not console.is_terminal:
        console = _Stdout(width=220)
    table = Table(
        title=Text(title) if title else None, title_justify="left", box=None, header_style="bold", pad_edge=False
    )
    for column in columns:
        table.add_column(column, no_wrap=column != "parameters", overflow="fold")
    for row in rows:
        table.add_row(*(Text(number(row.get(column))) for column in columns))  # Text: brackets are no markup
    console.print(table, soft_wrap=not console.is_terminal)


def waiting(what: str) -> AbstractContextManager[object]:
    """A line on stderr that says what takes so long, where it is a terminal; gone afterwards."""
    return Console(stderr=True).status(Text(what))
