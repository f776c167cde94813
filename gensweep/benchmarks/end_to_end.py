"""Trials an hour, end to end: `gensweep run` as anyone calls it against the plain script, on all cores of this machine.

Both have a real Ray and a real MLflow on SQLite, the same networks, batches and metrics, and as many workers. The plain
script is measured from its first trial's start, so that what Ray takes to come up is not held against its few trials;
gensweep from the command to its end, with its start, its report, and what it measures and compiles.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from gensweep.benchmarks._telling import ROOT, n_cores, say, surroundings
from gensweep.datasets.base import load
from gensweep.datasets.digits import Digits
from gensweep.errors import Outcome
from gensweep.ledger.sweep_folder import SweepFolder

DEFAULT_SWEEP = ROOT / "search_spaces" / "wae.yaml"
_HELD = 1000  # digits that samples are held against; 100 test, the other 697 train


@dataclass(frozen=True)
class Contest:
    """One kind of trial, for both: as the plain script has it, and as a search space with overrides."""

    title: str
    plain: dict[str, Any]
    file: Path
    overrides: tuple[str, ...]


def short_trials(folder: Path, *, epochs: int = 30) -> Contest:
    """300 steps of 64-128-128-8 with five reports, each of which scores 1,000 samples of digits by one cheap metric."""
    digits = load(Digits())
    path = folder / "digits.npy"
    images = torch.cat([digits.train, digits.validation, digits.test]).numpy()
    np.save(path, images)
    dataset = {
        "name": "array", "path": str(path), "value_range": [0.0, 1.0], "shuffle": False,
        "validation": _HELD / len(images), "test": 100 / len(images),
    }  # fmt: skip
    metric = {"name": "sliced_wasserstein", "n": _HELD}
    every = max(1, epochs // 5)
    definition = {
        "name": "short", "objective": {"metric": "sliced_wasserstein"}, "search": {"sampler": "random", "seed": 0},
        "early_stopping": {"name": "none"}, "confirm": "none", "resources": {"cpu": 1},
        "trial": {
            "dataset": dataset, "network": {"name": "mlp", "hidden": [128, 128]}, "latent_size": 8,
            "family": {"name": "wae", "lambda": "loguniform(0.1, 100)"},
            "training": {"epochs": epochs, "batch_size": 64, "optimizer": {"name": "adam", "lr": "loguniform(1e-4, 1e-2)"}},
            "evaluation": {"metrics": [metric], "every": every},
        },
    }  # fmt: skip
    file = folder / "short.yaml"
    file.write_text(yaml.safe_dump(definition))
    plain = {
        "dataset": dataset, "metrics": {"sliced_wasserstein": metric}, "hidden": [128, 128], "latent_size": 8,
        "batch_size": 64, "epochs": epochs, "every": every,
    }  # fmt: skip
    return Contest(f"{epochs} epochs of 10 steps, {epochs // every} reports", plain, file, ())


def default_trials(*, epochs: int = 20) -> Contest:
    """The sweep of the README, every trial whole and none confirmed; the script's are of the divergence MMD alone."""
    every = max(1, epochs // 4)
    names = ("fid", "wasserstein", "sliced_wasserstein", "latent_gap")
    plain = {
        "dataset": {"name": "digits"}, "metrics": {name: name for name in names}, "hidden": [256, 256],
        "latent_size": 8, "batch_size": 64, "epochs": epochs, "every": every,
    }  # fmt: skip
    whole = (
        "early_stopping=none",
        "confirm=none",
        f"trial.training.epochs={epochs}",
        f"trial.evaluation.every={every}",
    )
    return Contest(f"search_spaces/{DEFAULT_SWEEP.name}, whole trials", plain, DEFAULT_SWEEP, whole)


@dataclass(frozen=True)
class Took:
    """Trials, and the seconds of all of it and without the start."""

    trials: int
    seconds: float
    without_start: float

    @property
    def an_hour(self) -> float:
        """Trials, at the rate of the whole command."""
        return 3600 * self.trials / self.seconds

    @property
    def an_hour_later(self) -> float:
        """Trials, at the rate without the start."""
        return 3600 * self.trials / self.without_start


def plain(contest: Contest, trials: int) -> Took:
    """The plain script, in a process of its own."""
    given = ["--setting", json.dumps(contest.plain), "--trials", str(trials), "--workers", str(n_cores())]
    took = json.loads(_run("gensweep.benchmarks.plain_tune", *given).splitlines()[-1])
    return Took(trials, took["seconds"], took["from_first_start"])


def own(contest: Contest, samples: int, folder: Path, *overrides: str, in_process: bool = False) -> Took:
    """`gensweep run` with `samples` an arm; `folder` keeps the sweep, and what is measured and compiled for the next one."""
    runs = Path(tempfile.mkdtemp(dir=folder))
    given = [f"search.samples={samples}", *contest.overrides, *overrides]
    where = [
        "-o",
        str(runs),
        "--tracking-uri",
        f"sqlite:///{runs}/mlflow.db",
        *(["--in-process"] if in_process else []),
    ]
    began, at = time.perf_counter(), time.time()
    _run("gensweep", "run", str(contest.file), *given, *where, GENSWEEP_CACHE=str(folder / "cache"))
    seconds = time.perf_counter() - began
    (place,) = (SweepFolder.open(path.parent) for path in runs.glob("*/sweep.yaml"))
    outcomes = [record.outcome for record in place.state().trials.values()]
    if any(outcome is not Outcome.COMPLETED for outcome in outcomes):
        say(f"not every trial was completed: {sorted({str(outcome) for outcome in outcomes})}")
    first = datetime.fromisoformat(place.events.of_kind("issued")[0]["at"]).timestamp()
    return Took(len(outcomes), seconds, seconds - max(0.0, first - at))


def _run(module: str, *arguments: str, **environment: str) -> str:
    """What a module of this gensweep prints, as a command; what it says besides goes to stderr."""
    command = [sys.executable, "-m", module, *arguments]
    env = surroundings() | environment
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=env).stdout


def rows(contest: Contest, peers: int, samples: int) -> Iterator[tuple[str, ...]]:
    """Rows (way, trials, seconds, without the start, trials an hour, without the start, times the plain script's)."""
    say(f"end to end: {contest.title}: the plain script, {peers} trials")
    peer = plain(contest, peers)
    yield _row("plain script", peer, peer)
    with tempfile.TemporaryDirectory(prefix="gensweep-benchmark-") as folder:
        for name, pack in (("pack=auto, the first time", "auto"), ("pack=auto, again", "auto"), ("pack=off", "off")):
            say(f"end to end: {contest.title}: {name}")
            yield _row(name, own(contest, samples, Path(folder), f"resources.pack={pack}"), peer)


def _row(name: str, took: Took, peer: Took) -> tuple[str, ...]:
    """Times as fast by the whole command, against the script without its start."""
    return (
        name, str(took.trials), f"{took.seconds:.1f}", f"{took.without_start:.1f}", f"{took.an_hour:.0f}",
        f"{took.an_hour_later:.0f}", "1" if took is peer else f"{took.an_hour / peer.an_hour_later:.1f}",
    )  # fmt: skip
