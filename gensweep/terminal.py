"""What a person sees while a sweep runs: one live table on a terminal, one line a finished trial elsewhere. All on stderr."""

from __future__ import annotations

import errno
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from gensweep.axes.axis import AxisPath
from gensweep.errors import Outcome
from gensweep.journal import note
from gensweep.ledger.history import TrialRecord
from gensweep.objective import Objective
from gensweep.progress import Loudness, loudness
from gensweep.tables import Layout, cells_of, natural_width, table
from gensweep.text import duration, number, printable

_COLOURS = {Outcome.COMPLETED: "green", Outcome.PRUNED: "yellow", Outcome.DIVERGED: "magenta", Outcome.FAILED: "red"}
_SHOWN = 8
_EVERY_LINE = 10.0  # seconds between lines about running trials
_PLAIN = Layout()


class _Console(Console):
    """A console that draws its own colours and moves, and shows a text, whoever wrote it, as text."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is drawn, with nothing in its texts that a terminal obeys: everything goes through here."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))


class _Stdout(_Console):
    def on_broken_pipe(self) -> None:
        """Leave it to `main` to say what it means that nobody reads any more; rich would end the process with 1."""
        raise BrokenPipeError(errno.EPIPE, "nobody reads the output any more")


class Display:
    """The progress of one sweep. Give `changed` to the driver, and use it around the run.

    A terminal has a table that is drawn anew, with how far all trials are; one that takes lines only (TERM=dumb) a line
    from time to time; and what is no terminal a line a trial that ended. A verbose one has lines alone, of every report too,
    and a quiet one nothing. Every trial that ended, and every sentence, is in the sweep's log.
    """

    def __init__(
        self, name: str, total: int, objective: Objective, epochs: str, console: Console | None = None
    ) -> None:
        self.name, self.total, self.objective, self.epochs = name, total, objective, epochs
        self.console = console or _stderr()
        self.records: dict[int, TrialRecord] = {}
        self._reported: dict[int, int] = {}  # the epoch of which a line was printed, by the trial's number
        self._began = self._heard = time.monotonic()
        self._before = (0, 0.0)  # trials that had ended, and shares of all that were done, when this start began
        self._live = (
            Live(self.drawn(), console=self.console, refresh_per_second=4, transient=True, get_renderable=self.drawn)
            if self.console.is_terminal and not self.console.is_dumb_terminal and loudness() is Loudness.USUAL
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
        self._before = (self._n_ended(), self._done())

    def changed(self, record: TrialRecord) -> None:
        """A trial was issued, reported or ended."""
        self.records[record.number] = record
        if record.outcome is not None:
            note(line := self._line(record))
        if self._live is not None:
            return
        if record.outcome is not None:
            self._print(line)
        elif loudness() is Loudness.VERBOSE and record.reports and self._reported.get(record.number) != record.epoch:
            self._reported[record.number] = record.epoch
            self._print(self._report(record))
        elif self.console.is_terminal and time.monotonic() - self._heard > _EVERY_LINE:
            self._print(f"{self._count()} {record.number:04d} {record.arm} at epoch {self._epoch(record)}")

    def say(self, message: str) -> None:
        """A sentence above the table."""
        note(message)
        self._print(message)

    def drawn(self) -> Group:
        """What a terminal shows now: how far all is, and as many trials as fit, the running and the best ones first."""
        records = list(self.records.values())  # another thread may add one
        ended = [r for r in records if r.outcome is not None]
        running = [r for r in records if r.outcome is None]
        head = Group(self._counts(ended, len(running)), self._bar())
        metric = self.objective.metric
        ranked = sorted((r for r in ended if metric in r.best), key=lambda r: self.objective.loss(r.best[metric]))
        shown = [*running, *ranked][:_SHOWN]
        room = self.console.height - len(self.console.render_lines(head)) - 1
        while shown:
            body = self._table(shown)
            if len(self.console.render_lines(body)) <= room:
                return Group(head, body)
            shown = shown[:-1]
        return head

    def time_left(self) -> float | None:
        """Seconds, from what this start has done so far; None before a trial has ended in it."""
        ended, done = self._before
        gained = self._done() - done
        if self._n_ended() == ended or gained <= 0:
            return None
        return (time.monotonic() - self._began) * (self.total - self._done()) / gained

    def _print(self, line: str) -> None:
        if loudness() > Loudness.QUIET:
            _print_line(self.console, line)
        self._heard = time.monotonic()

    def _n_ended(self) -> int:
        return sum(record.outcome is not None for record in self.records.values())

    def _done(self) -> float:
        """How many trials are done, those that run by their epochs."""
        return sum(_share(record) for record in list(self.records.values()))

    def _count(self) -> str:
        return f"[{self._n_ended()}/{self.total}]"

    def _epoch(self, record: TrialRecord) -> str:
        return f"{record.epoch}/{_epochs_of(record) or self.epochs}"

    def _line(self, record: TrialRecord) -> str:
        assert record.outcome is not None
        score = f"{self.objective.metric} {number(record.best.get(self.objective.metric))}"
        if self.objective.metric in record.test:
            score += f", on the test split {number(record.test[self.objective.metric])}"
        why = f" ({record.reason})" if record.reason else ""
        what = f": {found}" if (found := _what(record)) else ""
        return (
            f"{self._count()} {record.number:04d} {record.arm} {record.outcome.name.lower()} at epoch "
            f"{record.epoch}, {score}, {record.seconds:.1f} s{what}{why}"
        )

    def _report(self, record: TrialRecord) -> str:
        scores = ", ".join(
            f"{name} {number(value)}" for name, value in record.reports[-1].scores.items() if "." not in name
        )
        return f"{self._count()} {record.number:04d} {record.arm} at epoch {self._epoch(record)}: {scores}"

    def _counts(self, ended: Sequence[TrialRecord], n_running: int) -> Text:
        counts = Text(
            f"{self.name}: {len(ended)} of {self.total} trials ended, {n_running} running, "
            f"{duration(round(time.monotonic() - self._began))}",
            style="bold",
        )
        for outcome, colour in _COLOURS.items():
            if n := sum(r.outcome is outcome for r in ended):
                counts.append(f"  {n} {outcome.name.lower()}", style=colour)
        return counts

    def _bar(self) -> RenderableType:
        share = self._done() / max(self.total, 1)
        left = self.time_left()
        said = "time left: known when a trial has ended" if left is None else f"about {duration(round(left))} left"
        text = f"{share:.0%}  {said}"
        row = Table.grid(padding=(0, 2, 0, 0))
        row.add_row(
            ProgressBar(total=1, completed=share, width=max(10, min(40, self.console.width - len(text) - 4))), text
        )
        return row

    def _table(self, shown: Sequence[TrialRecord]) -> RenderableType:
        best = f"best {self.objective.metric}"
        columns = ("trial", "arm", "epoch", best, "parameters")
        rows = [
            {"trial": f"{r.number:04d}", "arm": r.arm, "epoch": self._epoch(r),
             best: number(r.best.get(self.objective.metric)), "parameters": _what(r)}
            for r in shown
        ]  # fmt: skip
        layout = Layout(keep=("trial", "arm", best, "parameters"), words=("parameters",))
        styles = ["" if r.outcome is None else _COLOURS[r.outcome] for r in shown]
        return table(columns, rows, self.console.width, layout, styles)


def parameters(record: TrialRecord) -> dict[str, str]:
    """The searched values of a trial by the last part of their axis' name, short enough to read."""
    shown = {AxisPath(axis).name: value for axis, value in record.parameters.items()}
    return {axis: "None" if value is None else number(value) for axis, value in shown.items()}


