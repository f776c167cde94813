"""A small sweep that ended and was confirmed, for what is done with its models: with and without encoders and likelihoods."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from gensweep import cli

USED = """
defaults: [base, {dataset: digits}, _self_]
name: used
objective: sliced_wasserstein
search: {sampler: random, samples: 2, seed: 0}
confirm: {top: 1, seeds: 2}
trial:
  network: {name: mlp, hidden: [8]}
  latent_size: 3
  family: {one_of: [{name: vae, beta: "loguniform(0.5, 2)"}, {name: autoencoder, components: 2}, gan, {name: flow, hidden: [8]}]}
  training: {epochs: 1, optimizer: {lr: "loguniform(1e-3, 1e-2)"}}
  evaluation: {metrics: [sliced_wasserstein], every: 1}
"""


def run_used(folder: Path, empty_database: Path) -> Path:
    """Train it in a folder; the folder of sweeps there."""
    (folder / "used.yaml").write_text(USED)
    store = shutil.copy(empty_database, folder / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch, (folder / "out.txt").open("w") as out:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}")
        patch.delenv("GENSWEEP_RUNS", raising=False)
        for stream in ("stdout", "stderr"):
            patch.setattr(sys, stream, out)
        patch.setattr(sys, "argv", ["gensweep", "run", "used.yaml", "--in-process"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert not ended.value.code, (folder / "out.txt").read_text()
    return folder / "runs"
