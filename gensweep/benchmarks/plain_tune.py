"""The peer: a sweep as a script has it: `python -m gensweep.benchmarks.plain_tune`, which end_to_end.py calls.

A function trainable under Ray Tune with its defaults, a DataLoader, Adam, and Ray's MLflow callback into SQLite. The
metrics are gensweep's own, so that they cost the same. One line of JSON on stdout: seconds of all of it, and from the
start of the first trial on, when Ray and its first worker are up.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ray
import torch
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from torch.utils.data import DataLoader, TensorDataset

from gensweep.benchmarks.bare import WAE
from gensweep.component import build
from gensweep.datasets.base import Dataset, load
from gensweep.metrics.base import Metric, Scorer


class Sampled:
    """A WAE as the metrics see it."""

    def __init__(self, model: WAE, shape: tuple[int, ...], latent_size: int) -> None:
        self.model, self.shape, self.latent_size = model, shape, latent_size

    @torch.no_grad()
    def samples(self, n: int) -> torch.Tensor:
        """[n, *shape]."""
        z = torch.randn(n, self.latent_size, generator=torch.Generator().manual_seed(0))
        return self.model.decode(z).view(n, *self.shape)

    @torch.no_grad()
    def codes(self, x: torch.Tensor) -> torch.Tensor:
        """[n, latent_size]."""
        return self.model.encoder(x.flatten(1))  # type: ignore[no-any-return]

    def reconstructions(self, x: torch.Tensor) -> torch.Tensor:
        """x encoded and decoded."""
        with torch.no_grad():
            return self.model.decode(self.codes(x)).view_as(x)

    def prior(self, _n: int) -> None:
        """N(0, I)."""

    def log_likelihood(self, _x: torch.Tensor) -> None:
        """It has none."""

    def log_conditionals(self, _x: torch.Tensor, _block: int, _n: int) -> None:
        """It has none."""


def trainable(config: dict[str, Any]) -> None:
    """One trial."""
    torch.manual_seed(config["seed"])
    dataset = build("datasets", config["dataset"])
    assert isinstance(dataset, Dataset)
    train = load(dataset).train.flatten(1)
    scorers = {name: _scorer(node, dataset) for name, node in config["metrics"].items()}
    loader = DataLoader(TensorDataset(train), batch_size=config["batch_size"], shuffle=True, drop_last=True)
    model = WAE(train.shape[1], config["hidden"], config["latent_size"], config["lambda"])
    optimizer = torch.optim.Adam(model.parameters(), lr=config["lr"], betas=(0.5, 0.999))
    for epoch in range(1, config["epochs"] + 1):
        total = 0.0
        for (x,) in loader:
            optimizer.zero_grad()
            loss, *_ = model.loss(x, torch.randn(len(x), config["latent_size"]))
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item()
        if epoch % config["every"] == 0:
            sampled = Sampled(model, dataset.shape, config["latent_size"])
            scores = {name: scorer.score(sampled).value for name, scorer in scorers.items()}
            tune.report({"loss": total / len(loader), "epoch": epoch, **scores})


def _scorer(node: object, dataset: Dataset) -> Scorer:
    metric = build("metrics", node)
    assert isinstance(metric, Metric)
    return metric.against(dataset, "validation")


class FirstStart(tune.Callback):  # type: ignore[misc]
    """When the first trial began."""

    at: float | None = None

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Its worker is up."""
        self.at = self.at or time.perf_counter()


def run(setting: dict[str, Any], trials: int, workers: int, folder: Path) -> dict[str, float]:
    """The sweep: seconds in all, and from the first trial's start."""
    began = time.perf_counter()
    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    space = {
        **setting,
        "lr": tune.loguniform(1e-4, 1e-2),
        "lambda": tune.loguniform(0.1, 100),
        "seed": tune.randint(0, 2**31),
    }
    first = FirstStart()
    logger = MLflowLoggerCallback(tracking_uri=f"sqlite:///{folder}/mlflow.db", experiment_name="plain")
    results = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space=space,
        tune_config=tune.TuneConfig(num_samples=trials),
        run_config=tune.RunConfig(storage_path=str(folder), callbacks=[first, logger], verbose=0),
    ).fit()
    ended = time.perf_counter()
    ray.shutdown()
    if results.num_errors:
        raise RuntimeError(f"{results.num_errors} of {trials} trials failed: {results.errors[0]}")
    assert first.at is not None
    return {"seconds": ended - began, "from_first_start": ended - first.at}


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setting", type=json.loads, required=True, help="of every trial: see end_to_end.py")
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="gensweep-benchmark-") as folder:
        print(json.dumps(run(given.setting, given.trials, given.workers, Path(folder))), flush=True)


if __name__ == "__main__":
    main()
