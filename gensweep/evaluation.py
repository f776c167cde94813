"""Scores of anything: a trial, a checkpoint, a folder of images, an array. And what the scores on a dataset mean.

subject(what) -> a model -> evaluate(model, dataset, metrics, split): one row a metric, with its protocol
sanity_rows(dataset, metrics, split): the same metrics on the data themselves and on models that learn nothing
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import ValidationError

from gensweep import component, registry
from gensweep.datasets import _arrays, _images
from gensweep.datasets.base import Dataset, SplitName, load
from gensweep.errors import ConfigError, GensweepError, suggest
from gensweep.ledger import checkpoints
from gensweep.ledger.checkpoints import Checkpoint
from gensweep.ledger.sweep_folder import SweepFolder, sweeps
from gensweep.ledger.trial_folder import TrialFolder
from gensweep.metrics._reference_cache import cached
from gensweep.metrics._sample_metric import SampleMetric
from gensweep.metrics._samples import subset
from gensweep.metrics.base import Metric, Model, Score, ScoreProtocol, scorer
from gensweep.spaces.configuration import TrialConfiguration
from gensweep.spaces.messages import explain
from gensweep.trainers.checkpoint import from_bytes
from gensweep.trial import TrainedModel, build_game, build_trainee

_ACCEPTED = (
    "a trial (NAME/NUMBER), a trial's or a checkpoint's folder, a folder of images, or a .npy or .npz file of samples"
)
_BASELINES: dict[str, dict[str, Any]] = {
    "memoriser": {"name": "memoriser"},
    "class means": {"name": "class_means"},
    "PCA Gaussian": {"name": "pca_gaussian"},
    "uniform noise": {"name": "uniform_noise"},
}
_SANITY = 1  # raised when a baseline changes


@dataclass(frozen=True)
class Evaluated:
    """One metric's score of one subject, and the protocol that it was taken by."""

    metric: str
    score: Score
    protocol: ScoreProtocol

    def row(self) -> dict[str, Any]:
        """For a table or JSON: value, details, how many of what were compared, and the protocol's hash."""
        content = self.protocol.content
        details = ", ".join(f"{name} {value:.4g}" for name, value in self.score.details.items())
        sizes = {name: content.get(name, content.get("n")) for name in ("n_fake", "n_real")}
        return {
            "metric": self.metric,
            "value": self.score.value,
            "details": details,
            **sizes,
            "split": content["split"],
            "protocol": self.protocol.hash,
        }


@dataclass(frozen=True)
class Subject:
    """What is evaluated, and the dataset that it was trained on, where that is known."""

    model: Model
    dataset: Dataset | None = None


class TooFew(GensweepError):
    """A metric asks for more samples than there are."""


class GivenSamples:
    """Samples [n, *shape] that were made elsewhere, as a model. It has no encoder and no likelihood."""

    def __init__(self, items: torch.Tensor) -> None:
        self.items = items

    def samples(self, n: int) -> torch.Tensor:
        """The first n.

        Raises:
            TooFew: there are fewer.
        """
        if n > len(self.items):
            raise TooFew(f"{n} samples are needed, {len(self.items)} are given")
        return self.items[:n]

    def reconstructions(self, x: torch.Tensor) -> torch.Tensor | None:
        """None."""
        return None

    def codes(self, x: torch.Tensor) -> torch.Tensor | None:
        """None."""
        return None

    def log_likelihood(self, x: torch.Tensor) -> tuple[torch.Tensor, bool] | None:
        """None."""
        return None


def members(kind: str, text: str) -> list[Any]:
    """The members of `kind` that a line names: `fid,kid,n=500` are fid as it is and kid with n = 500.

    Raises:
        ConfigError: with every mistake in it.
    """
    nodes: list[dict[str, Any]] = []
    for part in _parts(text):
        name, equals, value = part.partition("=")
        if not equals:
            nodes.append({"name": name})
        elif not nodes:
            raise ConfigError(f"'{text}': the name comes first, as in fid,n_fake=1000.")
        else:
            nodes[-1][name] = _plain(value)
    if not nodes:
        raise ConfigError(f"'{text}' names none of {kind}. {suggest('', registry.names(kind))}")
    return [_built(kind, node) for node in nodes]


def dataset_of(text: str) -> Dataset:
    """The dataset that `name` or `name,key=value` describes.

    Raises:
        ConfigError: it is not one, or its data are not here.
    """
    found = members("datasets", text)
    if len(found) != 1:
        raise ConfigError(f"--reference {text}: one dataset is needed, as in fashion_mnist,train_size=1000.")
    dataset = cast(Dataset, found[0])
    if problem := dataset.problem():
        raise ConfigError(problem)
    return dataset


