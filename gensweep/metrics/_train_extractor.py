"""Train one of the feature extractors that ship: `python -m gensweep.metrics._train_extractor digits`.

It trains on the training split only, from fixed seeds and in one thread: the same library versions on the same kind of
processor give the same weights. New weights are a new metric, so do it only for a new dataset.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gensweep.component import build
from gensweep.datasets import digits, fashion_mnist
from gensweep.datasets.base import Dataset, load
from gensweep.metrics._extractor import FOLDER, SmallCNN


@dataclass(frozen=True)
class Recipe:
    """How an extractor is trained: Adam with a cosine schedule, cross-entropy with a little label smoothing."""

    n_features: int
    epochs: int
    batch_size: int = 64
    lr: float = 2e-3
    seed: int = 0


RECIPES = {"digits": Recipe(n_features=64, epochs=40), "fashion_mnist": Recipe(n_features=128, epochs=8)}
_LABELS = {"digits": digits.labels, "fashion_mnist": fashion_mnist.labels}


def train(name: str, folder: Path = FOLDER, recipe: Recipe | None = None) -> dict[str, Any]:
    """Train extractor `name`, write `<name>.pt` and `<name>.json` into `folder`, and return what the latter says."""
    recipe = recipe or RECIPES[name]
    dataset = build("datasets", name)
    assert isinstance(dataset, Dataset)
    splits = load(dataset)
    network = _fitted(splits.train, _LABELS[name]("train"), recipe)
    network.half().float()  # what is stored, before the features' scale is measured
    with torch.no_grad():
        raw = torch.cat([network(batch) for batch in torch.split(splits.train, 1000)])
        network.centre.copy_(raw.mean(0))
        network.scale.copy_(raw.std(0))
        features = torch.cat([network(batch) for batch in torch.split(splits.test, 1000)])
        guesses = torch.cat([network.logits(batch).argmax(1) for batch in torch.split(splits.test, 1000)])
    content = _stored(network)
    described = {
        "dataset": name,
        "shape": list(dataset.shape),
        "features": recipe.n_features,
        "sha256": hashlib.sha256(content).hexdigest(),
        "accuracy on test": round(float((guesses == _LABELS[name]("test")).double().mean()), 4),
        "rank of the features' covariance on test": int(torch.linalg.matrix_rank(features.double().T.cov())),
        "smallest standard deviation of a feature on test": round(float(features.std(0).min()), 4),
        "trained on": f"the training split of data {splits.digest[:8]}, features standardised on it",
        "recipe": vars(recipe),
        "command": f"python -m gensweep.metrics._train_extractor {name}",
        "torch": torch.__version__.split("+")[0],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.pt").write_bytes(content)
    (folder / f"{name}.json").write_text(json.dumps(described, indent=2) + "\n")
    return described


def _fitted(images: torch.Tensor, labels: torch.Tensor, recipe: Recipe) -> SmallCNN:
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    network = SmallCNN(tuple(images.shape[1:]), recipe.n_features)
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.lr)
    steps = recipe.epochs * math.ceil(len(images) / recipe.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(recipe.epochs):
        for rows in torch.split(torch.randperm(len(images), generator=generator), recipe.batch_size):
            loss = torch.nn.functional.cross_entropy(network.logits(images[rows]), labels[rows], label_smoothing=0.05)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    return network.eval()


def _stored(network: SmallCNN) -> bytes:
    """The state as a file: weights in float16, the features' centre and scale in float32."""
    state = network.state_dict()
    buffer = io.BytesIO()
    torch.save({key: v if key in ("centre", "scale") else v.half() for key, v in state.items()}, buffer)
    return buffer.getvalue()


if __name__ == "__main__":
    torch.set_num_threads(1)
    if len(sys.argv) != 2 or sys.argv[1] not in RECIPES:
        sys.exit(f"usage: python -m gensweep.metrics._train_extractor {{{'|'.join(RECIPES)}}}")
    print(json.dumps(train(sys.argv[1]), indent=2))
