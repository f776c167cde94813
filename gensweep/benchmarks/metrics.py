"""What the metrics cost: `python -m gensweep.benchmarks.metrics [--sizes 1000 5000 10000] [--metrics fid kid]`.

Three tables on stdout, progress on stderr: seconds and peak memory of each metric at several n; the matrix part of FID
against scipy's `sqrtm`, timed in the same run; the share of a trial that evaluation takes. The first two are processor
seconds, of all threads, so that what else the machine does counts little; torch has one thread.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.linalg import sqrtm

import gensweep
from gensweep import registry
from gensweep.benchmarks._telling import forget_the_peak, memory, say, table
from gensweep.component import build
from gensweep.datasets.base import load
from gensweep.datasets.gaussian_mixture import GaussianMixture
from gensweep.mathematics.best_critics import DISCRIMINATOR
from gensweep.mathematics.frechet import frechet_distance, frechet_distance_from_root, moments, root
from gensweep.metrics.base import Metric, TrainedCritic

_GROWTH = 2.5  # the steepest: an exact Wasserstein distance takes about n^2.5
_SEARCH_SPACES = Path(gensweep.__file__).parents[1] / "search_spaces"


@dataclass(frozen=True)
class _Shifted:
    """A model that is a little off its data, N(0, I), and answers everything."""

    dimensions: int

    def samples(self, n: int) -> torch.Tensor:
        return 0.1 + torch.randn(n, self.dimensions, generator=torch.Generator().manual_seed(0))

    def reconstructions(self, x: torch.Tensor) -> torch.Tensor:
        return 0.9 * x

    def codes(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :8]

    def prior(self, _n: int) -> None:
        return None

    def log_likelihood(self, x: torch.Tensor) -> tuple[torch.Tensor, bool]:
        return -x.square().sum(1), True

    def critic(self) -> TrainedCritic:
        return TrainedCritic(torch.sigmoid, DISCRIMINATOR, 0.1, 1.0)

    def log_conditionals(self, _x: torch.Tensor, _block: int, _n: int) -> None:
        return None


def per_metric(
    names: Sequence[str], sizes: Sequence[int], dimensions: int, seconds: float
) -> Iterator[tuple[str, ...]]:
    """Rows (metric, n, CPU seconds to prepare, to score, peak MB) for `dimensions`-vectors, smaller n first.

    A size that would take more than `seconds`, by the time of the size before it, is not run.
    """
    for name in names:
        if _misfit(name, dimensions):
            yield name, "-", "-", "not run: it needs classes", "-"
            continue
        _measured(name, min(1000, *sizes), dimensions)  # what is imported at first use is not the metric's
        passed, before = 0.0, 0
        for n in sorted(sizes):
            expected = passed * (n / before) ** _GROWTH if before else 0.0
            if expected > seconds:
                yield name, str(n), "-", f"not run: about {expected:.0f}", "-"
                continue
            say(f"{name} at n = {n}")
            prepared, scored, peak = _measured(name, n, dimensions)
            passed, before = scored, n
            yield name, str(n), f"{prepared:.3f}", f"{scored:.3f}", peak


def _measured(name: str, n: int, dimensions: int) -> tuple[float, float, str]:
    metric = build("metrics", name)
    assert isinstance(metric, Metric)
    normal, line = (_standard_normal(n, d) for d in (dimensions, 1))
    if metric.misfit(normal):  # one that is for data on the line
        normal, dimensions = line, 1
    sizes: dict[str, Any] = {field: n for field in ("n", "n_fake") if field in type(metric).model_fields}
    metric = metric.model_copy(update=sizes)
    load(normal)  # its draws are not the metric's
    start = memory("VmRSS") if forget_the_peak() else None
    began = time.process_time()
    scorer = metric.against(normal, "validation")
    prepared = time.process_time()
    scorer.score(_Shifted(dimensions))
    ended = time.process_time()
    peak = "?" if start is None else f"{max(0, memory('VmHWM') - start) / 1024:.0f}"
    return prepared - began, ended - prepared, peak


def _misfit(name: str, dimensions: int) -> bool:
    """Whether a metric has no meaning on normal vectors, nor on normal numbers."""
    metric = build("metrics", name)
    assert isinstance(metric, Metric)
    return all(metric.misfit(_standard_normal(2, d)) for d in (dimensions, 1))


def _standard_normal(n: int, dimensions: int) -> GaussianMixture:
    origin = (0.0,) * dimensions if dimensions > 1 else 0.0
    return GaussianMixture(weights=(1.0,), means=(origin,), covariances=(1.0,), n_train=n, n_validation=n, n_test=2)


def frechet(items: int, features: int) -> Iterator[tuple[str, ...]]:
    """Rows (part, seconds, value) of FID of `items` vectors of `features` numbers, ours and with scipy's root."""
    say(f"Fréchet distance of {items} x {features} features")
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(features, features, generator=generator) / features**0.5
    sides = [torch.randn(items, features, generator=generator) @ mixing * scale for scale in (1.0, 1.1)]
    began = time.process_time()
    real, fake = (moments(torch.split(side, 1000)) for side in sides)
    yield "moments of one side", f"{(time.process_time() - began) / 2:.3f}", ""
    ours, value = _timed(lambda: frechet_distance(real.mean, real.covariance, fake.mean, fake.covariance))
    cached = root(real.covariance)
    later, _ = _timed(lambda: frechet_distance_from_root(real.mean, cached, fake.mean, fake.covariance))
    say("scipy's sqrtm")
    shift = float((real.mean - fake.mean).square().sum())
    traces = float(real.covariance.trace() + fake.covariance.trace())
    product = (real.covariance @ fake.covariance).numpy()
    theirs, cross = _timed(lambda: float(np.trace(sqrtm(product).real)))
    yield "ours, both sides new", f"{ours:.3f}", f"{value:.8g}"
    yield "ours, the data's root kept", f"{later:.3f}", ""
    yield "scipy.linalg.sqrtm", f"{theirs:.3f}", f"{shift + traces - 2 * cross:.8g}"
    yield "sqrtm / ours", f"{theirs / ours:.1f}", ""
    yield "sqrtm / ours, the data's root kept", f"{theirs / later:.1f}", ""


