"""How far one driver goes: `python -m gensweep.benchmarks.scale [--nodes 1 2 4] [--trials 100 1000] [--quick]`.

Two parts, each a table on stdout as the documentation has it, with progress on stderr:

    cluster  `gensweep run --address` on a real Ray cluster of nodes that are daemons of this machine, a place for a trial on
             each, with trials so short that orchestration is nearly all there is. The smallest sweep on each number of nodes,
             the others on the most, where the largest runs with one report a trial and in packs too.
    driver   the same driver by a script of reports, without Ray and training, as driver.py has it, with the store's share

All nodes share this machine's cores: rates are of it, while processor milliseconds of the driver hold for any number of them.
What is said of `cluster` an hour, a second, a trial, a report and a core is of the time from when the store was open to the
last trial's end. In brackets is the main thread, which has Ray Tune and the ledger; the others have MLflow and talk to Ray.
The two take about 13 minutes on two cores.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml

from gensweep.benchmarks import driver
from gensweep.benchmarks._telling import machine, markdown, say
from gensweep.benchmarks.nodes import Nodes
from gensweep.benchmarks.watched import Watched, watched
from gensweep.ledger.sweep_folder import SweepFolder

PARTS = ("cluster", "driver")
EPOCHS = 4
_ROWS = 16  # of the packs
_REPORTS = 10  # of a trial of the script
_MOST_SENT = 1_000  # trials of the script that are sent to MLflow
_METRIC = "sliced_wasserstein"
CLUSTER = (
    "nodes", "trials", "reports", "way", "s", "after the last trial", "trials an hour", "reports a s",
    "driver, ms a trial", "driver, ms a report", "driver, of a core", "peak MiB", "events.jsonl MiB", "mlflow.db MiB",
    "outside training",
)  # fmt: skip
DRIVER = (
    "trials", "a report is taken, ms", "a trial is issued, ms", "events.jsonl MiB", "rebuilt, s", "peak MiB",
    "into MLflow, s", "8 new reports, s", "mlflow.db MiB",
)  # fmt: skip


@dataclass(frozen=True)
class Way:
    """How a sweep of the first part runs."""

    title: str
    overrides: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether its trials train alone."""
        return not any(override.startswith("resources.pack") for override in self.overrides)


ALONE = Way(f"{EPOCHS} reports a trial")
ONE_REPORT = Way("1 report a trial", (f"trial.evaluation.every={EPOCHS}",))
PACKS = Way(f"packs of {_ROWS}", (f"resources.pack={_ROWS}",))


class Cost(NamedTuple):
    """What ended and was reported in so many seconds, and the driver's for it: those of its main thread, and of the others."""

    trials: int
    reports: int
    seconds: float
    main: float
    others: float

    def cells(self) -> tuple[str, ...]:
        """Trials an hour, reports a second, the driver's milliseconds for one of each, and its part of a core."""
        milliseconds = 1000 * (self.main + self.others), 1000 * self.main
        return (
            f"{3600 * self.trials / self.seconds:,.0f}",
            f"{self.reports / self.seconds:.1f}",
            "{:.0f} ({:.0f})".format(*(ms / self.trials for ms in milliseconds)),
            "{:.1f} ({:.1f})".format(*(ms / self.reports for ms in milliseconds)),
            "{:.0%} ({:.0%})".format(*(ms / 1000 / self.seconds for ms in milliseconds)),
        )


@dataclass(frozen=True)
class Line:
    """A row of the first table."""

    nodes: int
    way: Way
    found: Watched

    def cells(self) -> tuple[str, ...]:
        """As the table has them; a dash where the sweep was over before anything could be seen of it."""
        found, cost = self.found, self.cost()
        whole = (str(self.nodes), f"{found.trials:,}", f"{found.reports:,}", self.way.title)
        seconds = (f"{found.seconds:.0f}", f"{found.after:.0f}")
        sizes = (f"{found.peak / 1024:.0f}", f"{found.log / 2**20:.2f}", f"{found.store / 2**20:.2f}")
        return (*whole, *seconds, *(cost.cells() if cost else ("-",) * 5), *sizes, self._outside(cost))

    def cost(self) -> Cost | None:
        """What was seen; None where that was nothing."""
        if self.found.steady is None:
            return None
        first, last = self.found.steady
        trials, reports, main = last.trials - first.trials, last.reports - first.reports, last.main - first.main
        return (
            Cost(trials, reports, last.at - first.at, main, last.cpu - first.cpu - main) if trials and reports else None
        )

    def _outside(self, cost: Cost | None) -> str:
        """The part of the places' time in which no trial trained or was evaluated; of rows of a stack it is not known."""
        return f"{1 - self.found.busy / (self.nodes * cost.seconds):.0%}" if cost and self.way.is_plain else "-"