def subject(what: str, runs: Path, reference: Dataset | None, *, latest: bool = False, resize: bool = False) -> Subject:
    """What `what` names, as something that can be evaluated.

    Args:
        what: a trial (NAME/NUMBER), a trial's or a checkpoint's folder, a folder of images, or a .npy or .npz file.
        runs: the folder of sweeps.
        reference: the dataset that samples made elsewhere have the shape and range of.
        latest: a trial's newest checkpoint instead of its best.
        resize: images of another size to the reference's, by Pillow's bicubic filter, instead of an error.

    Raises:
        ConfigError: there is no such thing, or it cannot be read; the message names the file.
    """
    path = Path(what).expanduser()
    if (path / checkpoints.MANIFEST).is_file():
        return _of_checkpoint(path.parent.parent, _whole(path))
    if (path / "configuration.json").is_file():
        return _of_trial(path, latest=latest)
    if path.exists() or re.search(r"\.npz(:.*)?$|\.npy$", what):
        if reference is None:
            raise ConfigError(f"{what}: name the data to compare it with, as in --reference fashion_mnist.")
        items = _images_in(path, reference, resize=resize) if path.is_dir() else _array_in(what, reference)
        return Subject(GivenSamples(items), reference)
    return _of_trial(_trial_path(what, runs), latest=latest)


def evaluate(model: Model, dataset: Dataset, metrics: Sequence[Metric], split: SplitName) -> Iterator[Evaluated]:
    """Each metric's score of `model` against `split` of `dataset`, as soon as it is known.

    Where fewer samples are given than a metric takes by default, it takes them all, and its protocol says so.

    Raises:
        ConfigError: a metric has no meaning on the dataset, or was asked for more samples than are given.
    """
    if problems := [problem for metric in metrics if (problem := metric.misfit(dataset))]:
        raise ConfigError("\n".join(problems))
    for metric in metrics:
        name = str(metric.dump()["name"])
        try:
            _refuse_few(metric, model)
            bound = scorer(metric, dataset, split)
            score = bound.score(model)
        except TooFew as error:
            bound = _with_all(metric, cast(GivenSamples, model), dataset, split, error)
            score = bound.score(model)
        yield Evaluated(name, score, bound.protocol)


def sanity_rows(
    dataset: Dataset, metrics: Sequence[Metric], split: SplitName = "validation"
) -> list[dict[str, float | str]]:
    """What the scores on a dataset mean: one row each for the floor, training items, and models that learn nothing.

    A row maps `row` to its name and each metric to its value; a metric that cannot be computed has none. Computed once
    per protocol, and kept in GENSWEEP_CACHE.
    """
    return list(sanity(dataset, metrics, split))


def sanity(dataset: Dataset, metrics: Sequence[Metric], split: SplitName) -> Iterator[dict[str, float | str]]:
    """The rows of `sanity_rows`, each as soon as it is known."""
    fitting = [metric for metric in metrics if metric.misfit(dataset) is None]
    train = load(dataset).train
    found = {
        "training items": _sanity(
            "training items", GivenSamples(subset(train, len(train), 0, "sanity")), dataset, fitting, split
        )
    }
    yield {
        "row": "floor",
        **{name: s.details["floor"] for name, s in found["training items"].items() if "floor" in s.details},
    }
    yield {"row": "training items", **_values(found["training items"])}
    for row, node in _BASELINES.items():
        yield {"row": row, **_values(_sanity(row, _baseline(dataset, node), dataset, fitting, split, node))}


def _sanity(
    row: str,
    model: Model,
    dataset: Dataset,
    metrics: Sequence[Metric],
    split: SplitName,
    node: Mapping[str, Any] | None = None,
) -> dict[str, Score]:
    scores = {}
    for metric in metrics:
        bound = scorer(metric, dataset, split)

        def compute(bound: Any = bound) -> dict[str, torch.Tensor]:
            try:
                score = bound.score(model)
            except TooFew:
                score = Score(math.nan)
            return {
                name: torch.tensor(v, dtype=torch.float64) for name, v in {"": score.value, **score.details}.items()
            }

        kept = cached(
            {"sanity": _SANITY, "row": row, "family": node, "protocol": dict(bound.protocol.content)}, compute
        )
        values = {name: float(value) for name, value in kept.items()}
        scores[str(metric.dump()["name"])] = Score(values.pop(""), values)
    return scores


def _values(scores: Mapping[str, Score]) -> dict[str, float]:
    return {name: score.value for name, score in scores.items() if not math.isnan(score.value)}


def _baseline(dataset: Dataset, family: Mapping[str, Any]) -> TrainedModel:
    configuration = TrialConfiguration.model_validate({
        "dataset": dataset, "network": "mlp", "family": family, "training": {"batch_size": 2, "epochs": 1},
        "evaluation": {"metrics": ["wasserstein"]},
    })  # fmt: skip
    return TrainedModel(build_game(configuration), configuration, torch.device("cpu"))


def _refuse_few(metric: Metric, model: Model) -> None:
    """Find out before the features of a reference that is too large are computed in vain."""
    if isinstance(metric, SampleMetric) and isinstance(model, GivenSamples):
        wanted = metric.n or metric.default_n
        if wanted > len(model.items):
            raise TooFew(f"{wanted} samples are needed, {len(model.items)} are given")


