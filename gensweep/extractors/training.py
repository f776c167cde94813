"""How extractors learn labels, and those that ship were trained: `python -m gensweep.extractors.training digits`.

It trains on the training split only, from fixed seeds and in one thread: the same library versions on the same kind of
processor give the same weights. New weights are a new metric, so do it only for a new dataset.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gensweep.component import build
from gensweep.datasets.base import Dataset, load
from gensweep.extractors.frozen import FOLDER
from gensweep.extractors.networks import Classifier, FeatureNetwork, SmallCNN
from gensweep.progress import progress

_BATCH = 1000

Prepare = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Recipe:
    """How an extractor is trained: Adam with a cosine schedule, cross-entropy with a little label smoothing."""

    n_features: int
    epochs: int
    batch_size: int = 64
    lr: float = 2e-3
    seed: int = 0


RECIPES = {
    "digits": Recipe(n_features=64, epochs=40),
    "fashion_mnist": Recipe(n_features=128, epochs=8),
    "mnist": Recipe(n_features=128, epochs=8),
}


def train(name: str, folder: Path = FOLDER, recipe: Recipe | None = None) -> dict[str, Any]:
    """Train extractor `name`, write `<name>.pt` and `<name>.json` into `folder`, and return what the latter says."""
    recipe = recipe or RECIPES[name]
    dataset = build("datasets", name)
    assert isinstance(dataset, Dataset)
    splits, (classes, test_classes) = load(dataset), (dataset.classes("train"), dataset.classes("test"))
    assert classes is not None
    assert test_classes is not None
    torch.manual_seed(recipe.seed)
    network = SmallCNN(dataset.shape, recipe.n_features, int(classes.max()) + 1)
    fit(network, splits.train, classes, recipe)
    network.half().float()  # what is stored, before the features' scale is measured
    standardise(network, splits.train)
    features = torch.cat(list(in_batches(network, splits.test)))
    content = _stored(network)
    described = {
        "dataset": name,
        "shape": list(dataset.shape),
        "features": recipe.n_features,
        "sha256": hashlib.sha256(content).hexdigest(),
        "accuracy on test": accuracy(network, splits.test, test_classes),
        "rank of the features' covariance on test": int(torch.linalg.matrix_rank(features.double().T.cov())),
        "smallest standard deviation of a feature on test": round(float(features.std(0).min()), 4),
        "trained on": f"the training split of data {splits.digest[:8]}, features standardised on it",
        "recipe": vars(recipe),
        "command": f"python -m gensweep.extractors.training {name}",
        "torch": torch.__version__.split("+")[0],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.pt").write_bytes(content)
    (folder / f"{name}.json").write_text(json.dumps(described, indent=2) + "\n")
    return described


def as_they_are(items: torch.Tensor) -> torch.Tensor:
    """The items."""
    return items


def fit(
    network: Classifier, items: torch.Tensor, classes: torch.Tensor, recipe: Recipe, prepare: Prepare = as_they_are
) -> None:
    """Train the network on items [n, *shape] of `classes` [n], and leave it in evaluation mode."""
    generator = torch.Generator().manual_seed(recipe.seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.lr)
    steps = range(recipe.epochs * math.ceil(len(items) / recipe.batch_size))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, len(steps))
    batches = _batches(len(items), recipe, generator)
    for _, rows in zip(progress(steps, "training the extractor: batch"), batches, strict=True):
        guesses = network.logits(prepare(items[rows]))
        loss = torch.nn.functional.cross_entropy(guesses, classes[rows], label_smoothing=0.05)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
    network.eval()


def _batches(n: int, recipe: Recipe, generator: torch.Generator) -> Iterator[torch.Tensor]:
    for _ in range(recipe.epochs):
        yield from torch.split(torch.randperm(n, generator=generator), recipe.batch_size)


def in_batches(
    function: Callable[[torch.Tensor], torch.Tensor], items: torch.Tensor, prepare: Prepare = as_they_are
) -> Iterator[torch.Tensor]:
    """What the function gives for the items, batch after batch, without gradients."""
    for batch in torch.split(items, _BATCH):
        with torch.no_grad():
            yield function(prepare(batch))


def standardise(network: FeatureNetwork, items: torch.Tensor, prepare: Prepare = as_they_are) -> None:
    """Have each feature mean 0 and deviation 1 on the items [n, *shape]."""
    network.standardise(torch.cat(list(in_batches(network.raw, items, prepare))))


def accuracy(network: Classifier, items: torch.Tensor, classes: torch.Tensor, prepare: Prepare = as_they_are) -> float:
    """The share of the items [n, *shape] that the network's classifier knows, to four digits."""
    guesses = torch.cat([scores.argmax(1) for scores in in_batches(network.logits, items, prepare)])
    return round(float((guesses == classes).double().mean()), 4)


def _stored(network: SmallCNN) -> bytes:
    """The state as a file: weights in float16, the features' centre and scale in float32."""
    state = network.state_dict()
    buffer = io.BytesIO()
    torch.save({key: v if key in ("centre", "scale") else v.half() for key, v in state.items()}, buffer)
    return buffer.getvalue()


if __name__ == "__main__":
    torch.set_num_threads(1)
    if len(sys.argv) != 2 or sys.argv[1] not in RECIPES:
        sys.exit(f"usage: python -m gensweep.extractors.training {{{'|'.join(RECIPES)}}}")
    print(json.dumps(train(sys.argv[1]), indent=2))
