"""A search space for given data, written out with the reason of every line: what a person would begin with."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from gensweep.component import build
from gensweep.datasets.base import Dataset, load
from gensweep.metrics.base import Metric
from gensweep.text import counted, listed
from gensweep.writing import yaml_of

_BATCHES = {True: 2000, False: 4000}  # that a trial takes: of images, of vectors. About a minute on one core
_EPOCHS = (4, 200)
_REPORTS = 4  # of a trial, at which it may be stopped
_ENOUGH = 10  # items a dimension for a covariance of raw values
_SMALLEST_CONVOLVED = 16  # pixels of a side; below, a multi-layer perceptron is as good and faster
_COLUMN = 64  # where comments begin
_UNNAMED = re.compile(r"[^A-Za-z0-9._-]+")
Line = tuple[str, str]


@dataclass(frozen=True)
class Data:
    """What of the data decides about a first sweep."""

    dataset: Dataset
    shape: tuple[int, ...]
    n_train: int
    n_held_out: int  # items of the smaller of the other two splits

    @classmethod
    def of(cls, dataset: Dataset) -> Data:
        """Counts them; reads those whose number is not known beforehand.

        Raises:
            ConfigError: there are too few, or they are damaged.
        """
        counts = dataset.n_items()
        if counts is None:
            splits = load(dataset)
            counts = {"train": len(splits.train), "validation": len(splits.validation), "test": len(splits.test)}
        return cls(dataset, dataset.shape, counts["train"], min(counts["validation"], counts["test"]))

    @property
    def is_image(self) -> bool:
        """Whether items are images."""
        return len(self.shape) == 3

    @property
    def size(self) -> int:
        """How many numbers an item is."""
        return math.prod(self.shape)

    def __str__(self) -> str:
        what = "image" if self.is_image else "vector"
        shape = " x ".join(map(str, self.shape))
        return f"{counted(self.n_train, what)} of {shape} to train on"


def name_for(text: str) -> str:
    """A sweep's name made of a file's."""
    return _UNNAMED.sub("_", text).strip("._-")[:60] or "mine"


def proposed(data: Data, file: Path) -> str:
    """The text of a search-space file for the data, to be written at `file`, to whose folder its paths are relative."""
    families = [node["name"] for node, _ in _families(data)]
    shown = shlex.quote(str(file))
    head = [
        f"# Which of {listed(families)} makes the best model of these data ({data})?",
        f"#   gensweep check {shown}      # every mistake, before anything starts",
        f"#   gensweep plan {shown}       # how long it takes",
        f"#   gensweep run {shown}        # ends with the answer",
        "# Written by `gensweep init` from a look at the data. Every line may be changed: gensweep list, gensweep schema.",
    ]
    return (
        "\n".join(
            [
                *head,
                *(_line(*line) for line in _lines(data, file)),
                *(_line(*line) for line in _of_features(data, shown)),
            ]
        )
        + "\n"
    )


def _line(text: str, why: str) -> str:
    return f"{text:<{_COLUMN}}  # {why}" if text and why else text or (f"# {why}" if why else "")


def _lines(data: Data, file: Path) -> Iterator[Line]:
    metrics = _metrics(data)
    batch, epochs, every = _budget(data)
    yield "defaults: [base, _self_]", "base: what every sweep starts from; this file lies over it"
    yield f"name: {_flow(name_for(file.stem))}", "of its folder, runs/NAME, and of its run in MLflow"
    yield f"objective: {metrics[0]}", "the score that chooses; on the validation split, later on the test split"
    yield "search: {sampler: tpe, samples: 8, seed: 0}", "8 configurations for each family; random: draws to learn from"
    yield (
        f"early_stopping: {{name: asha, grace_period: {every}, reduction_factor: 3}}",
        "after so many epochs the worst two thirds stop",
    )
    yield "confirm: {top: 1, seeds: 5}", "the best of each again on 5 fresh seeds: the verdict; none: no verdict"
    yield "resources: {cpu: 1, gpu: auto}", "of a trial process; auto: a GPU, or a part of one, where there is one"
    yield "", ""
    yield "trial:", ""
    yield from _of_dataset(data.dataset, file)
    yield from _of_networks(data)
    yield "  family:", "what is compared: each is an arm, with a search of its own"
    yield "    one_of:", "more of them: gensweep list families"
    for node, why in _families(data):
        yield f"      - {_flow(node)}", why
    yield "  training:", ""
    yield (
        f"    epochs: {epochs}",
        f"about {epochs * data.n_train // batch:,} batches; more, where curves still fall at the end",
    )
    yield f"    batch_size: {batch}", f"of {data.n_train:,} items"
    yield "    optimizer: {lr: loguniform(1e-4, 1e-2)}", "each family has its own kind of optimiser; this is its step"
    yield "  evaluation:", ""
    yield f"    metrics: [{', '.join(metrics)}]", f"at most {data.n_held_out:,} items of a split to compare with"
    yield f"    every: {every}", "epochs; each report is a chance to stop a trial early"


def _of_dataset(dataset: Dataset, file: Path) -> Iterator[Line]:
    yield "  dataset:", ""
    said = {name for name in type(dataset).model_fields if (dataset.name, name) in _DATASET} & dataset.model_fields_set
    given = dataset.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    given = {"name": dataset.name, **dataset.model_dump(mode="json", include=said), **given}
    if "path" in given:
        path = Path(given["path"])
        folder = file.absolute().parent
        given["path"] = str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
    fields = type(dataset).model_fields
    for key, value in given.items():
        field = next((field for name, field in fields.items() if key in (name, field.alias)), None)
        why = (
            _DATASET.get((dataset.name, key))
            or (field.description if field else None)
            or "one that gensweep knows: gensweep list datasets"
        )
        yield f"    {key}: {_flow(value)}", why


_DATASET = {
    ("image_folder", "name"): "images in this folder and those below it; the largest square at the centre of each",
    ("image_folder", "path"): "relative to this file",
    ("image_folder", "size"): "pixels of a side; twice as many take four times as long",
    ("image_folder", "channels"): "1: grey, 3: colour",
    ("array", "name"): "a .npy or .npz",
    ("array", "path"): "relative to this file",
    ("array", "scale"): "networks learn at values of about 1; fitted on the training split",
    ("array", "value_range"): "that all values keep: grey levels",
}


def _of_networks(data: Data) -> Iterator[Line]:
    if data.is_image and min(data.shape[1:]) >= _SMALLEST_CONVOLVED and not any(side % 4 for side in data.shape[1:]):
        yield "  network: {name: conv, channels: 32}", "two convolutions; mlp is faster, resnet better and slower"
    else:
        why = (
            "layers of 256; conv, for sides divisible by 4"
            if data.is_image
            else "two layers of 256, encoder and decoder"
        )
        yield "  network: {name: mlp, hidden: [256, 256]}", why
    sizes = _latent_sizes(data)
    chosen = f"choice({', '.join(map(str, sizes))})" if len(sizes) > 1 else str(sizes[0])
    yield f"  latent_size: {chosen}", f"dimensions of the latent space; an item has {data.size:,} numbers"


def _latent_sizes(data: Data) -> list[int]:
    if data.is_image:
        smallest = 2 if min(data.shape[1:]) < _SMALLEST_CONVOLVED else 8
        return [smallest, 4 * smallest, 8 * smallest]
    return sorted({max(1, min(data.size, 64) // part) for part in (4, 2, 1)} - ({1} if data.size > 1 else set()))


def _families(data: Data) -> list[tuple[dict[str, Any], str]]:
    """Nodes of the families to compare, with what each is."""
    vae = ({"name": "vae", "beta": "loguniform(0.1, 2)"}, "beta: weight of the divergence from the prior")
    wae = (
        {"name": "wae", "lambda": "loguniform(0.1, 100)", "divergence": "mmd"},
        "lambda: weight of the distance between codes and prior",
    )
    wgan = ({"name": "wgan", "constraint": "gradient_penalty"}, "no encoder, sharp samples, slower to train")
    if data.is_image:
        return [vae, wae, wgan]
    if data.dataset.modes() is not None:
        return [vae, ({"name": "gan"}, "the classical game; may lose modes"), wgan]
    return [vae, wae, *([({"name": "flow"}, "exact likelihood, no latent size")] if data.size > 1 else [])]


def _metrics(data: Data) -> list[str]:
    """Of the metrics that fit the data, those that say most; the first is the objective."""
    is_known = data.dataset.modes() is not None
    enough = data.is_image or data.n_held_out >= _ENOUGH * data.size
    wanted = [*(["fid"] if data.is_image else []), "sliced_wasserstein", "wasserstein",
              *(["fid"] if not data.is_image and enough else []), *(["mode_coverage"] if is_known else [])]  # fmt: skip
    return [name for name in wanted if not cast(Metric, build("metrics", name)).misfit(data.dataset)]


def _budget(data: Data) -> tuple[int, int, int]:
    """Batch size, epochs, and epochs from one report to the next."""
    batch = min(64, max(2, 2 ** int(math.log2(data.n_train / 4))))
    epochs = min(max(round(_BATCHES[data.is_image] * batch / data.n_train), _EPOCHS[0]), _EPOCHS[1])
    every = max(1, epochs // _REPORTS)
    return batch, every * _REPORTS, every


def _of_features(data: Data, file: str) -> Iterator[Line]:
    """How FID is to be had of data for which no features ship."""
    if not data.is_image or "fid" in _metrics(data):
        return
    yield "", f"For FID, in features of these data: gensweep train-extractor --of {file} -o features.pt2, and above"
    yield "", "    objective: fid"
    yield "", "    metrics: [{name: fid, extractor: file:features.pt2}, sliced_wasserstein]"


def _flow(value: Any) -> str:
    """The value as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    text = yaml_of([value]).removeprefix("- ").rstrip("\n")
    return (
        f'"{value}"'
        if isinstance(value, str) and text == value and re.search(r"[,\[\]{}#]", value) and "(" not in value
        else text
    )