def _with_all(metric: Metric, model: GivenSamples, dataset: Dataset, split: SplitName, error: TooFew) -> Any:
    """The scorer of `metric` with as many samples as there are.

    Raises:
        ConfigError: the number was given, or they are too few for any.
    """
    fields, node = type(metric).model_fields, metric.dump()
    size = next((name for name in ("n_fake", "n") if name in fields), None)
    if size is None or (size in metric.model_fields_set and node[size] is not None):
        raise ConfigError(f"metric {node['name']}: {error}. Give more samples, or a smaller {size or 'number'}.")
    n = len(model.items) // node.get("replicates", 1)
    n = n if size == "n_fake" else min(n, len(load(dataset).split(split)))
    try:
        return scorer(cast(Metric, component.build("metrics", {**node, size: n})), dataset, split)
    except ValidationError:
        raise ConfigError(f"metric {node['name']}: {len(model.items)} samples are too few for it.") from None


def _of_trial(path: Path, *, latest: bool) -> Subject:
    folder = TrialFolder(path)
    checkpoint = folder.newest() if latest else folder.best() or folder.newest()
    if checkpoint is None:
        raise ConfigError(f"{path}: the trial has no checkpoint that verifies. It ended before its first evaluation.")
    return _of_checkpoint(path, checkpoint)


def _of_checkpoint(trial: Path, checkpoint: Checkpoint) -> Subject:
    described = TrialFolder(trial).configuration()
    if described is None:
        raise ConfigError(f"{checkpoint.path}: {trial / 'configuration.json'} is missing, so its networks are unknown.")
    configuration = TrialConfiguration.model_validate(described)
    device = torch.device("cpu")
    trainee = build_trainee(configuration, build_game(configuration), device)
    trainee.restore(from_bytes(checkpoint.read("state.pt"), device)["trainee"])
    return Subject(TrainedModel(trainee.averaged(), configuration, device), cast(Dataset, configuration.dataset))


def _whole(path: Path) -> Checkpoint:
    checkpoint = checkpoints.at(path)
    if checkpoint is None:
        raise ConfigError(f"{path}: a torn or altered checkpoint: its files do not have the digests of its manifest.")
    return checkpoint


def _trial_path(what: str, runs: Path) -> Path:
    name, _, number = what.rpartition("/")
    if not name or not number.isdecimal():
        raise ConfigError(f"'{what}': no such file or folder. Accepted: {_ACCEPTED}.")
    if not (runs / name / "sweep.yaml").exists():
        raise ConfigError(f"there is no sweep '{name}' in {runs}. {suggest(name, [f.name for f in sweeps(runs)])}")
    folder = SweepFolder.open(runs / name)
    trials = folder.state().trials
    if int(number) not in trials:
        raise ConfigError(f"{name} has no trial {number}. It has {len(trials)} trials, from 0 on.")
    return folder.path / "trials" / trials[int(number)].folder_name


def _images_in(folder: Path, reference: Dataset, *, resize: bool) -> torch.Tensor:
    """The images of a folder [n, *shape], in the reference's range."""
    files = _images.image_files(folder)
    if len(reference.shape) != 3 or reference.bounds is None or reference.shape[0] not in (1, 3):
        raise ConfigError(f"{folder}: images cannot be compared with the {_named(reference)}.")
    channels, height, width = reference.shape
    size = _images.common_size(files) if not resize else None
    if size not in (None, (height, width)):
        raise ConfigError(
            f"{folder}: images of {size[0]} x {size[1]} pixels, and the {_named(reference)}. Resizing changes every "
            "score; --resize does it, by Pillow's bicubic filter."
        )
    form = _images.Form(1 if channels == 1 else 3, height if resize else None, "bicubic")
    low, high = reference.bounds
    return low + (high - low) * torch.cat(list(_images.decoded(files, form)))


def _array_in(what: str, reference: Dataset) -> torch.Tensor:
    """The items of an array [n, *shape]: bytes are scaled to the reference's range, other numbers must lie in it."""
    file, _, key = what.partition(":") if ".npz:" in what else (what, "", "")
    items = _arrays.open_items(Path(file).expanduser(), key or None, None)
    if items.shape != reference.shape:
        raise ConfigError(f"{file}: items of shape {items.shape}, and the {_named(reference)}.")
    low, high = reference.bounds or (0.0, 1.0)
    everything = torch.arange(len(items.array))
    if items.array.dtype == "uint8" and reference.bounds:
        return low + (high - low) * torch.cat(list(items.blocks(everything)))
    checked = _arrays.Items(items.file, items.array, items.shape, reference.bounds, 1.0)
    return torch.cat(list(checked.blocks(everything)))


def _named(reference: Dataset) -> str:
    return f"items of {reference.dump()['name']} have shape {reference.shape}"


def _parts(text: str) -> list[str]:
    """What stands between the commas outside brackets."""
    depth, parts = 0, [""]
    for letter in text:
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def _plain(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _built(kind: str, node: dict[str, Any]) -> Any:
    try:
        return component.build(kind, node)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, line['loc']))}: {explain(line)}" for line in error.errors()]
        raise ConfigError("\n".join(f"{node['name']} {line}" for line in lines)) from None