def print_table(
    columns: Sequence[str],
    rows: Iterable[Mapping[str, Any]],
    title: str = "",
    *,
    layout: Layout = _PLAIN,
    console: Console | None = None,
) -> None:
    """Rows as a table on stdout: in the width of a terminal, and with a line a row where stdout is none."""
    is_terminal = console.is_terminal if console else sys.stdout.isatty()
    console = console or _Stdout(force_terminal=None if is_terminal else False, file=_drawn(sys.stdout))
    cells = cells_of(columns, list(rows))
    width = console.width
    if not is_terminal:
        width = max(natural_width(columns, cells), 1)
        console = _Stdout(width=width, force_terminal=False, file=console.file)
    if title:
        console.print(Text(title), soft_wrap=True)
    console.print(table(columns, cells, width, layout), soft_wrap=not is_terminal)


def print_text(text: str) -> None:
    """Sentences on stdout: wrapped between words on a terminal, which would cut numbers and names; else as they are."""
    if sys.stdout.isatty():
        _Stdout(file=_drawn(sys.stdout)).print(Text(text))
    else:
        print(text)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A line on stderr that says what takes so long, where it is a terminal; gone afterwards.

    Print nothing meanwhile: rich would send it to stderr, above the line.
    """
    console = _stderr()
    if loudness() is Loudness.QUIET:
        yield
        return
    if console.is_terminal and not console.is_dumb_terminal:
        with console.status(Text(what), spinner="line"):
            yield
        return
    if console.is_terminal:
        say(what)
    yield


def say(what: str) -> None:
    """A line on stderr about what begins now and takes seconds; in the sweep's log too."""
    note(what)
    if loudness() > Loudness.QUIET:
        _print_line(_stderr(), f"gensweep: {what}")


def _print_line(console: Console, line: str) -> None:
    """On a terminal wrapped between words: it would cut the numbers at its edge."""
    console.print(Text(line), soft_wrap=not console.is_terminal)


def _stderr() -> Console:
    """A terminal only where stderr is one, whatever FORCE_COLOR says: a file of a live table is of no use."""
    return _Console(file=_drawn(sys.stderr), force_terminal=None if sys.stderr.isatty() else False)


def _drawn(stream: TextIO) -> TextIO:
    """The stream below the one that takes text alone (cli/streams.py), where there is one."""
    below: TextIO = getattr(stream, "as_drawn", stream)
    return below


def _what(record: TrialRecord) -> str:
    if record.parent is not None:
        return f"confirms {record.parent:04d} on fresh seed {record.repeat + 1}"
    return ", ".join(f"{axis}={value}" for axis, value in parameters(record).items())


def _epochs_of(record: TrialRecord) -> int | None:
    training = record.configuration.get("training")
    epochs = training.get("epochs") if isinstance(training, dict) else None
    return epochs if isinstance(epochs, int) and epochs > 0 else None


def _share(record: TrialRecord) -> float:
    """How much of a trial is done."""
    if record.outcome is not None:
        return 1.0
    epochs = _epochs_of(record)
    return min(record.epoch / epochs, 1.0) if epochs else 0.0
