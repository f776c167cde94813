"""What the driver costs: `python -m gensweep.benchmarks.driver [--trials 10000] [--reports 10]`.

The real driver with its ledger on disk, and no training: reports follow a script. Twice, with ASHA and without. One table
on stdout: milliseconds of `take` and `next` around the first 100, 1,000 and 10,000 trials, the log's size, peak memory, the
time to rebuild the state as a resume does; and once the tracking into SQLite: all of it (13 minutes for 10,000 trials, which
a sweep spreads over its hours), a pass with nothing new, and one with 8 new reports. Targets: `take` under 2 ms in the mean
and flat, under 1 GiB, under 5 s to rebuild, a pass under 0.2 s.
"""

from __future__ import annotations

import argparse
import cProfile
import math
import pstats
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from gensweep.errors import Outcome
from gensweep.ledger.durable import append_at
from gensweep.ledger.history import TrialRecord
from gensweep.ledger.sweep_folder import SweepFolder
from gensweep.ledger.trial_folder import Row
from gensweep.orchestration.driver import Driver
from gensweep.spaces.sweep import Sweep, from_definition
from gensweep.tracking.projection import Projection
from gensweep.trial import Job, Report

T = TypeVar("T")
_METRIC = "sliced_wasserstein"
SIZES = (100, 1_000, 10_000)
_COLUMNS = ("early stopping", "trials", "call", "mean ms", "median ms", "p99 ms", "CPU ms")


