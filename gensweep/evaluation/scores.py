"""Any metrics on any subject, each score with the protocol that it was taken by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from gensweep.datasets.base import Dataset, SplitName, load
from gensweep.errors import ConfigError
from gensweep.evaluation.given import GivenSamples, TooFew
from gensweep.metrics.base import Metric, Model, Score, ScoreProtocol, Scorer, scorer


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


def refuse_misfits(metrics: Sequence[Metric], dataset: Dataset) -> None:
    """Raise ConfigError with every metric that has no meaning on the data."""
    if problems := [problem for metric in metrics if (problem := metric.misfit(dataset))]:
        raise ConfigError("\n".join(problems))


def evaluate(model: Model, dataset: Dataset, metrics: Sequence[Metric], split: SplitName) -> Iterator[Evaluated]:
    """Each metric's score of `model` against `split` of `dataset`, as soon as it is known.

    Where fewer samples are given than a metric takes by default, it takes them all, and its protocol says so. How given
    samples were prepared, as files of 8 bits or resized, is in the protocol under `preparation`, so that such a score has
    a hash of its own. Samples as they are, of a trained model or from an array of floats, have the metric's protocol.

    Raises:
        ConfigError: a metric has no meaning on the dataset, or was asked for more samples than are given.
    """
    refuse_misfits(metrics, dataset)
    for metric in metrics:
        name = metric.name
        try:
            _refuse_few(metric, model)
            bound = scorer(metric, dataset, split)
            score = bound.score(model)
        except TooFew as error:
            assert isinstance(model, GivenSamples)  # nothing else runs out
            bound = _with_all(metric, model, dataset, split, error)
            score = bound.score(model)
        yield Evaluated(name, score, _with_preparation(bound.protocol, model))


def _with_preparation(protocol: ScoreProtocol, model: Model) -> ScoreProtocol:
    preparation = model.preparation if isinstance(model, GivenSamples) else None
    return ScoreProtocol({**protocol.content, "preparation": preparation}) if preparation else protocol


def _refuse_few(metric: Metric, model: Model) -> None:
    """Find out before the features of a reference that is too large are computed in vain."""
    wanted = metric.n_wanted()
    if wanted and isinstance(model, GivenSamples) and wanted > len(model.items):
        raise TooFew(f"{wanted} samples are needed, {len(model.items)} are given")


def _with_all(metric: Metric, model: GivenSamples, dataset: Dataset, split: SplitName, error: TooFew) -> Scorer:
    """The scorer of `metric` with as many samples as there are.

    Raises:
        ConfigError: the number was given, or they are too few for any.
    """
    fields, node = type(metric).model_fields, metric.dump()
    size = next((name for name in ("n_fake", "samples", "n") if name in fields), None)
    if size is None or (size in metric.model_fields_set and node[size] is not None):
        raise ConfigError(f"metric {node['name']}: {error}. Give more samples, or a smaller {size or 'number'}.")
    n = len(model.items) // node.get("replicates", 1)
    n = min(n, len(load(dataset).split(split))) if size == "n" else n
    try:
        return scorer(type(metric).model_validate({**node, size: n}), dataset, split)
    except ValidationError:
        raise ConfigError(f"metric {node['name']}: {len(model.items)} samples are too few for it.") from None