def _timed(function: object) -> tuple[float, float]:
    began = time.process_time()
    value = function()  # type: ignore[operator]
    return time.process_time() - began, value


def trial_share(file: Path) -> Iterator[tuple[str, ...]]:
    """Rows (trial, seconds of training, of evaluation, the share of the latter) of the first configurations of `file`."""
    say(f"one configuration a family of {file.name}")
    with tempfile.TemporaryDirectory(prefix="gensweep-benchmark-") as folder:
        command = ["run", str(file), "--in-process", "-o", folder, "--tracking-uri", f"sqlite:///{folder}/mlflow.db"]
        subprocess.run(
            [sys.executable, "-m", "gensweep", *command, "search.samples=1"], check=True, stdout=subprocess.DEVNULL
        )
        for outcome in sorted(Path(folder).rglob("trials/*/outcome.json")):
            said = json.loads(outcome.read_text())
            training, evaluation = said["seconds"], said["evaluation_seconds"]
            share = evaluation / (training + evaluation)
            yield outcome.parent.name, f"{training:.2f}", f"{evaluation:.2f}", f"{share:.1%}"


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m gensweep.benchmarks.metrics", description="Time the metrics.")
    known = registry.names("metrics")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 5000, 10_000], help="default: %(default)s")
    parser.add_argument("--metrics", nargs="+", choices=known, default=known, metavar="NAME", help="default: all")
    parser.add_argument("--dimensions", type=int, default=64, help="of an item; default: %(default)s")
    parser.add_argument("--seconds", type=float, default=60, help="longest expected time of a size (%(default)s)")
    parser.add_argument("--frechet", type=int, nargs=2, default=[10_000, 2048], metavar=("ITEMS", "FEATURES"))
    parser.add_argument("--trial", type=Path, default=_SEARCH_SPACES / "wae.yaml", help="default: %(default)s")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    table(
        f"metrics, {given.dimensions} dimensions", ("metric", "n", "prepare CPU s", "score CPU s", "peak MB"),
        per_metric(given.metrics, given.sizes, given.dimensions, given.seconds),
    )  # fmt: skip
    items, features = given.frechet
    table(f"Fréchet distance, {items} x {features}", ("part", "CPU s", "value"), frechet(items, features))
    table(given.trial.name, ("trial", "training s", "evaluation s", "share"), trial_share(given.trial))
    return 0


if __name__ == "__main__":
    sys.exit(main())