def sweep(n_trials: int, n_reports: int, early_stopping: str) -> Sweep:
    """A sweep of two arms under random search."""
    return from_definition({
        "name": "benchmark", "objective": {"metric": _METRIC},
        "search": {"sampler": "random", "samples": n_trials // 2, "seed": 0},
        "early_stopping": {"name": early_stopping},
        "trial": {
            "dataset": {"name": "ring"}, "network": {"name": "mlp", "hidden": [16]}, "latent_size": "choice(2, 4)",
            "family": {"one_of": [{"name": "vae", "beta": "loguniform(0.1, 1)"}, {"name": "wae", "lambda": "uniform(1, 9)"}]},
            "training": {"epochs": n_reports, "optimizer": {"lr": "loguniform(1e-4, 1e-2)"}},
            "evaluation": {"metrics": [_METRIC], "every": 1}, "seed": 0,
        },
    })  # fmt: skip


class Timed:
    """A driver whose calls are timed, in milliseconds."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.takes: list[tuple[int, float, float]] = []  # (trials so far, ms, ms of this process)
        self.nexts: list[tuple[int, float, float]] = []

    def next(self) -> Job | None:
        """The driver's `next`."""
        return self._timed(self.nexts, self.driver.next)

    def take(self, report: Report) -> bool:
        """The driver's `take`."""
        return self._timed(self.takes, lambda: self.driver.take(report))

    def _timed(self, into: list[tuple[int, float, float]], call: Callable[[], T]) -> T:
        began, busy = time.perf_counter(), time.process_time()
        answer = call()
        cpu, wall = time.process_time() - busy, time.perf_counter() - began
        into.append((len(self.driver.state.trials), 1000 * wall, 1000 * cpu))
        return answer


def play(driver: Timed, n_reports: int) -> None:
    """Every trial of the sweep, two at once, each with scores that fall to a level of its own."""
    running: list[tuple[Job, Iterator[Report]]] = []
    while True:
        while len(running) < 2 and (job := driver.next()) is not None:
            running.append((job, _reports(job.number, n_reports)))
        if not running:
            return
        place = running.pop(0)
        if not driver.take(next(place[1])):
            running.append(place)


def _reports(number: int, n: int) -> Iterator[Report]:
    level, best = random.Random(number).uniform(0.1, 2), math.inf
    for epoch in range(1, n + 1):
        value = level + 1 / epoch
        best = min(best, value)
        scores = {_METRIC: value, f"{_METRIC}.error": 0.01, "second": 1 / value}
        outcome = Outcome.COMPLETED if epoch == n else None
        yield Report(
            number, epoch, 15 * epoch, scores, scores, epoch, 1.0 * epoch, 0.1 * epoch, outcome, "", {_METRIC: "0" * 16}
        )


def fsync_row(folder: Path) -> Sequence[object]:
    """What the disk alone takes to make a line of the log's size durable: what no driver can be faster than."""
    path, line, size, values = folder / "bare", b"x" * 600, 0, []
    for _ in range(200):
        began = time.perf_counter()
        size = append_at(path, size, line)
        values.append(1000 * (time.perf_counter() - began))
    return "-", "-", "write and fsync", *_spread(values)


def rows(of: Sweep, n_reports: int, folder: Path) -> Iterator[Sequence[object]]:
    """The lines of the table for one sweep, as they are found."""
    early_stopping = str(of.definition()["early_stopping"]["name"])
    place = SweepFolder.create(folder / early_stopping, of.definition())
    with place.hold():
        driver = Driver(of, place, _ignore)
        driver.start()
        timed = Timed(driver)
        play(timed, n_reports)
        driver.finish()
        assert driver.is_done, "the script left trials behind"
        issued = len(driver.state.trials)
    for size in (size for size in SIZES if size <= issued or size == SIZES[0]):
        for call, values in (("take", timed.takes), ("next", timed.nexts)):
            near = [(ms, cpu) for trials, ms, cpu in values if size - max(100, size // 10) < trials <= size]
            cpu_ms = statistics.fmean(cpu for _, cpu in near)
            yield early_stopping, size, call, *_spread([ms for ms, _ in near]), f"{cpu_ms:.3f}"
    yield early_stopping, issued, "log MiB", f"{place.events.path.stat().st_size / 2**20:.1f}"
    began = time.process_time()
    seconds, state = _seconds(SweepFolder.open(place.path).state)
    cpu_seconds = time.process_time() - began
    assert state == driver.state, "the state is not what the log says"
    yield early_stopping, issued, "rebuild s", f"{seconds:.2f}"
    yield early_stopping, issued, "rebuild CPU s", f"{cpu_seconds:.2f}"
    yield early_stopping, issued, "peak MiB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def tracking_rows(place: SweepFolder, store: Path) -> Iterator[Sequence[object]]:
    """A pass of the tracking into an empty SQLite store, one with nothing new, and one in the middle of a sweep."""
    projection = Projection(place, f"sqlite:///{store}")
    projection.start()
    for what in ("all of it", "nothing new", "8 reports new"):
        if what.startswith("8"):
            _go_on(place)
        began = time.process_time()
        seconds, progress = _seconds(projection.sync)
        cpu_seconds = time.process_time() - began
        assert progress.is_done, progress
        yield place.name, progress.trials, f"{what} s", f"{seconds:.2f}"
        yield place.name, progress.trials, f"{what} CPU s", f"{cpu_seconds:.2f}"


def _go_on(place: SweepFolder) -> None:
    """Two more trials with four reports each, as their worker and their driver leave them."""
    first, configuration = len(place.state().trials), place.state().trials[0].configuration
    with place.hold():
        for number in (first, first + 1):
            key = f"{number:064x}"
            place.events.append({"event": "issued", "number": number, "arm": "vae", "position": number, "key": key,
                                 "parameters": {}, "configuration": configuration})  # fmt: skip
            for epoch in range(1, 5):
                scores = {_METRIC: 1.0 / epoch}
                place.trial(number, "vae", key).append([Row(epoch, 16 * epoch, 1000 * epoch, 1.0, scores)])
                place.events.append(
                    {"event": "reported", "number": number, "epoch": epoch, "step": epoch, "scores": scores}
                )


def _ignore(_record: TrialRecord) -> None:
    pass


def _spread(values: Sequence[float]) -> tuple[str, str, str]:
    ranked = sorted(values)
    p99 = ranked[min(len(ranked) - 1, int(0.99 * len(ranked)))]
    return f"{statistics.fmean(ranked):.3f}", f"{statistics.median(ranked):.3f}", f"{p99:.3f}"


def _seconds(call: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    answer = call()
    return time.perf_counter() - began, answer


def profile(n_trials: int, n_reports: int, folder: Path) -> None:
    """Where the driver's time goes, to stderr."""
    of = sweep(n_trials, n_reports, "none")
    place = SweepFolder.create(folder / "profile", of.definition())
    with place.hold(), cProfile.Profile() as measured:
        driver = Driver(of, place, _ignore)
        driver.start()
        play(Timed(driver), n_reports)
    pstats.Stats(measured, stream=sys.stderr).sort_stats("tottime").print_stats(30)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--reports", type=int, default=10)
    parser.add_argument("--profile", action="store_true", help="where the time goes, instead of the table")
    parser.add_argument("--without-tracking", action="store_true", help="no pass into MLflow")
    parser.add_argument("--folder", type=Path, help="on the disk to measure; default: a temporary one")
    given: Any = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        if given.profile:
            profile(given.trials, given.reports, Path(name))
            return
        _print(_COLUMNS)
        _print(fsync_row(Path(name)))
        for early_stopping in ("none", "asha"):
            for row in rows(sweep(given.trials, given.reports, early_stopping), given.reports, Path(name)):
                _print(row)
            if early_stopping == "none" and not given.without_tracking:
                for row in tracking_rows(SweepFolder.open(Path(name) / early_stopping), Path(name) / "mlflow.db"):
                    _print(row)


def _print(cells: Sequence[object]) -> None:
    widths = (15, 7, 18, 9, 9, 9, 9)
    print("  ".join(f"{cell!s:<{width}}" for cell, width in zip(cells, widths, strict=False)).rstrip(), flush=True)


if __name__ == "__main__":
    main()