def definition(trials: int) -> dict[str, Any]:
    """A sweep of trials that train for a few rounds only, each with a report of one cheap score."""
    return {
        "name": "scale", "objective": {"metric": _METRIC}, "search": {"sampler": "random", "samples": trials, "seed": 0},
        "early_stopping": {"name": "none"}, "confirm": "none", "tracking": {"models": "none"},
        "resources": {"cpu": 1, "gpu": 0, "pack": "off", "compile": "off"},
        "trial": {
            "dataset": {"name": "ring", "n_train": 256, "n_validation": 256, "n_test": 256},
            "network": {"name": "mlp", "hidden": [16]}, "latent_size": 2,
            "family": {"name": "vae", "beta": "loguniform(0.1, 1)"},
            "training": {"epochs": EPOCHS, "batch_size": 128, "optimizer": {"lr": "loguniform(1e-4, 1e-2)"}},
            "evaluation": {"metrics": [{"name": _METRIC, "n": 256}], "every": 1},
        },
    }  # fmt: skip


def one(nodes: Nodes, trials: int, way: Way, folder: Path) -> Line:
    """Run a sweep on the nodes that are there."""
    runs = Path(tempfile.mkdtemp(dir=folder))
    (file := runs / "scale.yaml").write_text(yaml.safe_dump(definition(trials)))
    store = runs / "mlflow.db"
    where = ["--address", nodes.address, "-o", str(runs), "--tracking-uri", f"sqlite:///{store}"]
    command = [sys.executable, "-m", "gensweep", "run", str(file), *way.overrides, *where]
    say(f"scale: {trials:,} trials on {len(nodes)} of the cluster's nodes, {way.title}")
    surroundings = {**nodes.environment, "GENSWEEP_CACHE": str(folder / "cache")}
    return Line(len(nodes), way, watched(command, runs, store, surroundings))


def lines(counts: Sequence[int], trials: Sequence[int], folder: Path) -> Iterator[Line]:
    """A cluster that grows from the least of `counts` nodes to the most."""
    least, *more = sorted(trials)
    with Nodes() as nodes:
        for count in sorted(counts):
            nodes.grow(count)
            yield one(nodes, least, ALONE, folder)
        for n in more:
            yield one(nodes, n, ALONE, folder)
        for way in (ONE_REPORT, PACKS):
            yield one(nodes, max(trials), way, folder)


def cluster(counts: Sequence[int], trials: Sequence[int], folder: Path) -> None:
    """The first part."""
    print(f"\n{markdown(CLUSTER, [line.cells() for line in lines(counts, trials, folder)])}", flush=True)


def script(trials: int, folder: Path) -> tuple[str, ...]:
    """A row of the second table: the driver's benchmark with so many trials, in processor time."""
    say(f"scale: {trials:,} trials of the driver's benchmark")
    rows = [
        [str(cell) for cell in row] for row in driver.rows(driver.sweep(trials, _REPORTS, "none"), _REPORTS, folder)
    ]
    calls = {call: cells for _, size, call, *cells in rows if size in (str(trials), str(driver.SIZES[0]))}
    ours = (calls["take"][-1], calls["next"][-1], calls["log MiB"][0], calls["rebuild CPU s"][0], calls["peak MiB"][0])
    sent = _sent(folder) if trials <= _MOST_SENT else ("-",) * 3
    return (f"{trials:,}", *ours, *sent)


def _sent(folder: Path) -> tuple[str, ...]:
    """Processor seconds of all of the script's sweep into the store, and of a pass in the middle of one; its size in MiB."""
    store = folder / "mlflow.db"
    passes = {
        what: str(seconds) for *_, what, seconds in driver.tracking_rows(SweepFolder.open(folder / "none"), store)
    }
    size = sum(file.stat().st_size for file in folder.glob(f"{store.name}*"))  # with what SQLite has yet to take in
    return passes["all of it CPU s"], passes["8 reports new CPU s"], f"{size / 2**20:.2f}"


def scripts(trials: Sequence[int], folder: Path) -> None:
    """The second part."""
    rows = [script(n, Path(tempfile.mkdtemp(dir=folder))) for n in sorted(trials)]
    print(f"\n{markdown(DRIVER, rows)}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", nargs="+", type=int, help="default: 1 2 4")
    parser.add_argument("--trials", nargs="+", type=int, help="of each sweep on the cluster; default: 100 1000")
    parser.add_argument("--script", nargs="+", type=int, help="trials of the second part; default: 100 1000 10000")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that all of it works")
    parser.add_argument("--folder", type=Path, help="on the disk to measure; default: a temporary one")
    given: Any = parser.parse_args(arguments)
    counts, trials, played = ([1, 2], [12], [20]) if given.quick else ([1, 2, 4], [100, 1_000], [100, 1_000, 10_000])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the nodes end with this process
    torch.set_num_threads(1)
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="gensweep-benchmark-", dir=given.folder) as name:
        if "cluster" in given.only:
            cluster(given.nodes or counts, given.trials or trials, Path(name))
        if "driver" in given.only:
            scripts(given.script or played, Path(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
