"""What is damaged: a search space with its files, and a small sweep of which a part has ended."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image

SPACE = """\
defaults: [base, {dataset: ring}, _self_]
name: tiny
confirm: none
objective: {metric: sliced_wasserstein}
search: {sampler: random, samples: 2, seed: 0}
compare: family
trial:
  network: {name: mlp, hidden: [8]}
  latent_size: choice(2, 4)
  family:
    one_of:
      - {name: vae, beta: loguniform(0.1, 2)}
      - {name: wae, lambda: "${trial.seed}", divergence: {name: mmd, kernel: "choice(imq, rbf)"}}
  training: {epochs: 1, batch_size: 64, optimizer: {lr: loguniform(1e-4, 1e-2)}}
  evaluation: {metrics: [{name: sliced_wasserstein, n: 50}], every: 1}
  seed: 1
"""
MEASURED = """\
defaults: [base, _self_]
name: measured
objective: sliced_wasserstein
search: {sampler: random, samples: 1}
trial:
  dataset: {name: %s, path: %s}
  network: {name: mlp, hidden: [8]}
  latent_size: 2
  family: vae
  training: {epochs: 1, batch_size: 2}
  evaluation: {metrics: [{name: sliced_wasserstein, n: 4}], every: 1}
"""
FEATURES = """\
defaults: [base, {dataset: ring}, _self_]
name: features
objective: fid
search: {sampler: random, samples: 1}
trial:
  network: {name: mlp, hidden: [8]}
  latent_size: 2
  family: vae
  evaluation: {metrics: [{name: fid, extractor: "file:network.pt2"}]}
"""


def write_inputs(folder: Path) -> None:
    """Search spaces of every kind of input, and the files that they name."""
    (folder / "space.yaml").write_text(SPACE)
    rng = np.random.default_rng(0)
    np.save(folder / "data.npy", rng.normal(size=(40, 2)).astype("float32"))
    np.savez_compressed(folder / "data.npz", a=rng.integers(0, 255, (40, 4, 4), dtype=np.uint8))
    (folder / "images").mkdir()
    for i in range(12):
        Image.fromarray(rng.integers(0, 255, (8, 8), dtype=np.uint8)).save(folder / "images" / f"{i}.png")
    for name, dataset, path in (
        ("npy", "array", "data.npy"),
        ("npz", "array", "data.npz"),
        ("png", "image_folder", "images"),
    ):
        (folder / f"{name}.yaml").write_text(MEASURED % (dataset, path))
    (folder / "features.yaml").write_text(FEATURES)
    (folder / "network.json").write_text(json.dumps({"range": [-5, 5], "round": False}))
    program = torch.export.export(
        torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(2, 3)), (torch.zeros(4, 2),),
        dynamic_shapes=({0: torch.export.Dim("n")},),
    )  # fmt: skip
    made = io.BytesIO()
    torch.export.save(program, made)
    (folder / "network.pt2").write_bytes(made.getvalue())


def half_done(sweep: Path) -> None:
    """Make a finished sweep one that was stopped: its last trial has no end in the ledger and no outcome."""
    log = sweep / "ledger" / "events.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    last = max(i for i, line in enumerate(lines) if b'"event":"ended"' in line)
    number = json.loads(lines[last])["number"]
    log.write_bytes(b"".join(lines[:last]))
    (sweep / "ledger" / "lease.json").unlink()
    for name in ("report", "results.csv", "costs.csv", "study.db"):
        path = sweep / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    next((sweep / "trials").glob(f"{number:04d}-*/outcome.json")).unlink()
