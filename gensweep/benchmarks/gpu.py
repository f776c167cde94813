"""What one GPU does with packs, as one table: `python -m gensweep.benchmarks.gpu [--device cpu] [--quick] [--minutes 5]`.

For networks of several kinds a trial alone, stacks of 8, 32, 128 and 512 rows up to the plateau, where more rows give less than a
tenth more, and the best of these compiled and in other precisions: rounds of a trial a second by the clock, how many times
the trial alone, and the peak of memory. It needs no network and neither Ray nor MLflow nor Optuna. Where the minutes are over,
the rest is left out and that is said.
"""

from __future__ import annotations

import argparse
import gc
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from gensweep.benchmarks import workloads as of
from gensweep.benchmarks._telling import machine, say, table
from gensweep.benchmarks.workloads import BATCH, Workload
from gensweep.devices import forget_the_peak, n_usable, name_of, peak, software, wait_for, why_unusable
from gensweep.faults import Fault, fault_of
from gensweep.modes import Mode
from gensweep.text import size
from gensweep.trainers.compiling import Uncompilable
from gensweep.trainers.loop import train
from gensweep.trainers.pack import PackTraining

ROWS = (8, 32, 128, 512)
WORKLOADS = (of.WAE_784, of.WAE_CONV, of.WGAN_64)
COLUMNS = ("workload", "way", "trial-rounds a s", "gain", "peak memory", "first epoch s")
PLATEAU = 1.1  # times as quick: less is no reason for more rows
PRECISIONS = ("tf32", "bfloat16")
_ENDLESS = 10**6  # epochs: measured is by the clock
_COMPILING = 90.0  # seconds that must be left for it


@dataclass(frozen=True)
class Way:
    """How trials of a workload are trained: so many rows, 0 for a trial alone, compiled or not."""

    workload: Workload
    rows: int = 0
    is_compiled: bool = False

    def __str__(self) -> str:
        plain = str(Mode(self.rows or 1, self.is_compiled))
        return plain if self.workload.precision == "float32" else f"{plain}, {self.workload.precision}"


@dataclass(frozen=True)
class Measured:
    """Rounds of a trial in a second of the clock; the peak of memory in bytes, 0 where unknown; seconds of the first epoch."""

    way: Way
    rate: float = 0.0
    peak: int = 0
    first: float = 0.0
    reason: str = ""

    def row(self, alone: float) -> tuple[str, ...]:
        """Its line of the table."""
        name = self.way.workload.name
        if self.reason:
            return name, str(self.way), f"not run: {self.reason:.60}", "", "", ""
        gain, taken = self.rate / alone, size(self.peak) if self.peak else "?"
        return name, str(self.way), f"{self.rate:.0f}", f"{gain:.2f}", taken, f"{self.first:.1f}"


class Clock:
    """How long is left."""

    def __init__(self, minutes: float) -> None:
        self._end = time.monotonic() + 60 * minutes

    @property
    def left(self) -> float:
        """Seconds."""
        return self._end - time.monotonic()


def measured(way: Way, device: torch.device, seconds: float) -> Measured:
    """Train for about so many seconds, after an epoch that is not counted."""
    gc.collect()
    if device.type == "cuda":
        forget_the_peak(device)
    try:
        epoch = _epochs(way, device)
        first = _timed(epoch, device)
        n, began = 0, time.perf_counter()
        while n == 0 or time.perf_counter() - began < seconds:
            epoch()
            n += 1
        wait_for(device)
        rate = n * way.workload.rounds(1) * (way.rows or 1) / (time.perf_counter() - began)
    except Uncompilable as error:
        return Measured(way, reason=str(error))
    except RuntimeError as error:
        if fault_of(error) is not Fault.MEMORY:
            raise
        return Measured(way, reason="the memory ran out")
    return Measured(way, rate, peak(device) if device.type == "cuda" else 0, first)


def _epochs(way: Way, device: torch.device) -> Callable[[], object]:
    """What trains all trials of a way for one epoch."""
    data, name = way.workload.data().to(device), str(device)
    if not way.rows:
        epochs = train(way.workload.trainee(0, name), data, _ENDLESS, BATCH, 0)
        return lambda: next(epochs)
    training = PackTraining(way.workload.trainee(0, name), data, BATCH, way.rows, compiled=way.is_compiled)
    for seed in range(way.rows):
        training.enter(way.workload.trainee(seed, name), _ENDLESS, seed)
    return training.play


def _timed(call: Callable[[], object], device: torch.device) -> float:
    began = time.perf_counter()
    call()
    wait_for(device)
    return time.perf_counter() - began


def up_to_the_plateau(
    workload: Workload, device: torch.device, sizes: Sequence[int], seconds: float, clock: Clock
) -> Iterator[Measured]:
    """A trial alone, then stacks of more and more rows as long as that pays."""
    best = 0.0
    for rows in (0, *sizes):
        if clock.left < seconds:
            yield Measured(Way(workload, rows), reason="no time was left")
            return
        say(f"{workload.name}: {Way(workload, rows)}")
        found = measured(Way(workload, rows), device, seconds)
        yield found
        if found.reason or found.rate < PLATEAU * best:
            return
        best = found.rate


def of_the_best(best: Way, device: torch.device, seconds: float, clock: Clock) -> Iterator[Measured]:
    """The best number of rows in other precisions, and compiled."""
    others = [replace(best, workload=replace(best.workload, precision=name)) for name in PRECISIONS]
    for way in [*(others if device.type == "cuda" else []), replace(best, rows=best.rows or 1, is_compiled=True)]:
        if clock.left < (_COMPILING if way.is_compiled else seconds):
            yield Measured(way, reason="no time was left")
            continue
        say(f"{way.workload.name}: {way}")
        yield measured(way, device, seconds)


def rows(
    workloads: Sequence[Workload], device: torch.device, sizes: Sequence[int], seconds: float, clock: Clock,
) -> Iterator[tuple[str, ...]]:  # fmt: skip
    """The lines of the table; what is compiled comes last, as it takes longest."""
    found = [list(up_to_the_plateau(workload, device, sizes, seconds, clock)) for workload in workloads]
    for of_one in found:
        best = max(of_one, key=lambda one: one.rate)
        of_one.extend(of_the_best(best.way, device, seconds, clock) if best.rate else [])
    for of_one in found:
        alone = of_one[0].rate or math.nan
        yield from (one.row(alone) for one in of_one)


def heading(device: torch.device) -> str:
    """What the figures are of."""
    below = ", ".join(f"{name} {version}" for name, version in software(device).items())
    return f"{name_of(device)}{f' ({below})' if below else ''}; {machine()}"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to see that all of it works")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, and nothing is compiled")
    parser.add_argument("--minutes", type=float, default=5.0, help="after which no further measurement begins")
    given = parser.parse_args(arguments)
    device = torch.device(given.device)
    if device.type == "cuda" and not n_usable():
        say(f"no GPU that torch can use: {why_unusable()}. To see that the benchmark works: --device cpu --quick")
        return 2
    if given.quick:
        lines = rows([of.WAE_64], device, (2,), 0.0, Clock(0.98 * _COMPILING / 60))  # less than compiling wants
    else:
        lines = rows(WORKLOADS, device, ROWS, 2.0, Clock(given.minutes))
    table(heading(device), COLUMNS, lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
