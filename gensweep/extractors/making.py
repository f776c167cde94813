"""An extractor of the user's own, of any dataset: trained on its labels, or of its principal components, or random.

It is made from the training split alone. What is written is one archive of torch.export that holds no code, so that it
is opened without trust, with its card in it (cards.py): equal data and settings give equal bytes.
"""

from __future__ import annotations

import functools
import io
import json
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from gensweep.datasets.base import Dataset, load
from gensweep.errors import CannotRun, ConfigError
from gensweep.extractors.cards import Card, Kind
from gensweep.extractors.exported import packed
from gensweep.extractors.networks import (
    Classifier,
    FeatureNetwork,
    PrincipalComponents,
    RandomFourier,
    SmallCNN,
    SmallMLP,
)
from gensweep.extractors.preparation import Preparation, Range
from gensweep.extractors.training import Recipe, accuracy, fit, standardise

N_FEATURES = 64
_SHOWN = 400_000  # items to a classifier while it trains, about: 40 times those of the digits, 8 times those of Fashion-MNIST
_EPOCHS = (4, 40)
_UNIT: Range = (0.0, 1.0)
_FITTED_ON = 10_000  # items that principal components are computed from, at most
_NUMBERS = 2**26  # in them, at most: half a gigabyte
_COMPARED = 1_000  # vectors whose distances give a bandwidth, at most


@dataclass(frozen=True)
class Wish:
    """What the user says of an extractor; None leaves it to the data."""

    kind: Kind | None = None
    n_features: int | None = None
    epochs: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Made:
    """An extractor as a file's content, with its card, and the share of test items that the most frequent class has."""

    content: bytes
    card: Card
    guessed: float | None


def make(dataset: Dataset, wish: Wish) -> Made:
    """An extractor for `dataset`.

    Raises:
        ConfigError: the data cannot be read, have no labels where they are asked for, or cannot give what is wished.
        CannotRun: training left the finite numbers.
    """
    splits = load(dataset)
    classes = dataset.classes("train") if wish.kind in (None, "labels") else None
    kind: Kind = wish.kind or ("pca" if classes is None else "labels")
    recipe = _recipe(dataset, kind, classes, wish)
    prepare = functools.partial(Preparation(dataset.bounds, _UNIT if dataset.bounds else None), name="being made")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = _network(dataset, kind, prepare, recipe, classes)
        if isinstance(network, Classifier) and classes is not None:
            fit(network, splits.train, classes, recipe, prepare)
    if not len(network.centre):
        raise ConfigError(f"dataset {dataset.name}: its training items are all alike, and have no features.")
    standardise(network.eval(), splits.train, prepare)
    if not all(bool(part.isfinite().all()) for part in network.state_dict().values()):
        raise CannotRun("training the extractor left the finite numbers. Scale the data, or give --kind pca.")
    said, guessed = _said(dataset, kind, network, recipe), None
    if isinstance(network, Classifier) and classes is not None:
        held_out = dataset.classes("test")
        assert held_out is not None
        said |= {"classes": len(torch.unique(classes)), "recipe": vars(recipe)}
        said["accuracy on test"] = accuracy(network, splits.test, held_out, prepare)
        guessed = float((held_out == classes.mode().values).double().mean())
    return Made(packed(_archive(network, dataset.shape), json.dumps(said).encode()), Card(said), guessed)


def _said(dataset: Dataset, kind: Kind, network: FeatureNetwork, recipe: Recipe) -> dict[str, Any]:
    """What the card says, whatever the kind."""
    splits = load(dataset)
    return {
        **({"range": list(_UNIT)} if dataset.bounds else {}),
        "kind": kind,
        "dataset": dataset.name,
        "data": splits.digest[:8],
        "shape": list(dataset.shape),
        "features": len(network.centre),
        "items": len(splits.train),
        "torch": torch.__version__.split("+")[0],
        "recipe": {"seed": recipe.seed},
    }


def _recipe(dataset: Dataset, kind: Kind, classes: torch.Tensor | None, wish: Wish) -> Recipe:
    """What is wished, made whole.

    Raises:
        ConfigError: with everything that does not go with the data.
    """
    n, size, wrong = len(load(dataset).train), math.prod(dataset.shape), list[str]()
    most = min(n - 1, size) if kind == "pca" else None
    n_features = wish.n_features or min(N_FEATURES, most or N_FEATURES)
    if most is not None and n_features > most:
        wrong.append(
            f"--features {n_features}: {n} training items of {size} numbers have at most {most} principal components."
        )
    if wish.epochs is not None and kind != "labels":
        wrong.append(f"--epochs {wish.epochs}: --kind {kind} is computed and not trained. Leave it out.")
    if kind == "labels" and (reason := _no_labels(dataset, classes)):
        wrong.append(reason)
    if wrong:
        raise ConfigError("\n".join(wrong))
    return Recipe(n_features, wish.epochs or min(max(round(_SHOWN / n), _EPOCHS[0]), _EPOCHS[1]), seed=wish.seed)


def _no_labels(dataset: Dataset, classes: torch.Tensor | None) -> str | None:
    """Why nothing can be learned from the labels."""
    if classes is None:
        return (
            f"--kind labels: dataset {dataset.name} has no labels here. image_folder takes them from a folder for each class, "
            "array from labels=FILE.npy, huggingface from labels=COLUMN. Without labels give --kind pca or --kind random."
        )
    n_classes = len(torch.unique(classes))
    if n_classes < 2 or 2 * n_classes > len(classes):
        return (
            f"the labels of dataset {dataset.name} say that its {len(classes)} training items are of "
            f"{n_classes} class{'es' if n_classes > 1 else ''}: from that nothing can be learned. Two classes or more are "
            "needed, with two items each. Give such labels, or --kind pca or --kind random."
        )
    return None


def _network(
    dataset: Dataset,
    kind: Kind,
    prepare: Callable[[torch.Tensor], torch.Tensor],
    recipe: Recipe,
    classes: torch.Tensor | None,
) -> FeatureNetwork:
    """The network before it is trained, if it is."""
    items, is_image = load(dataset).train, len(dataset.shape) == 3
    n_classes = 1 if classes is None else int(classes.max()) + 1
    if kind == "pca":
        return PrincipalComponents(
            prepare(_some(items, min(_FITTED_ON, _NUMBERS // math.prod(dataset.shape)))), recipe.n_features
        )
    if is_image:
        return SmallCNN(dataset.shape, recipe.n_features, n_classes)
    if kind == "random":
        return RandomFourier(prepare(_some(items, _COMPARED)), recipe.n_features)
    return SmallMLP(prepare(items), recipe.n_features, n_classes)


def _some(items: torch.Tensor, most: int) -> torch.Tensor:
    """At most so many of the items, evenly spaced."""
    return items[:: -(-len(items) // max(most, 2))]


def _archive(network: FeatureNetwork, shape: tuple[int, ...]) -> bytes:
    """The network as torch.export writes it, for batches of any size."""
    if isinstance(network, Classifier):
        del network.classes  # features alone are stored
    file = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what torch will do otherwise one day
        batch = {"items": {0: torch.export.Dim("n")}}
        torch.export.save(torch.export.export(network.eval(), (torch.zeros(2, *shape),), dynamic_shapes=batch), file)
    return file.getvalue()
